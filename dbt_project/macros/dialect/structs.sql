{#- One row for every entry of a list; a column of a select. -#}
{% macro unnested(entries) -%}
    unnest({{ entries }})
{%- endmacro %}


{#- A field of a struct. -#}
{% macro struct_field(entry, field) -%}
    {{ entry }}['{{ field }}']
{%- endmacro %}
