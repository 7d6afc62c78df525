{#-
The rows of a raw table that the night may know: every staging model reads its source by this.

The upper bound is the only way in which a build depends on its night. The night is no dbt
variable, since another value of one makes dbt parse the whole project again: the plugin gives it
to the connection, as `build_night()`.
-#}
{% macro raw_rows(source_name, entity) -%}
    (
        select *
        from {{ source(source_name, source_name ~ '__' ~ entity) }}
        where _window_start <= build_night()
    )
{%- endmacro %}
