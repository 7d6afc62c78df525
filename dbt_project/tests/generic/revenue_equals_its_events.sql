{#- Fails with each conversion whose revenue or currency isn't that of its booked events. -#}
{% test revenue_equals_its_events(model, events) %}
select
    coalesce(conversions.conversion_id, booked.conversion_id) as conversion_id,
    conversions.revenue_cents,
    booked.revenue_cents as booked_cents
from {{ model }} as conversions
full join (
    select
        conversion_id,
        sum(revenue_cents) as revenue_cents,
        min(currency) as lowest_currency,
        max(currency) as highest_currency
    from {{ events }}
    group by conversion_id
) as booked
    on conversions.conversion_id = booked.conversion_id
where
    conversions.conversion_id is null
    or conversions.revenue_cents <> coalesce(booked.revenue_cents, 0)
    or conversions.currency <> booked.lowest_currency
    or conversions.currency <> booked.highest_currency
{% endtest %}
