-- How lift is measured in each country of this world.
with

world_settings as (

    select *
    from {{ ref('tv_settings') }}
    where world in ('*', '{{ var("world") }}')
    -- A row of the world goes before the row `*`.
    qualify row_number() over (order by case when world = '*' then 1 else 0 end) = 1

),

final as (

    select
        countries.country,
        countries.clock_time_zone,
        world_settings.response_window_minutes,
        world_settings.guard_minutes,
        world_settings.baseline_span_days,
        world_settings.interval_level,
        world_settings.min_significance,
        world_settings.min_visit_weight
    from {{ ref('tv_countries') }} as countries
    cross join world_settings

)

select * from final
