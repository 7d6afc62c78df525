with

spots as (

    select * from {{ ref('int_tv_spots_priced') }}

),

final as (

    select
        spot_id,
        station,
        country,
        campaign_id,
        aired_at,
        aired_local,
        time_zone,
        month,
        daypart,
        length_seconds,
        program_name,
        currency,
        cost_cents,
        is_measured,
        unmeasured_reason,
        cast(window_minutes as integer) as window_minutes,
        cast(overlapping_spots as integer) as overlapping_spots,
        observed_visits,
        baseline_visits,
        lift_visits,
        lift_visits_lower,
        lift_visits_upper,
        is_significant,
        credited_visits,
        -- By chance a spot may seem to bring nothing or less: such a visit has no price.
        case when lift_visits > 0 then {{ ratio('cost_cents / 100', 'lift_visits') }} end
            as cost_per_incremental_visit,
        cast(inferred_touchpoints as bigint) as inferred_touchpoints,
        cast(inferred_visits as decimal(18, 12)) as inferred_visits
    from spots

)

select * from final
