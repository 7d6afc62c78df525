-- What GA4 shows of a touch: every session, and the app's messages and installs inside it.
with

sessions as (

    select * from {{ ref('int_sessions_built') }}

),

session_touches as (

    select
        'ga4' as source_system,
        session_key as source_event_key,
        'cookie' as identifier_type,
        user_pseudo_id as identifier,
        started_at as touched_at,
        -- A scanned code opens a page whose link says so.
        case when traffic_medium in ('qr', 'qr_code', 'scan') then 'scan' else 'visit' end
            as interaction,
        campaign_code as campaign_id,
        traffic_source,
        traffic_medium,
        traffic_content,
        session_key,
        false as is_automated,
        _batch_id,
        _landed_at
    from sessions

),

event_touches as (

    select
        'ga4' as source_system,
        events.user_pseudo_id
        || '.' || cast(events.event_timestamp as varchar)
        || '.' || events.event_name
        || '.' || coalesce(cast(events.batch_page_id as varchar), '')
        || '.' || coalesce(cast(events.batch_ordering_id as varchar), '')
        || '.' || coalesce(cast(events.batch_event_index as varchar), '') as source_event_key,
        'cookie' as identifier_type,
        events.user_pseudo_id as identifier,
        events.event_at as touched_at,
        event_rules.interaction,
        coalesce(events.message_campaign_code, events.campaign_code, sessions.campaign_code)
            as campaign_id,
        coalesce(event_rules.traffic_source, sessions.traffic_source) as traffic_source,
        coalesce(event_rules.traffic_medium, sessions.traffic_medium) as traffic_medium,
        case when event_rules.traffic_source is null then sessions.traffic_content end
            as traffic_content,
        sessions.session_key,
        false as is_automated,
        events._batch_id,
        events._landed_at
    from {{ ref('stg_ga4__events') }} as events
    inner join {{ ref('event_rules') }} as event_rules
        on events.event_name = event_rules.event_name
    left join sessions
        on
            events.user_pseudo_id = sessions.user_pseudo_id
            and events.ga_session_id = sessions.ga_session_id
    where events.user_pseudo_id is not null

),

final as (

    select * from session_touches
    union all
    select * from event_touches

)

select * from final
