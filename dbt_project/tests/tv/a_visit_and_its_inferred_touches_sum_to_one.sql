-- Fails with each session whose inferred touches and whose visit (or what stands for it) don't sum
-- to a whole touch, and with each step whose touches aren't of one person, moment and window, each
-- behind the weight of those before it.
with

inferred as (

    select
        session_key,
        sum(tv_weight) as tv_weight
    from {{ ref('int_tv_touches_inferred') }}
    group by session_key

),

kept as (

    select
        touches.visit_session_key as session_key,
        touchpoints.touch_weight
    from {{ ref('int_touches_merged') }} as touches
    inner join {{ ref('int_touchpoints_unioned') }} as touchpoints
        on touches.touchpoint_id = touchpoints.touchpoint_id
    where touches.visit_session_key is not null

),

step_touches as (

    select
        *,
        sum(touch_weight) over (
            partition by step_id
            order by step_weight_before, touchpoint_id
            rows between unbounded preceding and current row
        ) - touch_weight as weight_before
    from {{ ref('int_touchpoints_unioned') }}
    where step_id is not null and is_earning and touch_weight > 0

),

torn_steps as (

    select step_id
    from step_touches
    group by step_id
    having
        count(distinct person_id) > 1
        or count(distinct touched_at) > 1
        or count(distinct window_kind) > 1
        or count(distinct is_only_without_click) > 1
        or max(case when step_weight_before <> weight_before then 1 else 0 end) = 1

)

select
    inferred.session_key,
    inferred.tv_weight,
    kept.touch_weight
from inferred
left join kept on inferred.session_key = kept.session_key
where
    coalesce(kept.touch_weight, 0) <= 0
    or inferred.tv_weight + coalesce(kept.touch_weight, 0) <> 1

union all

select
    step_id as session_key,
    null as tv_weight,
    null as touch_weight
from torn_steps
