-- The settings of this world for marginal returns and shifts of money, with the weeks that follow
-- from them and from how far the data reaches.
with

world_settings as (

    select *
    from {{ ref('budget_settings') }}
    where world in ('*', '{{ var("world") }}')
    -- A row of the world goes before the row `*`.
    qualify row_number() over (order by case when world = '*' then 1 else 0 end) = 1

),

last_spend as (

    select max(spend_date) as last_spend_date
    from {{ ref('int_spend_allocated') }}
    where spend_kind in ('media', 'list')

),

last_sale as (

    select max({{ business_date('converted_at') }}) as last_sale_date
    from {{ ref('int_conversions_unioned') }}

),

final as (

    select
        world_settings.maturity_days,
        world_settings.current_weeks,
        world_settings.shift_percent,
        world_settings.min_weeks,
        world_settings.min_spend_variation,
        world_settings.min_revenue_weeks,
        world_settings.min_curve_evidence,
        world_settings.silent_return,
        world_settings.min_speaking_models,
        world_settings.interval_level,
        world_settings.replicates,
        world_settings.seed,
        -- Weeks begin on Mondays; the last one whose Sunday was billed is complete.
        {{ week_start('last_spend.last_spend_date - 6') }} as last_week_start_date,
        {{ week_start('last_spend.last_spend_date - 6') }}
        - 7 * (world_settings.current_weeks - 1) as first_current_week_start_date,
        {{ week_start('last_sale.last_sale_date - 6 - world_settings.maturity_days') }}
            as last_mature_week_start_date
    from world_settings
    cross join last_spend
    cross join last_sale

)

select * from final
