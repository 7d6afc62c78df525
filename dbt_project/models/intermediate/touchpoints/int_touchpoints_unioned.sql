-- Every touchpoint with its channel and whether it earns; with the batch that brought it.
with

final as (

    select
        touches.touchpoint_id,
        touches.person_id,
        touches.touched_at,
        traffic.channel,
        traffic.rule_number as channel_rule_number,
        touches.campaign_id,
        touches.interaction,
        touches.traffic_medium,
        touches.traffic_source,
        touches.traffic_content,
        touches.session_key,
        touches.source_system,
        touches.source_event_key,
        cast(1 as decimal(18, 12)) as touch_weight,
        touches.is_automated,
        touches._batch_id,
        touches._landed_at,
        coalesce(interactions.is_earning, false) and not touches.is_automated as is_earning,
        coalesce(interactions.is_only_without_click, false) as is_only_without_click,
        coalesce(interactions.window_kind, 'click') as window_kind
    from {{ ref('int_touches_merged') }} as touches
    left join {{ ref('int_traffic_classified') }} as traffic
        on
            touches.traffic_source is not distinct from traffic.traffic_source
            and touches.traffic_medium is not distinct from traffic.traffic_medium
            and touches.campaign_id is not distinct from traffic.campaign_id
    left join {{ world_rows('touch_interactions', ['interaction']) }} as interactions
        on touches.interaction = interactions.interaction

)

select * from final
