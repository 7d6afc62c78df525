with

pairs as (

    select
        transition_kind,
        from_product,
        to_product,
        to_opened_at,
        {{ seconds_between('from_opened_at', 'to_opened_at') }} as seconds_between
    from {{ ref('int_product_pairs_listed') }}

),

counted as (

    select
        transition_kind,
        from_product,
        to_product,
        count(*) as customers,
        count(to_opened_at) as transitions,
        percentile_disc(0.25) within group (order by seconds_between) as lower_quartile,
        percentile_disc(0.5) within group (order by seconds_between) as median,
        percentile_disc(0.75) within group (order by seconds_between) as upper_quartile
    from pairs
    group by transition_kind, from_product, to_product

),

final as (

    select
        transition_kind,
        from_product,
        to_product,
        cast(customers as bigint) as customers,
        cast(transitions as bigint) as transitions,
        {{ share_of('transitions', 'customers') }} as transition_share,
        {{ wilson_edge('transitions', 'customers', 'lower') }} as transition_share_lower,
        {{ wilson_edge('transitions', 'customers', 'upper') }} as transition_share_upper,
        {{ days_from_seconds('lower_quartile') }} as lower_quartile_days,
        {{ days_from_seconds('median') }} as median_days,
        {{ days_from_seconds('upper_quartile') }} as upper_quartile_days
    from counted

)

select * from final
