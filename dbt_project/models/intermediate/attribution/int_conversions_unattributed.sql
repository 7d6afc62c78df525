-- Conversions without a path, and why none of their person's touches earned them.
with

path_conversions as (

    select distinct conversion_id
    from {{ ref('int_credits_computed') }}

),

without_path as (

    select
        windows.conversion_id,
        windows.person_id,
        windows.converted_at,
        windows.click_window_begins_at,
        windows.path_begins_at,
        windows.path_ends_at
    from {{ ref('int_conversion_windows_set') }} as windows
    left join path_conversions
        on windows.conversion_id = path_conversions.conversion_id
    where path_conversions.conversion_id is null

),

earlier_touches as (

    select
        without_path.conversion_id,
        max(case when touchpoints.is_earning then 1 else 0 end) as has_earning_touch,
        max(
            case
                when touchpoints.touched_at >= without_path.click_window_begins_at then 1 else 0
            end
        ) as has_touch_in_window,
        max(
            case
                when
                    touchpoints.is_earning
                    and touchpoints.touched_at >= without_path.click_window_begins_at
                    and touchpoints.touched_at < without_path.path_begins_at
                    then 1
                else 0
            end
        ) as has_touch_before_path,
        max(
            case
                when
                    touchpoints.is_earning
                    and touchpoints.touched_at >= without_path.path_ends_at
                    then 1
                else 0
            end
        ) as has_touch_after_application
    from without_path
    inner join {{ ref('int_touchpoints_unioned') }} as touchpoints
        on
            without_path.person_id = touchpoints.person_id
            and without_path.converted_at > touchpoints.touched_at
    group by without_path.conversion_id

),

-- In a closed month the reason stays, whatever touches have come since.
frozen_reasons as (

    select
        conversion_id,
        unattributed_reason
    from {{ ref('int_credits_frozen') }}
    where touchpoint_id is null

),

final as (

    select
        without_path.conversion_id,
        case
            when frozen_reasons.conversion_id is not null then frozen_reasons.unattributed_reason
            when earlier_touches.conversion_id is null then 'no_touchpoint'
            when earlier_touches.has_touch_before_path = 1 then 'ended_by_earlier_conversion'
            when earlier_touches.has_touch_in_window = 0 then 'outside_window'
            when earlier_touches.has_earning_touch = 0 then 'nothing_earning'
            when earlier_touches.has_touch_after_application = 1 then 'after_application'
            else 'nothing_earning_in_window'
        end as unattributed_reason
    from without_path
    left join earlier_touches on without_path.conversion_id = earlier_touches.conversion_id
    left join frozen_reasons on without_path.conversion_id = frozen_reasons.conversion_id

)

select * from final
