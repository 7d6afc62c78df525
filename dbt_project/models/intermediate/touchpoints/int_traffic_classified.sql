-- The channel of every kind of traffic: the first rule whose patterns all match.
with

traffic as (

    select
        traffic_source,
        traffic_medium,
        campaign_id
    from {{ ref('int_touches_merged') }}

    union

    select
        platform as traffic_source,
        cast(null as varchar) as traffic_medium,
        campaign_code as campaign_id
    from {{ ref('stg_media__spend') }}

    union

    select
        lower(vendor) as traffic_source,
        cast(null as varchar) as traffic_medium,
        campaign_code as campaign_id
    from {{ ref('stg_media__list_purchases') }}

    union

    select
        cast(null as varchar) as traffic_source,
        cast(null as varchar) as traffic_medium,
        campaign_code as campaign_id
    from {{ ref('stg_media__program_costs') }}

    union

    select
        lower(campaign_type) as traffic_source,
        lower(campaign_type) as traffic_medium,
        coalesce(campaign_code, 'salesforce:' || salesforce_campaign_id) as campaign_id
    from {{ ref('stg_salesforce__campaigns') }}

),

final as (

    select
        traffic.traffic_source,
        traffic.traffic_medium,
        traffic.campaign_id,
        channel_rules.channel,
        channel_rules.rule_number
    from traffic
    inner join {{ ref('channel_rules') }} as channel_rules
        on
            regexp_matches(
                coalesce(traffic.traffic_source, ''), coalesce(channel_rules.source_pattern, '')
            )
            and regexp_matches(
                coalesce(traffic.traffic_medium, ''), coalesce(channel_rules.medium_pattern, '')
            )
            and regexp_matches(
                coalesce(traffic.campaign_id, ''), coalesce(channel_rules.campaign_pattern, '')
            )
    qualify row_number() over (
        partition by traffic.traffic_source, traffic.traffic_medium, traffic.campaign_id
        order by channel_rules.rule_number
    ) = 1

)

select * from final
