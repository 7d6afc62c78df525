-- Every spot with its price, its lift and what persons' visits carry of it.
with

touch_sums as (

    select
        spot_id,
        cast(sum(tv_weight) as decimal(18, 12)) as inferred_visits,
        count(*) as inferred_touchpoints
    from {{ ref('int_tv_touches_inferred') }}
    group by spot_id

),

final as (

    select
        spots.spot_id,
        spots.station,
        spots.country,
        spots.campaign_code as campaign_id,
        spots.aired_at,
        spots.aired_local,
        spots.time_zone,
        spots.length_seconds,
        spots.program_name,
        spots.currency,
        lifts.unmeasured_reason,
        lifts.window_minutes,
        lifts.overlapping_spots,
        lifts.observed_visits,
        {{ business_month('spots.aired_at') }} as month,
        coalesce(spots.daypart, 'unstated') as daypart,
        cast(coalesce(spots.cost_amount, 0) * 100 as bigint) as cost_cents,
        cast(lifts.baseline_visits as decimal(18, 6)) as baseline_visits,
        cast(lifts.lift_visits as decimal(18, 6)) as lift_visits,
        cast(lifts.lift_visits_lower as decimal(18, 6)) as lift_visits_lower,
        cast(lifts.lift_visits_upper as decimal(18, 6)) as lift_visits_upper,
        cast(coalesce(lifts.credited_visits, 0) as decimal(18, 6)) as credited_visits,
        cast(lifts.own_margin_squared as decimal(18, 6)) as own_margin_squared,
        cast(lifts.baseline_margin as decimal(18, 6)) as baseline_margin,
        lifts.lift_visits is not null as is_measured,
        coalesce(lifts.is_significant, false) as is_significant,
        coalesce(touch_sums.inferred_touchpoints, 0) as inferred_touchpoints,
        coalesce(touch_sums.inferred_visits, 0) as inferred_visits
    from {{ ref('stg_media__spots') }} as spots
    inner join {{ ref('int_tv_lift_estimated') }} as lifts on spots.spot_id = lifts.spot_id
    left join touch_sums on spots.spot_id = touch_sums.spot_id

)

select * from final
