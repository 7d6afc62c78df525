{% set models = attribution_models() %}

-- What each month's spend and touches of a campaign led to, by the month in which it was booked.
with

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

-- What was booked before its touch (a source may date back) counts in the touch's own month.
aged_credits as (

    select
        campaign_id,
        touch_month as cohort_month,
        currency,
        conversion_type,
        greatest(0, {{ months_between('touch_month', 'cash_month') }}) as months_since,
    {% for model in models %}
    cast(sum({{ model }}_units) as hugeint) as {{ model }}_units,
    cast(sum({{ model }}_revenue_cents) as bigint)
        as {{ model }}_revenue_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_summed') }}
    group by
        campaign_id,
        touch_month,
        currency,
        conversion_type,
        greatest(0, {{ months_between('touch_month', 'cash_month') }})

),

credits as (

    select * from {{ one_row_a_model(
        'aged_credits',
        ['campaign_id', 'cohort_month', 'currency', 'conversion_type', 'months_since'],
        ['units', 'revenue_cents']
    ) }} as model_rows

),

-- In the order of mart_campaign_performance, so that a cohort's conversions sum to those there.
running_credits as (

    select
        *,
        sum(units) over (
            partition by currency, model, conversion_type
            order by cohort_month, campaign_id, months_since
            rows between unbounded preceding and current row
        ) as running_units
    from credits

),

counted_credits as (

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        conversion_type,
        months_since,
        revenue_cents,
        {{ millionths_of_units('running_units', 'units') }} as conversion_millionths
    from running_credits

),

credit_sums as (

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        months_since,
        cast(sum(revenue_cents) as bigint) as revenue_cents,
        sum(conversion_millionths) as conversion_millionths,
        sum(
            case when conversion_type = 'acquisition' then conversion_millionths else 0 end
        ) as acquisition_millionths
    from counted_credits
    group by campaign_id, cohort_month, currency, model, months_since

),

spend_sums as (

    select
        campaign_id,
        currency,
        cast(date_trunc('month', spend_date) as date) as cohort_month,
        cast(sum(spend_cents) as bigint) as spend_cents
    from {{ ref('int_spend_allocated') }}
    group by campaign_id, cast(date_trunc('month', spend_date) as date), currency

),

credited_months as (

    select distinct
        campaign_id,
        cohort_month,
        currency
    from aged_credits

),

cohorts as (

    select
        coalesce(spend_sums.campaign_id, credited_months.campaign_id) as campaign_id,
        coalesce(spend_sums.cohort_month, credited_months.cohort_month) as cohort_month,
        coalesce(spend_sums.currency, credited_months.currency) as currency,
        coalesce(spend_sums.spend_cents, 0) as spend_cents
    from spend_sums
    full join credited_months
        on
            spend_sums.campaign_id = credited_months.campaign_id
            and spend_sums.cohort_month = credited_months.cohort_month
            and spend_sums.currency = credited_months.currency

),

-- Every cohort goes on to the last month of which anything is known.
last_month as (

    select max(greatest(touch_month, conversion_month, cash_month)) as month
    from {{ ref('int_credits_summed') }}

),

cohort_months as (

    select
        cohorts.campaign_id,
        cohorts.cohort_month,
        cohorts.currency,
        cohorts.spend_cents,
        models.model,
        {{ numbers_to(months_between('cohorts.cohort_month', 'last_month.month')) }}
            as months_since
    from cohorts
    cross join last_month
    cross join {{ model_names() }} as models

),

joined as (

    select
        cohort_months.campaign_id,
        cohort_months.cohort_month,
        cohort_months.months_since,
        cohort_months.model,
        cohort_months.currency,
        cohort_months.spend_cents,
        {{ months_later('cohort_months.cohort_month', 'cohort_months.months_since') }} as month,
        coalesce(credit_sums.conversion_millionths, 0) as conversion_millionths,
        coalesce(credit_sums.acquisition_millionths, 0) as acquisition_millionths,
        coalesce(credit_sums.revenue_cents, 0) as revenue_cents
    from cohort_months
    left join credit_sums
        on
            cohort_months.campaign_id = credit_sums.campaign_id
            and cohort_months.cohort_month = credit_sums.cohort_month
            and cohort_months.currency = credit_sums.currency
            and cohort_months.model = credit_sums.model
            and cohort_months.months_since = credit_sums.months_since

),

-- Spend at the rate of its month, what it led to at the rate of the month in which it was booked.
converted as (

    select
        joined.*,
        {{ rate_to_reporting('joined.currency', 'spend_rates') }} as spend_fx_rate,
        {{ rate_to_reporting('joined.currency', 'revenue_rates') }} as revenue_fx_rate
    from joined
    left join {{ ref('fx_rates') }} as spend_rates
        on {{ is_rate_of('spend_rates', 'joined.cohort_month', 'joined.currency') }}
    left join {{ ref('fx_rates') }} as revenue_rates
        on {{ is_rate_of('revenue_rates', 'joined.month', 'joined.currency') }}

),

reported as (

    select
        *,
        {{ exactly_converted(
            'spend_cents', 'spend_fx_rate',
            'cohort_month, months_since, model, currency', 'campaign_id'
        ) }} as spend_reporting_cents,
        {{ exactly_converted(
            'revenue_cents', 'revenue_fx_rate', 'month, model, currency', 'campaign_id, months_since'
        ) }} as revenue_reporting_cents
    from converted

),

cumulated as (

    select
        *,
        cast(sum(revenue_cents) over cohort_so_far as bigint) as cumulative_revenue_cents,
        cast(sum(revenue_reporting_cents) over cohort_so_far as bigint)
            as cumulative_revenue_reporting_cents,
        sum(conversion_millionths) over cohort_so_far as cumulative_millionths,
        sum(acquisition_millionths) over cohort_so_far as cumulative_acquisition_millionths
    from reported
    window
        cohort_so_far as (
            partition by campaign_id, cohort_month, currency, model
            order by months_since
            rows between unbounded preceding and current row
        )

),

-- Paid back in the first month at whose end all that came in covers what was spent.
paid_back as (

    select
        *,
        min(
            case
                when spend_cents > 0 and cumulative_revenue_cents >= spend_cents then months_since
            end
        ) over (partition by campaign_id, cohort_month, currency, model) as payback_months
    from cumulated

),

final as (

    select
        paid_back.campaign_id,
        coalesce(campaigns.campaign_name, paid_back.campaign_id) as campaign_name,
        {{ channel_of_campaign('campaigns.channel', 'paid_back.campaign_id') }} as channel,
        paid_back.cohort_month,
        cast(paid_back.months_since as integer) as months_since,
        paid_back.month,
        paid_back.model,
        paid_back.currency,
        paid_back.spend_cents,
        {{ as_conversions('paid_back.conversion_millionths') }} as conversions,
        {{ as_conversions('paid_back.acquisition_millionths') }} as acquisition_conversions,
        paid_back.revenue_cents,
        {{ as_conversions('paid_back.cumulative_millionths') }} as cumulative_conversions,
        {{ as_conversions('paid_back.cumulative_acquisition_millionths') }}
            as cumulative_acquisition_conversions,
        paid_back.cumulative_revenue_cents,
        {{ ratio('paid_back.cumulative_revenue_cents', 'paid_back.spend_cents') }}
            as cumulative_roas,
        {{ ratio(
            'paid_back.cumulative_revenue_cents - paid_back.spend_cents', 'paid_back.spend_cents'
        ) }} as cumulative_roi,
        cast(paid_back.payback_months as integer) as payback_months,
        '{{ var("reporting_currency") }}' as reporting_currency,
        paid_back.spend_reporting_cents,
        paid_back.revenue_reporting_cents,
        paid_back.cumulative_revenue_reporting_cents
    from paid_back
    left join campaigns on paid_back.campaign_id = campaigns.campaign_id

)

select * from final
