{#- Fails with each model, month and currency whose totals aren't those of the conversions. -#}
{% test performance_equals_conversions(model, conversions, models) %}
with

expected as (

    select
        models.model,
        {{ business_month('conversions.converted_at') }} as month,
        conversions.currency,
        count(*) as conversions,
        sum(conversions.revenue_cents) as revenue_cents,
        sum(conversions.pending_fee_cents) as pending_fee_cents
    from {{ conversions }} as conversions
    cross join (
        {% for name in models %}
            {% if not loop.first %}union all{% endif %}
            select '{{ name }}' as model
        {% endfor %}
    ) as models
    group by models.model, {{ business_month('conversions.converted_at') }}, conversions.currency

),

actual as (

    select
        model,
        month,
        currency,
        sum(conversions) as conversions,
        sum(acquisition_conversions + cross_sell_conversions + skip_referral_conversions)
            as typed_conversions,
        sum(revenue_cents) as revenue_cents,
        sum(acquisition_revenue_cents + cross_sell_revenue_cents + skip_referral_revenue_cents)
            as typed_revenue_cents,
        sum(pending_fee_cents) as pending_fee_cents
    from {{ model }}
    group by model, month, currency

)

select
    coalesce(expected.model, actual.model) as model,
    coalesce(expected.month, actual.month) as month,
    coalesce(expected.currency, actual.currency) as currency
from expected
full join actual
    on
        expected.model = actual.model
        and expected.month = actual.month
        and expected.currency = actual.currency
where
    coalesce(expected.conversions, 0) <> coalesce(actual.conversions, 0)
    or coalesce(expected.conversions, 0) <> coalesce(actual.typed_conversions, 0)
    or coalesce(expected.revenue_cents, 0) <> coalesce(actual.revenue_cents, 0)
    or coalesce(expected.revenue_cents, 0) <> coalesce(actual.typed_revenue_cents, 0)
    or coalesce(expected.pending_fee_cents, 0) <> coalesce(actual.pending_fee_cents, 0)
{% endtest %}
