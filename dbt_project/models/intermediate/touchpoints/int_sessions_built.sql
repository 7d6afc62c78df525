-- A session is one cookie or app instance with one session number of GA4; its traffic is that of
-- its first event that shows any, else of the page that it came from, else it came directly.
with

events as (

    select
        user_pseudo_id,
        ga_session_id,
        event_at,
        platform,
        country,
        campaign_code,
        traffic_source,
        traffic_medium,
        traffic_content,
        page_location,
        page_referrer,
        _batch_id,
        _landed_at,
        row_number() over (
            partition by user_pseudo_id, ga_session_id
            order by
                event_timestamp, batch_page_id, batch_ordering_id, batch_event_index, event_name
        ) as event_number,
        campaign_code is not null
        or traffic_source is not null
        or traffic_medium is not null as has_traffic
    from {{ ref('stg_ga4__events') }}
    where user_pseudo_id is not null and ga_session_id is not null

),

sessions as (

    select
        user_pseudo_id,
        ga_session_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as event_count,
        min_by(platform, event_number) as platform,
        -- Where the session began; a traveller's later events don't move it.
        min_by(country, event_number) as country,
        min_by(_batch_id, event_number) as _batch_id,
        min_by(_landed_at, event_number) as _landed_at,
        min(case when has_traffic then event_number end) as traffic_event_number,
        min_by(page_location, event_number) as landing_url,
        min_by(page_referrer, event_number) as page_referrer
    from events
    group by user_pseudo_id, ga_session_id

),

with_traffic as (

    select
        sessions.user_pseudo_id,
        sessions.ga_session_id,
        sessions.started_at,
        sessions.ended_at,
        sessions.event_count,
        sessions.platform,
        sessions.country,
        sessions._batch_id,
        sessions._landed_at,
        sessions.landing_url,
        events.campaign_code,
        events.traffic_source,
        events.traffic_medium,
        events.traffic_content,
        {{ url_host('sessions.landing_url') }} as landing_host,
        case
            when sessions.traffic_event_number is null
                then {{ url_host('sessions.page_referrer') }}
        end as referring_host
    from sessions
    left join events
        on
            sessions.user_pseudo_id = events.user_pseudo_id
            and sessions.ga_session_id = events.ga_session_id
            and sessions.traffic_event_number = events.event_number

),

referring_hosts as (

    select distinct referring_host
    from with_traffic

),

referrers as (

    select
        referring_hosts.referring_host,
        referrer_rules.traffic_source,
        referrer_rules.traffic_medium
    from referring_hosts
    inner join {{ ref('referrer_rules') }} as referrer_rules
        on regexp_matches(referring_hosts.referring_host, referrer_rules.host_pattern)
    qualify row_number() over (
        partition by referring_hosts.referring_host
        order by referrer_rules.rule_number
    ) = 1

),

final as (

    select
        with_traffic.user_pseudo_id || '.' || cast(with_traffic.ga_session_id as varchar)
            as session_key,
        with_traffic.user_pseudo_id,
        with_traffic.ga_session_id,
        with_traffic.started_at,
        with_traffic.ended_at,
        with_traffic.event_count,
        with_traffic.platform,
        with_traffic.country,
        with_traffic.campaign_code,
        coalesce(
            spellings.traffic_source,
            with_traffic.traffic_source,
            referrers.traffic_source,
            -- Another site without a rule refers by its name; our own pages refer to nobody.
            case
                when with_traffic.referring_host <> with_traffic.landing_host
                    then with_traffic.referring_host
            end
        ) as traffic_source,
        coalesce(
            with_traffic.traffic_medium,
            referrers.traffic_medium,
            case
                when with_traffic.referring_host <> with_traffic.landing_host then 'referral'
            end
        ) as traffic_medium,
        with_traffic.traffic_content,
        {{ url_without_query('with_traffic.landing_url') }} as landing_url,
        with_traffic._batch_id,
        with_traffic._landed_at
    from with_traffic
    left join referrers on with_traffic.referring_host = referrers.referring_host
    left join {{ ref('source_spellings') }} as spellings
        on with_traffic.traffic_source = spellings.spelling

)

select * from final
