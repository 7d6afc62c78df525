-- The window of every conversion: how far back a touch counts, and where its path begins.
with

conversions as (

    select * from {{ ref('int_conversions_unioned') }}

),

-- The most exact setting of this world counts: of the type and line, the type, the line, or any.
settings as (

    select
        conversions.conversion_id,
        settings.click_lookback_days,
        settings.view_lookback_days,
        settings.half_life_days,
        settings.first_weight,
        settings.middle_weight,
        settings.last_weight,
        settings.direct_channel
    from conversions
    inner join
        {{ world_rows('attribution_settings', ['conversion_type', 'product_line']) }} as settings
        on
            settings.conversion_type in ('*', conversions.conversion_type)
            and settings.product_line in ('*', conversions.product_line)
    qualify row_number() over (
        partition by conversions.conversion_id
        order by
            case when settings.conversion_type = '*' then 1 else 0 end,
            case when settings.product_line = '*' then 1 else 0 end
    ) = 1

),

product_pairs as (

    select
        pairs.earlier_product_line,
        pairs.later_product_line,
        path_rules.is_path_ended
    from (
        select distinct
            earlier.product_line as earlier_product_line,
            later.product_line as later_product_line
        from conversions as earlier
        cross join (select distinct product_line from conversions) as later
    ) as pairs
    inner join {{ ref('path_rules') }} as path_rules
        on
            path_rules.earlier_product_line in ('*', pairs.earlier_product_line)
            and path_rules.later_product_line in ('*', pairs.later_product_line)
    qualify row_number() over (
        partition by pairs.earlier_product_line, pairs.later_product_line
        order by
            case when path_rules.earlier_product_line = '*' then 1 else 0 end,
            case when path_rules.later_product_line = '*' then 1 else 0 end
    ) = 1

),

-- A conversion that ends the path takes all touches before it with it.
earlier_conversions as (

    select
        later.conversion_id,
        max(earlier.converted_at) as path_begins_at
    from conversions as later
    inner join conversions as earlier
        on
            later.person_id = earlier.person_id
            and later.converted_at > earlier.converted_at
    inner join product_pairs
        on
            earlier.product_line = product_pairs.earlier_product_line
            and later.product_line = product_pairs.later_product_line
            and product_pairs.is_path_ended
    group by later.conversion_id

),

final as (

    select
        conversions.conversion_id,
        conversions.person_id,
        conversions.converted_at,
        {{ dbt.dateadd('day', '-1 * settings.click_lookback_days', 'conversions.converted_at') }}
            as click_window_begins_at,
        {{ dbt.dateadd('day', '-1 * settings.view_lookback_days', 'conversions.converted_at') }}
            as view_window_begins_at,
        earlier_conversions.path_begins_at,
        settings.half_life_days,
        settings.first_weight,
        settings.middle_weight,
        settings.last_weight,
        settings.direct_channel
    from conversions
    inner join settings on conversions.conversion_id = settings.conversion_id
    left join earlier_conversions
        on conversions.conversion_id = earlier_conversions.conversion_id

)

select * from final
