{#-
Fails with each of the columns that is null in any row, and says in how many.

One test a model reads all its columns at once: a test a column would make most nodes of a night.
-#}
{% test never_null(model, columns) %}
with

null_counts as (

    select
    {% for column in columns %}
    count(case when {{ column }} is null then 1 end) as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from {{ model }}

)

{% for column in columns %}
select
    '{{ column }}' as column_name,
    {{ column }} as null_count
from null_counts
where {{ column }} > 0
{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}
