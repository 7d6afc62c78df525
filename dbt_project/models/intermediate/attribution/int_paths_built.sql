-- The path of every conversion: its earning touchpoints inside the window, in order.
with

candidates as (

    select
        windows.conversion_id,
        windows.half_life_days,
        windows.first_weight,
        windows.middle_weight,
        windows.last_weight,
        windows.w_first_weight,
        windows.w_lead_weight,
        windows.w_last_weight,
        windows.w_middle_weight,
        windows.path_transform,
        windows.lead_created_at,
        touchpoints.touchpoint_id,
        touchpoints.touched_at,
        touchpoints.channel,
        touchpoints.is_only_without_click,
        cast(touchpoints.touch_weight * 1000000000000 as bigint) as touch_weight_units,
        touchpoints.channel = windows.direct_channel as is_direct,
        -- A view counts only where no click lies in its window.
        max(
            case
                when
                    touchpoints.interaction = 'click'
                    and touchpoints.touched_at >= windows.view_window_begins_at
                    then 1
                else 0
            end
        ) over (partition by windows.conversion_id) = 1 as has_click
    from {{ ref('int_conversion_windows_set') }} as windows
    inner join {{ ref('int_touchpoints_unioned') }} as touchpoints
        on
            windows.person_id = touchpoints.person_id
            -- Half-open: what touches at the moment of the application is too late.
            and windows.path_ends_at > touchpoints.touched_at
            and touchpoints.touched_at >= case
                when touchpoints.window_kind = 'view' then windows.view_window_begins_at
                else windows.click_window_begins_at
            end
            and touchpoints.touched_at
            >= coalesce(windows.path_begins_at, windows.click_window_begins_at)
    where touchpoints.is_earning and touchpoints.touch_weight > 0

),

numbered as (

    select
        conversion_id,
        touchpoint_id,
        touched_at,
        channel,
        is_direct,
        touch_weight_units,
        half_life_days,
        first_weight,
        middle_weight,
        last_weight,
        w_first_weight,
        w_lead_weight,
        w_last_weight,
        w_middle_weight,
        path_transform,
        touched_at <= lead_created_at as is_before_lead,
        row_number() over path_order as path_position,
        count(*) over whole_path as path_length,
        max(touched_at) over whole_path as last_touched_at
    from candidates
    where not (is_only_without_click and has_click)
    window
        path_order as (partition by conversion_id order by touched_at, touchpoint_id),
        whole_path as (partition by conversion_id)

),

final as (

    select
        conversion_id,
        touchpoint_id,
        touched_at,
        channel,
        is_direct,
        touch_weight_units,
        half_life_days,
        first_weight,
        middle_weight,
        last_weight,
        w_first_weight,
        w_lead_weight,
        w_last_weight,
        w_middle_weight,
        path_transform,
        path_position,
        path_length,
        {{ seconds_between('touched_at', 'last_touched_at') }} as seconds_before_last_touch,
        -- Where every touch is direct, the last one stands for the last that isn't.
        coalesce(
            max(case when not is_direct then path_position end)
                over (partition by conversion_id),
            path_length
        ) as last_non_direct_position,
        -- The touch that made the lead is the last one up to the lead's creation; null without one.
        max(case when is_before_lead then path_position end)
            over (partition by conversion_id) as lead_position
    from numbered

)

select * from final
