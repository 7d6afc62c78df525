{#-
Fails with each conversion that has no credit, or of which a model's weights don't sum to 1 or its
cents not to the revenue.
-#}
{% test credits_sum_exactly(model, conversions, models) %}
select
    coalesce(conversions.conversion_id, credits.conversion_id) as conversion_id
from {{ conversions }} as conversions
full join (
    select
        {% for name in models %}
            sum({{ name }}_weight) as {{ name }}_weight,
            sum({{ name }}_revenue_cents) as {{ name }}_revenue_cents,
            min({{ name }}_weight) as {{ name }}_lowest_weight,
        {% endfor %}
        conversion_id
    from {{ model }}
    group by conversion_id
) as credits
    on conversions.conversion_id = credits.conversion_id
where
    conversions.conversion_id is null
    or credits.conversion_id is null
    {% for name in models %}
        or credits.{{ name }}_weight is distinct from 1
        or credits.{{ name }}_lowest_weight < 0
        or credits.{{ name }}_revenue_cents is distinct from conversions.revenue_cents
    {% endfor %}
{% endtest %}
