{#-
The paths of conversions: earning touchpoints inside the window, in order. A visit and the touches
inferred from it are neighbours, and one step.

Args: windows, the relation of the conversions' windows; condition, those of them that count.
-#}
{% macro paths_of(windows, condition='true') %}
with

windows as (

    select * from {{ windows }}
    where {{ condition }}

),

candidates as (

    select
        windows.conversion_number,
        touches.touchpoint_id,
        touches.touched_at,
        touches.channel,
        touches.campaign_id,
        touches.step_id,
        cast(touches.touch_weight * 1000000000000 as bigint) as touch_weight_units,
        cast(touches.step_weight_before * 1000000000000 as bigint) as step_weight_before_units,
        touches.is_only_without_click,
        -- What was inferred from a visit isn't direct, whatever its channel is called.
        touches.channel = windows.direct_channel and touches.interaction <> 'inferred'
            as is_direct,
        touches.touched_at <= windows.lead_created_at as is_before_lead
    from windows
    inner join {{ ref('int_touchpoints_unioned') }} as touches
        on
            windows.person_id = touches.person_id
            -- Half-open: what touches at the moment of the application is too late.
            and windows.path_ends_at > touches.touched_at
            and touches.touched_at >= case
                when touches.window_kind = 'view' then windows.view_window_begins_at
                else windows.click_window_begins_at
            end
            and touches.touched_at
            >= coalesce(windows.path_begins_at, windows.click_window_begins_at)
    where touches.is_earning and touches.touch_weight > 0

),

-- A view counts only where no click lies in its window.
clicked_conversions as (

    select distinct windows.conversion_number
    from windows
    inner join {{ ref('int_touchpoints_unioned') }} as clicks
        on
            windows.person_id = clicks.person_id
            and windows.path_ends_at > clicks.touched_at
            and windows.view_window_begins_at <= clicks.touched_at
            and coalesce(windows.path_begins_at, windows.click_window_begins_at)
            <= clicks.touched_at
    where clicks.interaction = 'click' and clicks.is_earning and clicks.touch_weight > 0

),

counted_touches as (

    select candidates.*
    from candidates
    left join clicked_conversions
        on candidates.conversion_number = clicked_conversions.conversion_number
    where
        not candidates.is_only_without_click
        or clicked_conversions.conversion_number is null

),

numbered as (

    select
        conversion_number,
        touchpoint_id,
        touched_at,
        channel,
        campaign_id,
        touch_weight_units,
        step_weight_before_units,
        is_direct,
        -- A step counts where it begins; only its first touch has none of its weight before it.
        row_number() over path_order as path_position,
        count(case when step_weight_before_units = 0 then 1 end) over path_so_far
            as step_position,
        count(case when step_weight_before_units = 0 and not is_direct then 1 end)
            over path_so_far as non_direct_so_far,
        count(*) over whole_path as path_length,
        count(case when step_weight_before_units = 0 then 1 end) over whole_path as step_length,
        count(case when step_weight_before_units = 0 and not is_direct then 1 end)
            over whole_path as non_direct_count,
        count(case when step_weight_before_units = 0 and is_before_lead then 1 end)
            over whole_path as before_lead_count,
        max(touched_at) over whole_path as last_touched_at,
        min(touch_weight_units) over whole_path as lowest_weight_units
    from counted_touches
    window
        path_order as (partition by conversion_number order by {{ path_order() }}),
        path_so_far as (
            partition by conversion_number
            order by {{ path_order() }}
            rows between unbounded preceding and current row
        ),
        whole_path as (partition by conversion_number)

),

final as (

    select
        windows.conversion_id,
        numbered.conversion_number,
        numbered.touchpoint_id,
        numbered.touched_at,
        numbered.channel,
        numbered.campaign_id,
        numbered.is_direct,
        -- Only relations count: where all touches are whole, small numbers do.
        case
            when numbered.lowest_weight_units = 1000000000000 then 1
            else numbered.touch_weight_units
        end as touch_weight_units,
        numbered.step_weight_before_units,
        windows.half_life_days,
        windows.first_weight,
        windows.middle_weight,
        windows.last_weight,
        windows.w_first_weight,
        windows.w_lead_weight,
        windows.w_last_weight,
        windows.w_middle_weight,
        windows.path_transform,
        cast(numbered.path_position as integer) as path_position,
        cast(numbered.path_length as integer) as path_length,
        cast(numbered.step_position as integer) as step_position,
        cast(numbered.step_length as integer) as step_length,
        {{ seconds_between('numbered.touched_at', 'numbered.last_touched_at') }}
            as seconds_before_last_touch,
        -- The touches of the last step that has one that isn't direct, without its direct visit.
        -- Where every touch is direct, the last one stands for it.
        case
            when numbered.non_direct_count = 0 then numbered.path_position = numbered.path_length
            else
                not numbered.is_direct
                and numbered.non_direct_so_far = numbered.non_direct_count
        end as is_last_non_direct,
        -- The step that made the lead is the last one up to the lead's creation; null without one.
        cast(nullif(numbered.before_lead_count, 0) as integer) as lead_step_position
    from numbered
    inner join windows on numbered.conversion_number = windows.conversion_number

)

select * from final
{% endmacro %}
