-- Every touchpoint with its channel and whether it earns; with the batch that brought it. A visit
-- that television may have brought keeps what its inferred touches leave it; they and the touch
-- that stands for the visit are one step of a path, in which those of television come first.
with

interactions as (

    select * from {{ world_rows('touch_interactions', ['interaction']) }} as setting_rows

),

inferred as (

    select
        inferred_touches.touchpoint_id,
        inferred_touches.person_id,
        inferred_touches.touched_at,
        'inferred' as interaction,
        inferred_touches.campaign_id,
        'tv' as traffic_source,
        'spot' as traffic_medium,
        inferred_touches.session_key,
        inferred_touches.visit_touchpoint_id,
        inferred_touches.source_event_key,
        inferred_touches.tv_weight,
        inferred_touches._batch_id,
        inferred_touches._landed_at,
        -- What earns nothing is in no path, so it takes no place in its step.
        case when interactions.is_earning then inferred_touches.tv_weight else 0 end
            as earning_weight
    from {{ ref('int_tv_touches_inferred') }} as inferred_touches
    left join interactions on interactions.interaction = 'inferred'

),

ordered_inferred as (

    select
        *,
        sum(earning_weight) over (
            partition by visit_touchpoint_id
            order by touchpoint_id
            rows between unbounded preceding and current row
        ) - earning_weight as step_weight_before
    from inferred

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
        visit_touchpoint_id,
        cast(sum(tv_weight) as decimal(18, 12)) as tv_weight,
        cast(sum(earning_weight) as decimal(18, 12)) as earning_weight
    from inferred
    group by visit_touchpoint_id

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
        tv_shares.visit_touchpoint_id as step_id,
        cast(coalesce(tv_shares.earning_weight, 0) as decimal(18, 12)) as step_weight_before,
        touches.interaction as step_interaction,
        touches.is_automated,
        touches._batch_id,
        touches._landed_at
    from {{ ref('int_touches_merged') }} as touches
    left join tv_shares on touches.touchpoint_id = tv_shares.visit_touchpoint_id
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
        inferred.visit_touchpoint_id as step_id,
        cast(inferred.step_weight_before as decimal(18, 12)) as step_weight_before,
        visits.interaction as step_interaction,
        false as is_automated,
        inferred._batch_id,
        inferred._landed_at
    from ordered_inferred as inferred
    inner join inferred_channels
        on inferred.campaign_id is not distinct from inferred_channels.campaign_id
    left join {{ ref('int_touches_merged') }} as visits
        on inferred.visit_touchpoint_id = visits.touchpoint_id

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
        touches.step_id,
        touches.step_weight_before,
        touches.is_automated,
        touches._batch_id,
        touches._landed_at,
        coalesce(interactions.is_earning, false) and not touches.is_automated as is_earning,
        -- A step lies in a window as a whole, or not at all: by what stands for its visit.
        coalesce(step_interactions.is_only_without_click, false) as is_only_without_click,
        coalesce(step_interactions.window_kind, 'click') as window_kind
    from touches
    left join interactions on touches.interaction = interactions.interaction
    left join interactions as step_interactions
        on touches.step_interaction = step_interactions.interaction

)

select * from final
