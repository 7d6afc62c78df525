-- The minutes of every measured spot's window: what was seen, what would have been without it.
with

entries as (

    select
        spot_id,
        is_significant,
        {{ unnested('minutes') }} as entry
    from {{ ref('int_tv_lift_estimated') }}

),

final as (

    select
        spot_id,
        is_significant,
        {{ struct_field('entry', 'minute_at') }} as minute_at,
        {{ struct_field('entry', 'observed_visits') }} as observed_visits,
        cast({{ struct_field('entry', 'baseline_visits') }} as decimal(18, 6))
            as baseline_visits,
        cast({{ struct_field('entry', 'expected_tv_visits') }} as decimal(18, 6))
            as expected_tv_visits,
        cast({{ struct_field('entry', 'visit_weight') }} as decimal(18, 12)) as visit_weight
    from entries

)

select * from final
