-- Visits of countries in which spots run, with and without a cookie, and what nature each is of.
with

visits as (

    select
        session_key,
        started_at,
        country as ga4_country,
        platform,
        campaign_code,
        traffic_source,
        traffic_medium
    from {{ ref('int_sessions_built') }}

    union all

    -- Who refuses analytics has neither cookie nor session; the start of a session is the visit.
    select
        cast(null as varchar) as session_key,
        events.event_at as started_at,
        events.country as ga4_country,
        events.platform,
        events.campaign_code,
        coalesce(spellings.traffic_source, events.traffic_source) as traffic_source,
        events.traffic_medium
    from {{ ref('stg_ga4__events') }} as events
    left join {{ ref('source_spellings') }} as spellings
        on events.traffic_source = spellings.spelling
    where
        events.event_name = 'session_start'
        and (events.user_pseudo_id is null or events.ga_session_id is null)

),

kinds as (

    select distinct
        platform,
        campaign_code,
        traffic_source,
        traffic_medium
    from visits

),

-- The first rule whose patterns all match.
classified_kinds as (

    select
        kinds.platform,
        kinds.campaign_code,
        kinds.traffic_source,
        kinds.traffic_medium,
        natures.nature,
        natures.is_counted
    from kinds
    inner join {{ ref('tv_visit_natures') }} as natures
        on
            regexp_matches(coalesce(kinds.platform, ''), coalesce(natures.platform_pattern, ''))
            and regexp_matches(
                coalesce(kinds.traffic_source, ''), coalesce(natures.source_pattern, '')
            )
            and regexp_matches(
                coalesce(kinds.traffic_medium, ''), coalesce(natures.medium_pattern, '')
            )
            and regexp_matches(
                coalesce(kinds.campaign_code, ''), coalesce(natures.campaign_pattern, '')
            )
    qualify row_number() over (
        partition by
            kinds.platform, kinds.campaign_code, kinds.traffic_source, kinds.traffic_medium
        order by natures.rule_number
    ) = 1

),

final as (

    select
        visits.session_key,
        visits.started_at,
        countries.country,
        classified_kinds.nature,
        classified_kinds.is_counted,
        date_trunc('minute', visits.started_at) as minute_at
    from visits
    inner join {{ ref('tv_countries') }} as countries
        on visits.ga4_country in (countries.ga4_country, countries.country)
    inner join classified_kinds
        on
            visits.platform is not distinct from classified_kinds.platform
            and visits.campaign_code is not distinct from classified_kinds.campaign_code
            and visits.traffic_source is not distinct from classified_kinds.traffic_source
            and visits.traffic_medium is not distinct from classified_kinds.traffic_medium
    where visits.started_at is not null

)

select * from final
