{#-
Fails with each campaign, month, model and currency whose cohort isn't what the performance mart
shows on the touch basis, and with each cohort whose spend or payback differs between its rows of
open months; those of closed months say what was known then.

What adjusts a closed month is its own. Conversions of a closed month were rounded in several steps,
by conversion type: ten millionths may lie between.
-#}
{% test cohorts_equal_performance(model, performance) %}
with

frontier as (

    select coalesce(closed_through, date '0001-01-01') as closed_through
    from {{ closed_frontier() }} as last_closed

),

cohort_rows as (

    select
        cohort_rows.*,
        cohort_rows.month > frontier.closed_through as is_open,
        cohort_rows.adjusts_month is null as is_own
    from {{ model }} as cohort_rows
    cross join frontier

),

cohorts as (

    select
        campaign_id,
        cohort_month,
        model,
        currency,
        sum(conversions) as conversions,
        sum(acquisition_conversions) as acquisition_conversions,
        sum(revenue_cents) as revenue_cents,
        max_by(cumulative_conversions, months_since) filter (where is_own) as last_conversions,
        max_by(cumulative_revenue_cents, months_since) filter (where is_own)
            as last_revenue_cents,
        min(spend_cents) filter (where is_open) as spend_cents,
        max(spend_cents) filter (where is_open) as highest_spend_cents,
        count(distinct coalesce(payback_months, -1)) filter (where is_open) as payback_count
    from cohort_rows
    group by campaign_id, cohort_month, model, currency

),

touched as (

    select
        campaign_id,
        coalesce(adjusts_month, month) as month,
        model,
        currency,
        sum(spend_cents) as spend_cents,
        sum(conversions) as conversions,
        sum(acquisition_conversions) as acquisition_conversions,
        sum(revenue_cents) as revenue_cents,
        case
            when coalesce(adjusts_month, month) <= (select frontier.closed_through from frontier)
                then 0.00001
            else 0
        end as tolerance
    from {{ performance }}
    where date_basis = 'touch'
    group by campaign_id, coalesce(adjusts_month, month), model, currency

)

select
    coalesce(cohorts.campaign_id, touched.campaign_id) as campaign_id,
    coalesce(cohorts.cohort_month, touched.month) as cohort_month,
    coalesce(cohorts.model, touched.model) as model,
    coalesce(cohorts.currency, touched.currency) as currency
from cohorts
full join touched
    on
        cohorts.campaign_id = touched.campaign_id
        and cohorts.cohort_month = touched.month
        and cohorts.model = touched.model
        and cohorts.currency = touched.currency
where
    coalesce(cohorts.spend_cents, 0) <> coalesce(touched.spend_cents, 0)
    or coalesce(cohorts.highest_spend_cents, 0) <> coalesce(touched.spend_cents, 0)
    or coalesce(cohorts.payback_count, 1) <> 1
    or abs(coalesce(cohorts.conversions, 0) - coalesce(touched.conversions, 0))
    > coalesce(touched.tolerance, 0)
    or abs(coalesce(cohorts.last_conversions, 0) - coalesce(touched.conversions, 0))
    > coalesce(touched.tolerance, 0)
    or abs(
        coalesce(cohorts.acquisition_conversions, 0)
        - coalesce(touched.acquisition_conversions, 0)
    ) > coalesce(touched.tolerance, 0)
    or coalesce(cohorts.revenue_cents, 0) <> coalesce(touched.revenue_cents, 0)
    or coalesce(cohorts.last_revenue_cents, 0) <> coalesce(touched.revenue_cents, 0)
{% endtest %}
