-- The window of every conversion: how far back a touch counts, and where its path begins and ends.
with

-- A path ends at the application: what touches between it and the funding brought nobody to apply.
conversions as (

    select
        *,
        case
            when application_started_at < converted_at then application_started_at
            else converted_at
        end as path_ends_at
    from {{ ref('int_conversions_unioned') }}

),

world_settings as (

    select * from {{ world_rows('attribution_settings', ['conversion_type', 'product_line']) }}
        as setting_rows

),

-- The most exact setting of this world counts: of the type and line, the type, the line, or any.
chosen_settings as (

    select
        conversions.conversion_id,
        world_settings.click_lookback_days,
        world_settings.view_lookback_days,
        world_settings.half_life_days,
        world_settings.first_weight,
        world_settings.middle_weight,
        world_settings.last_weight,
        world_settings.w_first_weight,
        world_settings.w_lead_weight,
        world_settings.w_last_weight,
        world_settings.w_middle_weight,
        world_settings.path_transform,
        world_settings.direct_channel
    from conversions
    inner join world_settings
        on
            world_settings.conversion_type in ('*', conversions.conversion_type)
            and world_settings.product_line in ('*', conversions.product_line)
    qualify row_number() over (
        partition by conversions.conversion_id
        order by
            case when world_settings.conversion_type = '*' then 1 else 0 end,
            case when world_settings.product_line = '*' then 1 else 0 end
    ) = 1

),

product_lines as (

    select distinct product_line
    from conversions

),

earlier_sales as (

    select distinct
        sale_route,
        product_line
    from conversions

),

product_pairs as (

    select
        earlier.sale_route as earlier_sale_route,
        earlier.product_line as earlier_product_line,
        later.product_line as later_product_line,
        path_rules.is_path_ended
    from earlier_sales as earlier
    cross join product_lines as later
    inner join {{ ref('path_rules') }} as path_rules
        on
            path_rules.earlier_sale_route in ('*', earlier.sale_route)
            and path_rules.earlier_product_line in ('*', earlier.product_line)
            and path_rules.later_product_line in ('*', later.product_line)
    qualify row_number() over (
        partition by earlier.sale_route, earlier.product_line, later.product_line
        order by
            case when path_rules.earlier_sale_route = '*' then 1 else 0 end,
            case when path_rules.earlier_product_line = '*' then 1 else 0 end,
            case when path_rules.later_product_line = '*' then 1 else 0 end
    ) = 1

),

-- A conversion that ends the path takes all touches before it with it; one that was funded only
-- after the later one's application takes those before its own application.
earlier_conversions as (

    select
        later.conversion_id,
        max(
            case
                when earlier.converted_at <= later.path_ends_at then earlier.converted_at
                when earlier.path_ends_at < later.path_ends_at then earlier.path_ends_at
            end
        ) as path_begins_at
    from conversions as later
    inner join conversions as earlier
        on
            later.person_id = earlier.person_id
            and later.converted_at > earlier.converted_at
    inner join product_pairs
        on
            earlier.sale_route = product_pairs.earlier_sale_route
            and earlier.product_line = product_pairs.earlier_product_line
            and later.product_line = product_pairs.later_product_line
            and product_pairs.is_path_ended
    group by later.conversion_id

),

final as (

    select
        conversions.conversion_id,
        -- A short key for the many rows of the paths; it means nothing beyond one build.
        row_number() over (order by conversions.conversion_id) as conversion_number,
        conversions.person_id,
        conversions.converted_at,
        earlier_conversions.path_begins_at,
        conversions.path_ends_at,
        chosen_settings.half_life_days,
        chosen_settings.first_weight,
        chosen_settings.middle_weight,
        chosen_settings.last_weight,
        chosen_settings.w_first_weight,
        chosen_settings.w_lead_weight,
        chosen_settings.w_last_weight,
        chosen_settings.w_middle_weight,
        chosen_settings.path_transform,
        chosen_settings.direct_channel,
        -- A person who became a lead after the application was none on this path.
        case
            when leads.lead_created_at <= conversions.path_ends_at then leads.lead_created_at
        end as lead_created_at,
        {{ shifted(
            'conversions.converted_at', '-1 * chosen_settings.click_lookback_days', 'days'
        ) }} as click_window_begins_at,
        {{ shifted(
            'conversions.converted_at', '-1 * chosen_settings.view_lookback_days', 'days'
        ) }} as view_window_begins_at
    from conversions
    inner join chosen_settings on conversions.conversion_id = chosen_settings.conversion_id
    left join earlier_conversions
        on conversions.conversion_id = earlier_conversions.conversion_id
    left join {{ ref('int_leads_dated') }} as leads on conversions.person_id = leads.person_id

)

select * from final
