{#-
The rows of a seed that hold in this world: a row of the world goes before the row `*`.

Args: the seed, and the columns that name one rule.
-#}
{% macro world_rows(seed, key) -%}
    (
        select *
        from {{ ref(seed) }}
        where world in ('*', '{{ var("world") }}')
        qualify row_number() over (
            partition by {{ key | join(", ") }}
            order by case when world = '*' then 1 else 0 end
        ) = 1
    )
{%- endmacro %}
