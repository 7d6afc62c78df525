-- The part of a person's visit that a spot brought, as a touchpoint of its own, at the moment of
-- the touch that stands for the visit. That keeps what the spots leave it: together they weigh 1.
with

spot_minutes as (

    select
        spot_id,
        minute_at,
        visit_weight
    from {{ ref('int_tv_minutes_listed') }}
    where is_significant

),

visits as (

    select
        visits.session_key,
        visits.started_at,
        visits.minute_at,
        visits.country,
        country_settings.min_visit_weight
    from {{ ref('int_tv_visits_classified') }} as visits
    inner join {{ ref('int_tv_settings_listed') }} as country_settings
        on visits.country = country_settings.country
    where visits.is_counted and visits.session_key is not null

),

final as (

    select
        'tp_' || md5('tv:' || {{ pseudonym("spots.spot_id || '/' || visits.session_key") }})
            as touchpoint_id,
        spots.spot_id,
        spots.campaign_code as campaign_id,
        visits.session_key,
        touches.person_id,
        touches.touchpoint_id as visit_touchpoint_id,
        spot_minutes.visit_weight as tv_weight,
        spots.spot_id || '/' || visits.session_key as source_event_key,
        touches._batch_id,
        touches._landed_at,
        -- The spot and the visit that it brought are one step of a path: one moment.
        touches.touched_at
    from spot_minutes
    inner join {{ ref('stg_media__spots') }} as spots on spot_minutes.spot_id = spots.spot_id
    inner join visits
        on
            spots.country = visits.country
            and spot_minutes.minute_at = visits.minute_at
            -- What came in the spot's first minute before it began isn't its doing.
            and spots.aired_at <= visits.started_at
    -- Whose visit a click or a form stands for, the click or form keeps the rest.
    inner join {{ ref('int_touches_merged') }} as touches
        on visits.session_key = touches.visit_session_key
    where
        spot_minutes.visit_weight >= visits.min_visit_weight
        and not touches.is_automated

)

select * from final
