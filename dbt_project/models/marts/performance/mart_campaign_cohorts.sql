{% set columns = cohort_types() | list | join(', ') %}

-- What each month's spend and touches of a campaign led to, by the month in which it was booked.
-- Closed months are their frozen rows; what adjusts one stands in the first open month.
with

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

frontier as (

    select * from {{ closed_frontier() }} as last_closed

),

frozen as (

    select * from {{ ref('stg_ledger__closed_campaign_cohorts') }}

),

-- Rows of closed months stand as they were frozen: only what lies behind them is summed.
credit_sums as (

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        month,
        adjusts_month,
        cast(sum(revenue_cents) as bigint) as revenue_cents,
        sum(conversion_millionths) as conversion_millionths,
        sum(
            case when conversion_type = 'acquisition' then conversion_millionths else 0 end
        ) as acquisition_millionths
    from {{ ref('int_cohort_credits_booked') }}
    where month > coalesce((select frontier.closed_through from frontier), date '0001-01-01')
    group by campaign_id, cohort_month, currency, model, month, adjusts_month

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

-- A cohort that a closed month shows goes on, also where nothing of it is left.
known_cohorts as (

    select
        campaign_id,
        cohort_month,
        currency
    from {{ ref('int_cohort_credits_booked') }}

    union

    select
        campaign_id,
        cohort_month,
        currency
    from frozen

),

spent_cohorts as (

    select
        coalesce(spend_sums.campaign_id, known_cohorts.campaign_id) as campaign_id,
        coalesce(spend_sums.cohort_month, known_cohorts.cohort_month) as cohort_month,
        coalesce(spend_sums.currency, known_cohorts.currency) as currency,
        coalesce(spend_sums.spend_cents, 0) as spend_cents
    from spend_sums
    full join known_cohorts
        on
            spend_sums.campaign_id = known_cohorts.campaign_id
            and spend_sums.cohort_month = known_cohorts.cohort_month
            and spend_sums.currency = known_cohorts.currency

),

-- Spend at the rate of its month.
cohorts as (

    select
        spent_cohorts.*,
        {{ exactly_converted(
            'spent_cohorts.spend_cents',
            rate_to_reporting('spent_cohorts.currency', 'fx_rates'),
            'spent_cohorts.cohort_month, spent_cohorts.currency', 'spent_cohorts.campaign_id'
        ) }} as spend_reporting_cents
    from spent_cohorts
    left join {{ ref('fx_rates') }} as fx_rates
        on {{ is_rate_of('fx_rates', 'spent_cohorts.cohort_month', 'spent_cohorts.currency') }}

),

-- Every cohort goes on to the last month of which anything is known, and to the first open one.
last_month as (

    select
        greatest(
            max(greatest(credits.touch_month, credits.conversion_month, credits.cash_month)),
            max(frontier.first_open_month)
        ) as month
    from {{ ref('int_credits_summed') }} as credits
    cross join frontier

),

cohort_months as (

    select
        cohorts.campaign_id,
        cohorts.cohort_month,
        cohorts.currency,
        models.model,
        {{ numbers_to(months_between('cohorts.cohort_month', 'last_month.month')) }}
            as months_since
    from cohorts
    cross join last_month
    cross join {{ model_names() }} as models

),

row_keys as (

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        {{ months_later('cohort_month', 'months_since') }} as month,
        cast(null as date) as adjusts_month
    from cohort_months

    union

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        month,
        adjusts_month
    from credit_sums

),

joined as (

    select
        row_keys.*,
        {{ months_between('row_keys.cohort_month', 'row_keys.month') }} as months_since,
        cohorts.spend_cents,
        cohorts.spend_reporting_cents,
        coalesce(credit_sums.conversion_millionths, 0) as conversion_millionths,
        coalesce(credit_sums.acquisition_millionths, 0) as acquisition_millionths,
        coalesce(credit_sums.revenue_cents, 0) as revenue_cents
    from row_keys
    inner join cohorts
        on
            row_keys.campaign_id = cohorts.campaign_id
            and row_keys.cohort_month = cohorts.cohort_month
            and row_keys.currency = cohorts.currency
    left join credit_sums
        on
            row_keys.campaign_id = credit_sums.campaign_id
            and row_keys.cohort_month = credit_sums.cohort_month
            and row_keys.currency = credit_sums.currency
            and row_keys.model = credit_sums.model
            and row_keys.month = credit_sums.month
            and row_keys.adjusts_month is not distinct from credit_sums.adjusts_month
    where
        row_keys.month
        > coalesce((select frontier.closed_through from frontier), date '0001-01-01')

),

-- What it led to at the rate of the month in which it was booked; an adjustment takes back what the
-- month showed, so it is converted at that month's.
reported as (

    select
        joined.*,
        {{ exactly_converted(
            'joined.revenue_cents', rate_to_reporting('joined.currency', 'fx_rates'),
            'joined.month, joined.adjusts_month, joined.model, joined.currency',
            'joined.campaign_id, joined.cohort_month desc'
        ) }} as revenue_reporting_cents
    from joined
    left join {{ ref('fx_rates') }} as fx_rates
        on {{ is_rate_of(
            'fx_rates', 'coalesce(joined.adjusts_month, joined.month)', 'joined.currency'
        ) }}

),

-- Behind what the closed months show of the cohort.
all_rows as (

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        month,
        adjusts_month,
        months_since,
        spend_cents,
        spend_reporting_cents,
        conversion_millionths,
        acquisition_millionths,
        revenue_cents,
        revenue_reporting_cents,
        false as is_frozen
    from reported

    union all

    select
        campaign_id,
        cohort_month,
        currency,
        model,
        month,
        adjusts_month,
        months_since,
        spend_cents,
        spend_reporting_cents,
        cast(conversions * 1000000 as bigint) as conversion_millionths,
        cast(acquisition_conversions * 1000000 as bigint) as acquisition_millionths,
        revenue_cents,
        revenue_reporting_cents,
        true as is_frozen
    from frozen

),

cumulated as (

    select
        *,
        cast(sum(revenue_cents) over cohort_so_far as bigint) as cumulative_revenue_cents,
        cast(sum(revenue_reporting_cents) over cohort_so_far as bigint)
            as cumulative_revenue_reporting_cents,
        sum(conversion_millionths) over cohort_so_far as cumulative_millionths,
        sum(acquisition_millionths) over cohort_so_far as cumulative_acquisition_millionths
    from all_rows
    window
        cohort_so_far as (
            partition by campaign_id, cohort_month, currency, model
            order by month, adjusts_month nulls last
            rows between unbounded preceding and current row
        )

),

-- Paid back in the first month at whose end all that came in covers what was spent, as far as it
-- was known when the month was closed.
paid_back as (

    select
        *,
        min(
            case
                when
                    adjusts_month is null
                    and spend_cents > 0
                    and cumulative_revenue_cents >= spend_cents
                    then months_since
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
        paid_back.adjusts_month,
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
    where not paid_back.is_frozen

)

select {{ columns }} from final
union all
select {{ columns }} from frozen
