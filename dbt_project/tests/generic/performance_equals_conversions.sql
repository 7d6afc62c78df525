{#-
Fails with each model, date basis, month and currency whose totals aren't those of the conversions;
what adjusts a closed month is its own.

What nothing but touches puts into a month is compared over all months.
-#}
{% test performance_equals_conversions(model, conversions, events) %}
with

booked as (

    select
        conversion_id,
        cast(date_trunc('month', booked_date) as date) as month,
        currency,
        revenue_cents
    from {{ events }}

),

first_income as (

    select
        conversion_id,
        min(month) as month
    from booked
    where revenue_cents > 0
    group by conversion_id

),

-- One row for every place in which a conversion or its money must be found.
placed as (

    select
        'conversion' as date_basis,
        {{ business_month('converted_at') }} as month,
        currency,
        1 as conversions,
        revenue_cents,
        pending_fee_cents
    from {{ conversions }}

    union all

    select
        'touch' as date_basis,
        null as month,
        currency,
        1 as conversions,
        revenue_cents,
        pending_fee_cents
    from {{ conversions }}

    union all

    select
        'cash' as date_basis,
        coalesce(
            first_income.month, {{ business_month('conversions.converted_at') }}
        ) as month,
        conversions.currency,
        1 as conversions,
        0 as revenue_cents,
        conversions.pending_fee_cents
    from {{ conversions }} as conversions
    left join first_income on conversions.conversion_id = first_income.conversion_id

    union all

    select
        'cash' as date_basis,
        month,
        currency,
        0 as conversions,
        revenue_cents,
        0 as pending_fee_cents
    from booked

),

expected as (

    select
        models.model,
        placed.date_basis,
        placed.month,
        placed.currency,
        sum(placed.conversions) as conversions,
        sum(placed.revenue_cents) as revenue_cents,
        sum(placed.pending_fee_cents) as pending_fee_cents
    from placed
    cross join {{ model_names() }} as models
    group by models.model, placed.date_basis, placed.month, placed.currency

),

actual as (

    select
        model,
        date_basis,
        case when date_basis <> 'touch' then coalesce(adjusts_month, month) end as month,
        currency,
        sum(conversions) as conversions,
        sum(acquisition_conversions + cross_sell_conversions + skip_referral_conversions)
            as typed_conversions,
        sum(revenue_cents) as revenue_cents,
        sum(acquisition_revenue_cents + cross_sell_revenue_cents + skip_referral_revenue_cents)
            as typed_revenue_cents,
        sum(pending_fee_cents) as pending_fee_cents
    from {{ model }}
    group by
        model,
        date_basis,
        case when date_basis <> 'touch' then coalesce(adjusts_month, month) end,
        currency

)

select
    coalesce(expected.model, actual.model) as model,
    coalesce(expected.date_basis, actual.date_basis) as date_basis,
    coalesce(expected.month, actual.month) as month,
    coalesce(expected.currency, actual.currency) as currency
from expected
full join actual
    on
        expected.model = actual.model
        and expected.date_basis = actual.date_basis
        and coalesce(expected.month, date '1900-01-01')
        = coalesce(actual.month, date '1900-01-01')
        and expected.currency = actual.currency
where
    coalesce(expected.conversions, 0) <> coalesce(actual.conversions, 0)
    or coalesce(expected.conversions, 0) <> coalesce(actual.typed_conversions, 0)
    or coalesce(expected.revenue_cents, 0) <> coalesce(actual.revenue_cents, 0)
    or coalesce(expected.revenue_cents, 0) <> coalesce(actual.typed_revenue_cents, 0)
    or coalesce(expected.pending_fee_cents, 0) <> coalesce(actual.pending_fee_cents, 0)
{% endtest %}
