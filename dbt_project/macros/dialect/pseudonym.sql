{#-
The keyed pseudonym of a text: the first 32 hex digits of its HMAC-SHA256.

The plugin touchproof.dbt_plugin brings the function and the key; SQL never sees the key.
-#}
{% macro pseudonym(text) -%}
    pseudonym({{ text }})
{%- endmacro %}
