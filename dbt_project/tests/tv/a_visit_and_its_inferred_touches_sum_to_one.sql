-- Fails with each session whose inferred touches and whose visit (or what stands for it) don't sum
-- to a whole touch.
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
