with

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

final as (

    select
        campaign_id,
        campaign_name,
        channel,
        source_system,
        started_at,
        ended_at,
        objective,
        platform,
        currency
    from campaigns

)

select * from final
