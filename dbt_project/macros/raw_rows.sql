{#-
The rows of a raw table that the night may know: every staging model reads its source by this.

The upper bound is the only way in which a build depends on its night.
-#}
{% macro raw_rows(source_name, entity) -%}
    (
        select *
        from {{ source(source_name, source_name ~ '__' ~ entity) }}
        where _window_start <= cast('{{ var("night") }}' as date)
    )
{%- endmacro %}
