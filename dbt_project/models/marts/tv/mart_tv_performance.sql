{% set models = [
    'first_touch', 'last_touch', 'last_non_direct', 'linear', 'time_decay', 'position_based',
    'w_shaped', 'markov', 'shapley'
] %}

with

spots as (

    select * from {{ ref('int_tv_spots_priced') }}

),

spot_sums as (

    select
        station,
        daypart,
        length_seconds,
        currency,
        month,
        cast(sum(case when is_measured then 1 else 0 end) as bigint) as measured_spots,
        cast(sum(case when is_significant then 1 else 0 end) as bigint) as significant_spots,
        cast(sum(cost_cents) as bigint) as cost_cents,
        cast(sum(case when is_measured then cost_cents else 0 end) as bigint)
            as measured_cost_cents,
        cast(sum(coalesce(lift_visits, 0)) as decimal(18, 6)) as lift_visits,
        min(country) as country,
        count(*) as spots,
        sum(coalesce(own_margin_squared, 0)) as own_margin_squared,
        sum(coalesce(baseline_margin, 0)) as baseline_margin
    from spots
    group by station, daypart, length_seconds, currency, month

),

-- Customers won: first products of new customers, as far as spots' inferred touches earned them.
customer_sums as (

    select
        spots.station,
        spots.daypart,
        spots.length_seconds,
        spots.currency,
        spots.month,
    {% for model in models if model in attribution_models() %}
    sum(credits.{{ model }}_weight) as {{ model }}_customers{{ ',' if not loop.last }}
    {% endfor %}
    from {{ ref('fct_attribution') }} as credits
    inner join {{ ref('int_tv_touches_inferred') }} as touches
        on credits.touchpoint_id = touches.touchpoint_id
    inner join spots on touches.spot_id = spots.spot_id
    where credits.conversion_type = 'acquisition'
    group by spots.station, spots.daypart, spots.length_seconds, spots.currency, spots.month

),

-- Spots err for themselves, but those that share a baseline perhaps all in one direction.
with_margin as (

    select
        *,
        cast(
            round(
                sqrt(
                    cast(own_margin_squared as double)
                    + power(cast(baseline_margin as double), 2)
                ),
                6
            ) as decimal(18, 6)
        ) as lift_margin
    from spot_sums

),

final as (

    select
        with_margin.station,
        with_margin.daypart,
        with_margin.length_seconds,
        with_margin.currency,
        with_margin.month,
        with_margin.country,
        with_margin.spots,
        with_margin.measured_spots,
        with_margin.significant_spots,
        with_margin.cost_cents,
        with_margin.measured_cost_cents,
        with_margin.lift_visits,
        cast(with_margin.lift_visits - with_margin.lift_margin as decimal(18, 6))
            as lift_visits_lower,
        cast(with_margin.lift_visits + with_margin.lift_margin as decimal(18, 6))
            as lift_visits_upper,
        {{ cost_per_visit('with_margin.lift_visits') }} as cost_per_incremental_visit,
        {{ cost_per_visit('with_margin.lift_visits + with_margin.lift_margin') }}
            as cost_per_incremental_visit_lower,
        {{ cost_per_visit('with_margin.lift_visits - with_margin.lift_margin') }}
            as cost_per_incremental_visit_upper,
    {% for model in models %}
    {{ tv_customers(model) }} as {{ model }}_customers,
    {{ tv_cost_per_customer(model) }} as {{ model }}_cost_per_customer{{ ',' if not loop.last }}
    {% endfor %}
    from with_margin
    left join customer_sums
        on
            with_margin.station = customer_sums.station
            and with_margin.daypart = customer_sums.daypart
            and with_margin.length_seconds = customer_sums.length_seconds
            and with_margin.currency = customer_sums.currency
            and with_margin.month = customer_sums.month

)

select * from final
