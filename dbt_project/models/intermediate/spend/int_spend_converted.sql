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

final as (

    select
        spend.spend_date,
        spend.currency,
        cast(sum(cast(spend.cost_amount * 100 as bigint)) as bigint) as spend_cents,
        cast(sum(coalesce(spend.impressions, 0)) as bigint) as impressions,
        cast(sum(coalesce(spend.clicks, 0)) as bigint) as clicks,
        coalesce(spend.campaign_code, 'no_campaign') as campaign_id,
        coalesce(campaigns.channel, platform_channels.channel, 'Unassigned') as channel
    from {{ ref('stg_media__spend') }} as spend
    left join campaigns on spend.campaign_code = campaigns.campaign_id
    left join platform_channels on spend.platform = platform_channels.platform
    where spend.cost_amount is not null and spend.spend_date is not null
    group by
        spend.spend_date,
        coalesce(spend.campaign_code, 'no_campaign'),
        coalesce(campaigns.channel, platform_channels.channel, 'Unassigned'),
        spend.currency

)

select * from final
