{#- The id of a person whose smallest identifier has this pseudonym. -#}
{% macro person_id_of(identifier_hmac) -%}
    'per_' || left({{ identifier_hmac }}, 24)
{%- endmacro %}
