-- Every touchpoint with its channel and whether it earns; with the batch that brought it. A visit
-- that television may have brought keeps what its inferred touches leave it.
with

inferred as (

    select
        touchpoint_id,
        person_id,
        touched_at,
        'inferred' as interaction,
        campaign_id,
        'tv' as traffic_source,
        'spot' as traffic_medium,
        session_key,
        source_event_key,
        tv_weight,
        _batch_id,
        _landed_at
    from {{ ref('int_tv_touches_inferred') }}

),

inferred_traffic as (

    select distinct
        traffic_source,
        traffic_medium,
        campaign_id
    from inferred

),

inferred_channels as (

    {{ channels_by_rule('inferred_traffic', ['traffic_source', 'traffic_medium', 'campaign_id']) }}

),

tv_shares as (

    select
        session_key,
        cast(sum(tv_weight) as decimal(18, 12)) as tv_weight
    from inferred
    group by session_key

),

touches as (

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
        cast(1 - coalesce(tv_shares.tv_weight, 0) as decimal(18, 12)) as touch_weight,
        touches.is_automated,
        touches._batch_id,
        touches._landed_at
    from {{ ref('int_touches_merged') }} as touches
    left join tv_shares on touches.visit_session_key = tv_shares.session_key
    left join {{ ref('int_traffic_classified') }} as traffic
        on
            touches.traffic_source is not distinct from traffic.traffic_source
            and touches.traffic_medium is not distinct from traffic.traffic_medium
            and touches.campaign_id is not distinct from traffic.campaign_id

    union all

    select
        inferred.touchpoint_id,
        inferred.person_id,
        inferred.touched_at,
        inferred_channels.channel,
        inferred_channels.rule_number as channel_rule_number,
        inferred.campaign_id,
        inferred.interaction,
        inferred.traffic_medium,
        inferred.traffic_source,
        cast(null as varchar) as traffic_content,
        inferred.session_key,
        'tv' as source_system,
        inferred.source_event_key,
        inferred.tv_weight as touch_weight,
        false as is_automated,
        inferred._batch_id,
        inferred._landed_at
    from inferred
    inner join inferred_channels
        on inferred.campaign_id is not distinct from inferred_channels.campaign_id

),

final as (

    select
        touches.touchpoint_id,
        touches.person_id,
        touches.touched_at,
        touches.channel,
        touches.channel_rule_number,
        touches.campaign_id,
        touches.interaction,
        touches.traffic_medium,
        touches.traffic_source,
        touches.traffic_content,
        touches.session_key,
        touches.source_system,
        touches.source_event_key,
        touches.touch_weight,
        touches.is_automated,
        touches._batch_id,
        touches._landed_at,
        coalesce(interactions.is_earning, false) and not touches.is_automated as is_earning,
        coalesce(interactions.is_only_without_click, false) as is_only_without_click,
        coalesce(interactions.window_kind, 'click') as window_kind
    from touches
    left join {{ world_rows('touch_interactions', ['interaction']) }} as interactions
        on touches.interaction = interactions.interaction

)

select * from final
