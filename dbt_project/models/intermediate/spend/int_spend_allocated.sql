-- What we paid, by campaign and day, in cents of the currency of the bill.
with

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

platform_channels as (

    select
        traffic_source as platform,
        channel
    from {{ ref('int_traffic_classified') }}
    where traffic_medium is null and campaign_id is null

),

-- A bill that names no campaign stays in the channel of its platform.
media_spend as (

    select
        spend.spend_date,
        spend.currency,
        'media' as spend_kind,
        cast(spend.cost_amount * 100 as bigint) as spend_cents,
        coalesce(spend.campaign_code, 'no_campaign') as campaign_id,
        coalesce(spend.impressions, 0) as impressions,
        coalesce(spend.clicks, 0) as clicks,
        platform_channels.channel as platform_channel
    from {{ ref('stg_media__spend') }} as spend
    left join platform_channels on spend.platform = platform_channels.platform
    where spend.cost_amount is not null and spend.spend_date is not null

),

-- The price of a list is spent as its mails are sent.
list_spend as (

    select
        spend_date,
        currency,
        spend_kind,
        spend_cents,
        campaign_id,
        0 as impressions,
        0 as clicks,
        case when spend_kind = 'list_unsent' then 'unallocated' end as platform_channel
    from {{ ref('int_list_prices_spread') }}

),

program_costs as (

    select
        program_cost_id,
        currency,
        cast(date_trunc('month', period_month) as date) as period_month,
        cast(cost_amount * 100 as bigint) as cost_cents,
        coalesce(campaign_code, 'no_campaign') as campaign_id
    from {{ ref('stg_media__program_costs') }}
    where cost_amount is not null and period_month is not null

),

program_days as (

    select
        *,
        {{ numbers_to(days_in_month('period_month') ~ ' - 1') }} as days_since
    from program_costs

),

-- The cost of a period is spent evenly over the days of its month.
program_spend as (

    select
        period_month + cast(days_since as integer) as spend_date,
        currency,
        'program' as spend_kind,
        {{ exact_part('cost_cents', '(days_since + 1)', '1', days_in_month('period_month')) }}
            as spend_cents,
        campaign_id,
        0 as impressions,
        0 as clicks,
        cast(null as varchar) as platform_channel
    from program_days

),

spend as (

    select * from media_spend
    union all
    select * from list_spend
    union all
    select * from program_spend

),

channelled_spend as (

    select
        spend.spend_date,
        spend.currency,
        spend.spend_kind,
        spend.spend_cents,
        spend.impressions,
        spend.clicks,
        spend.campaign_id,
        coalesce(campaigns.channel, spend.platform_channel, 'Unassigned') as channel
    from spend
    left join campaigns on spend.campaign_id = campaigns.campaign_id

),

final as (

    select
        spend_date,
        campaign_id,
        channel,
        currency,
        spend_kind,
        cast(sum(spend_cents) as bigint) as spend_cents,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(clicks) as bigint) as clicks
    from channelled_spend
    group by spend_date, campaign_id, channel, currency, spend_kind

)

select * from final
