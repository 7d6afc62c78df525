{#-
A tag of a link (source, medium, content, campaign) that may be shown outside the PII layers.

Tags come from links that anybody can write: what looks like an address or a long number is hidden.
-#}
{% macro plain_tag(tag) -%}
    case
        when regexp_matches({{ tag }}, '@|%40|[0-9]{7,}') then '(hidden)'
        else {{ tag }}
    end
{%- endmacro %}
