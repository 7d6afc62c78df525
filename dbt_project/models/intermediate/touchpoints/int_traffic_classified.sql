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

    {{ channels_by_rule('traffic', ['traffic_source', 'traffic_medium', 'campaign_id']) }}

)

select * from final
