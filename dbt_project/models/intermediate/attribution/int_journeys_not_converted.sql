-- Touches that led to no conversion (yet): those after a person's last conversion that ended a
-- path, inside the window before the last of them.
with

settings as (

    select
        click_lookback_days,
        view_lookback_days,
        path_transform
    from {{ world_rows('attribution_settings', ['conversion_type', 'product_line']) }}
        as setting_rows
    where conversion_type = '*' and product_line = '*'

),

earlier_sales as (

    select distinct
        sale_route,
        product_line
    from {{ ref('int_conversions_unioned') }}

),

-- Nobody knows what the next product will be: the rules of any later product line hold.
ending_sales as (

    select
        earlier_sales.sale_route,
        earlier_sales.product_line
    from earlier_sales
    inner join {{ ref('path_rules') }} as path_rules
        on
            path_rules.earlier_sale_route in ('*', earlier_sales.sale_route)
            and path_rules.earlier_product_line in ('*', earlier_sales.product_line)
            and path_rules.later_product_line = '*'
    qualify
        row_number() over (
            partition by earlier_sales.sale_route, earlier_sales.product_line
            order by
                case when path_rules.earlier_sale_route = '*' then 1 else 0 end,
                case when path_rules.earlier_product_line = '*' then 1 else 0 end
        ) = 1
        and path_rules.is_path_ended

),

last_conversions as (

    select
        conversions.person_id,
        max(conversions.converted_at) as path_begins_at
    from {{ ref('int_conversions_unioned') }} as conversions
    inner join ending_sales
        on
            conversions.sale_route = ending_sales.sale_route
            and conversions.product_line = ending_sales.product_line
    group by conversions.person_id

),

open_touches as (

    select
        touchpoints.person_id,
        touchpoints.touchpoint_id,
        touchpoints.touched_at,
        touchpoints.channel,
        touchpoints.interaction,
        touchpoints.step_id,
        touchpoints.step_weight_before,
        touchpoints.window_kind,
        touchpoints.is_only_without_click,
        max(touchpoints.touched_at) over (partition by touchpoints.person_id) as ended_at
    from {{ ref('int_touchpoints_unioned') }} as touchpoints
    left join last_conversions on touchpoints.person_id = last_conversions.person_id
    where
        touchpoints.is_earning
        and touchpoints.touch_weight > 0
        and (
            last_conversions.path_begins_at is null
            or touchpoints.touched_at >= last_conversions.path_begins_at
        )

),

candidates as (

    select
        open_touches.*,
        settings.path_transform,
        -- A view counts only where no click lies in its window.
        max(
            case
                when
                    open_touches.interaction = 'click'
                    and open_touches.touched_at
                    >= {{ shifted(
                        'open_touches.ended_at', '-1 * settings.view_lookback_days', 'days'
                    ) }}
                    then 1
                else 0
            end
        ) over (partition by open_touches.person_id) = 1 as has_click
    from open_touches
    cross join settings
    where
        open_touches.touched_at
        >= case
            when open_touches.window_kind = 'view'
                then {{ shifted(
                    'open_touches.ended_at', '-1 * settings.view_lookback_days', 'days'
                ) }}
            else {{ shifted(
                'open_touches.ended_at', '-1 * settings.click_lookback_days', 'days'
            ) }}
        end

),

final as (

    select
        person_id,
        touchpoint_id,
        touched_at,
        ended_at,
        channel,
        path_transform,
        row_number() over (partition by person_id order by {{ path_order('step_weight_before') }})
            as path_position
    from candidates
    where not (is_only_without_click and has_click)

)

select * from final
