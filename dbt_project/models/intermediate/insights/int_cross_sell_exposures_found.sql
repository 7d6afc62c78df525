-- Customers who could be sold a further product, and the channels that touched them in their first
-- days with the earlier one. Only then begins the horizon in which an opening counts: a quick
-- buyer, whom few channels had time to touch, would else make every channel look harmful.
-- `channel` is null in one row of each customer and pair.
with

pairs as (

    select
        person_id,
        from_product,
        to_product,
        from_opened_at,
        to_opened_at,
        to_applied_at
    from {{ ref('int_product_pairs_listed') }}
    where transition_kind = 'later' and from_product <> to_product

),

pair_settings as (

    select
        product_pairs.from_product,
        product_pairs.to_product,
        world_settings.touch_days,
        world_settings.horizon_days,
        world_settings.min_customers,
        world_settings.difference_z
    from (
        select distinct
            from_product,
            to_product
        from pairs
    ) as product_pairs
    inner join
        {{ world_rows('cross_sell_settings', ['from_product', 'to_product']) }} as world_settings
        on
            world_settings.from_product in ('*', product_pairs.from_product)
            and world_settings.to_product in ('*', product_pairs.to_product)
    qualify row_number() over (
        partition by product_pairs.from_product, product_pairs.to_product
        order by
            case when world_settings.from_product = '*' then 1 else 0 end,
            case when world_settings.to_product = '*' then 1 else 0 end
    ) = 1

),

-- What we know reaches to the last opening that the app reported.
data_end as (

    select max(converted_at) as known_until
    from {{ ref('int_app_openings_ranked') }}

),

with_horizon as (

    select
        pairs.person_id,
        pairs.from_product,
        pairs.to_product,
        pairs.from_opened_at,
        pairs.to_opened_at,
        pairs.to_applied_at,
        pair_settings.touch_days,
        pair_settings.horizon_days,
        pair_settings.min_customers,
        pair_settings.difference_z,
        {{ shifted('pairs.from_opened_at', 'pair_settings.touch_days', 'days') }}
            as horizon_begins_at,
        {{ shifted(
            'pairs.from_opened_at',
            'pair_settings.touch_days + pair_settings.horizon_days',
            'days'
        ) }} as horizon_ends_at
    from pairs
    inner join pair_settings
        on
            pairs.from_product = pair_settings.from_product
            and pairs.to_product = pair_settings.to_product

),

observed as (

    select
        with_horizon.person_id,
        with_horizon.from_product,
        with_horizon.to_product,
        with_horizon.touch_days,
        with_horizon.horizon_days,
        with_horizon.min_customers,
        with_horizon.difference_z,
        with_horizon.from_opened_at,
        with_horizon.horizon_begins_at,
        coalesce(with_horizon.to_opened_at < with_horizon.horizon_ends_at, false)
            as is_transition
    from with_horizon
    cross join data_end
    where
        -- Who has applied before the horizon begins is no longer at risk.
        (
            with_horizon.to_applied_at is null
            or with_horizon.to_applied_at >= with_horizon.horizon_begins_at
        )
        and with_horizon.horizon_ends_at <= data_end.known_until

),

touches as (

    select
        observed.person_id,
        observed.from_product,
        observed.to_product,
        touchpoints.channel,
        max(case when touchpoints.is_earning then 1 else 0 end) = 1 as has_response
    from observed
    inner join {{ ref('int_touchpoints_unioned') }} as touchpoints
        on
            observed.person_id = touchpoints.person_id
            and observed.from_opened_at < touchpoints.touched_at
            and observed.horizon_begins_at > touchpoints.touched_at
    where not touchpoints.is_automated
    group by
        observed.person_id, observed.from_product, observed.to_product, touchpoints.channel

),

final as (

    select
        person_id,
        from_product,
        to_product,
        touch_days,
        horizon_days,
        min_customers,
        difference_z,
        is_transition,
        cast(null as varchar) as channel,
        cast(null as boolean) as has_response
    from observed

    union all

    select
        observed.person_id,
        observed.from_product,
        observed.to_product,
        observed.touch_days,
        observed.horizon_days,
        observed.min_customers,
        observed.difference_z,
        observed.is_transition,
        touches.channel,
        touches.has_response
    from observed
    inner join touches
        on
            observed.person_id = touches.person_id
            and observed.from_product = touches.from_product
            and observed.to_product = touches.to_product

)

select * from final
