-- What could be moved: bills and list prices by campaign and week. Costs of periods don't follow
-- what is spent from week to week, and what is unallocated belongs to no campaign.
with

spend as (

    select
        spend.campaign_id,
        spend.currency,
        spend.spend_cents,
        {{ week_start('spend.spend_date') }} as week_start_date,
        spend.spend_cents * {{ rate_to_reporting('spend.currency', 'fx_rates') }}
            as reporting_cents
    from {{ ref('int_spend_allocated') }} as spend
    inner join {{ ref('int_campaigns_unioned') }} as campaigns
        on spend.campaign_id = campaigns.campaign_id
    left join {{ ref('fx_rates') }} as fx_rates
        on
            {{ is_rate_of(
                'fx_rates', "cast(date_trunc('month', spend.spend_date) as date)", 'spend.currency'
            ) }}
    where spend.spend_kind in ('media', 'list')

),

final as (

    select
        campaign_id,
        currency,
        week_start_date,
        cast(sum(spend_cents) as bigint) as spend_cents,
        case
            when count(reporting_cents) = count(*)
                then cast(round(sum(reporting_cents)) as bigint)
        end as spend_reporting_cents
    from spend
    group by campaign_id, currency, week_start_date

)

select * from final
