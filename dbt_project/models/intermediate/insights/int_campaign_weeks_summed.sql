{% set models = attribution_models() %}

-- Spend of each week beside the revenue that every model credits to its touches, whenever booked.
with

settings as (

    select * from {{ ref('int_budget_settings_chosen') }}

),

week_spend as (

    select
        campaign_id,
        week_start_date,
        cast(sum(spend_reporting_cents) as bigint) as spend_reporting_cents
    from {{ ref('int_campaign_spend_weekly') }}
    group by campaign_id, week_start_date

),

-- The weeks of today count even without spend.
current_weeks as (

    select
        campaign_id,
        last_week_start_date - cast(7 * weeks_before as integer) as week_start_date
    from (
        select
            campaigns.campaign_id,
            settings.last_week_start_date,
            {{ numbers_to('settings.current_weeks - 1') }} as weeks_before
        from (select distinct campaign_id from week_spend) as campaigns
        cross join settings
    ) as counted_back

),

campaign_weeks as (

    select
        campaign_id,
        week_start_date
    from week_spend

    union

    select
        campaign_id,
        week_start_date
    from current_weeks

),

credits as (

    select
        credits.campaign_id,
        {{ week_start(business_date('credits.touched_at')) }} as week_start_date,
        {{ business_month('credits.touched_at') }} as month,
        conversions.currency,
    {% for model in models %}
    cast(sum(credits.{{ model }}_revenue_cents) as bigint)
        as {{ model }}_cents{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('int_credits_computed') }} as credits
    inner join {{ ref('int_conversions_unioned') }} as conversions
        on credits.conversion_id = conversions.conversion_id
    where credits.campaign_id is not null
    group by
        credits.campaign_id,
        {{ week_start(business_date('credits.touched_at')) }},
        {{ business_month('credits.touched_at') }},
        conversions.currency

),

week_revenue as (

    select
        credits.campaign_id,
        credits.week_start_date,
        min(
            case
                when {{ rate_to_reporting('credits.currency', 'fx_rates') }} is null then 0 else 1
            end
        ) = 1 as has_rates,
    {% for model in models %}
    sum(credits.{{ model }}_cents * {{ rate_to_reporting('credits.currency', 'fx_rates') }})
        as {{ model }}_cents{{ ',' if not loop.last }}
    {% endfor %}
    from credits
    left join {{ ref('fx_rates') }} as fx_rates
        on {{ is_rate_of('fx_rates', 'credits.month', 'credits.currency') }}
    group by credits.campaign_id, credits.week_start_date

),

joined as (

    select
        campaign_weeks.campaign_id,
        campaign_weeks.week_start_date,
        campaign_weeks.week_start_date <= settings.last_mature_week_start_date as is_mature,
        campaign_weeks.week_start_date between settings.first_current_week_start_date
        and settings.last_week_start_date as is_current,
        coalesce(week_revenue.has_rates, true) as has_rates,
        case
            when week_spend.campaign_id is null then 0 else week_spend.spend_reporting_cents
        end as spend_reporting_cents,
    {% for model in models %}
    coalesce(week_revenue.{{ model }}_cents, 0) as {{ model }}_cents{{ ',' if not loop.last }}
    {% endfor %}
    from campaign_weeks
    cross join settings
    left join week_spend
        on
            campaign_weeks.campaign_id = week_spend.campaign_id
            and campaign_weeks.week_start_date = week_spend.week_start_date
    left join week_revenue
        on
            campaign_weeks.campaign_id = week_revenue.campaign_id
            and campaign_weeks.week_start_date = week_revenue.week_start_date

),

final as (

    {% for model in models %}
    {% if not loop.first %}union all{% endif %}

    select
        campaign_id,
        week_start_date,
        '{{ model }}' as model,
        is_mature,
        is_current,
        cast(spend_reporting_cents as bigint) as spend_reporting_cents,
        -- A missing rate leaves no revenue at all, which the test of the column finds.
        case when has_rates then cast(round({{ model }}_cents) as bigint) end
            as revenue_reporting_cents
    from joined
    {% endfor %}

)

select * from final
