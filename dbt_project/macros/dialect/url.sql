{#- The host of a URL, in lower case; null where there is none. -#}
{% macro url_host(url) -%}
    nullif(lower(regexp_extract({{ url }}, '^[a-zA-Z]+://([^/?#:]+)', 1)), '')
{%- endmacro %}


{#- A URL without its query and fragment, which may name a person. -#}
{% macro url_without_query(url) -%}
    nullif(regexp_extract({{ url }}, '^[^?#]*'), '')
{%- endmacro %}
