{#-
Fails with each key whose values repeat and each column that is null, and says in how many cases.

One test a model reads everything at once: a test a column would make most nodes of a night. A key
of one column may be null; in a key of several, null is a value like any other.

Arguments:
    keys: Lists of columns, each list unique in itself.
    never_null: Columns without null.
-#}
{% test keyed(model, keys=[], never_null=[]) %}
with

{% for key in keys %}
repeated_{{ loop.index }} as (

    select {{ key | join(", ") }}
    from {{ model }}
    {% if key | length == 1 %}
    where {{ key[0] }} is not null
    {% endif %}
    group by {{ key | join(", ") }}
    having count(*) > 1

),

{% endfor %}
null_counts as (

    select
    {% for column in never_null %}
    count(case when {{ column }} is null then 1 end) as {{ column }},
    {% endfor %}
    count(*) as row_count
    from {{ model }}

)

{% for key in keys %}
select
    '{{ key | join(", ") }}' as columns_named,
    'repeats' as fault,
    count(*) as fault_count
from repeated_{{ loop.index }}
having count(*) > 0
{% if never_null or not loop.last %}union all{% endif %}
{% endfor %}
{% for column in never_null %}
select
    '{{ column }}' as columns_named,
    'is null' as fault,
    {{ column }} as fault_count
from null_counts
where {{ column }} > 0
{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}
