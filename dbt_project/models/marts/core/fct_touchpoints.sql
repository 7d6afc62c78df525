{{ config(materialized='incremental') }}

with

touchpoints as (

    select * from {{ ref('int_touchpoints_unioned') }}
    where person_id in (select dirty.person_id from {{ ref('int_persons_dirty') }} as dirty)

),

final as (

    select
        touchpoint_id,
        person_id,
        touched_at,
        channel,
        channel_rule_number,
        campaign_id,
        interaction,
        traffic_medium as medium,
        traffic_source as source,
        traffic_content as content,
        {{ pseudonym('session_key') }} as session_id,
        source_system,
        {{ pseudonym('source_event_key') }} as source_event_id,
        touch_weight,
        coalesce(step_id, touchpoint_id) as step_id,
        is_earning
    from touchpoints

)

select * from final
