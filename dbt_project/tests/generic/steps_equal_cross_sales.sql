{#- Fails with each model and currency whose sales or revenue aren't those of all cross-sales. -#}
{% test steps_equal_cross_sales(model, conversions) %}
with

expected as (

    select
        currency,
        count(*) as conversions,
        sum(revenue_cents) as revenue_cents
    from {{ conversions }}
    where conversion_type = 'cross_sell'
    group by currency

),

actual as (

    select
        models.model,
        steps.currency,
        sum(steps.conversions) as conversions,
        sum(steps.revenue_cents) as revenue_cents
    from (select distinct model from {{ model }}) as models
    left join {{ model }} as steps on models.model = steps.model
    group by models.model, steps.currency

)

select
    actual.model,
    coalesce(expected.currency, actual.currency) as currency
from expected
full join actual on expected.currency = actual.currency
where
    expected.conversions is distinct from actual.conversions
    or expected.revenue_cents is distinct from actual.revenue_cents
{% endtest %}
