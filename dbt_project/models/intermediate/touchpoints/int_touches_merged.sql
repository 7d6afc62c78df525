-- Touches of persons. A click and the visit that it opened are one touch; so are a click and the
-- response that the CRM makes of it, and a visit and the form sent in it.
with

collected as (

    select * from {{ ref('int_web_touches_collected') }}
    union all
    select * from {{ ref('int_email_touches_collected') }}
    union all
    select * from {{ ref('int_crm_touches_collected') }}

),

person_touches as (

    select
        'tp_' || md5(
            collected.source_system || ':' || {{ pseudonym('collected.source_event_key') }}
        ) as touchpoint_id,
        identifiers.person_id,
        collected.touched_at,
        collected.interaction,
        {{ plain_tag('collected.campaign_id') }} as campaign_id,
        {{ plain_tag('collected.traffic_source') }} as traffic_source,
        {{ plain_tag('collected.traffic_medium') }} as traffic_medium,
        {{ plain_tag('collected.traffic_content') }} as traffic_content,
        collected.session_key,
        collected.source_system,
        collected.source_event_key,
        collected.is_automated,
        collected._batch_id,
        collected._landed_at
    from collected
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            collected.identifier_type = identifiers.identifier_type
            and collected.identifier = identifiers.identifier
    where collected.touched_at is not null

),

-- Of one campaign and person: the visit began within 30 minutes after the click, or the click
-- (of a message in the app) lies in the visit itself.
opened_visits as (

    select
        visits.touchpoint_id as visit_touchpoint_id,
        visits.session_key,
        clicks.touchpoint_id as click_touchpoint_id,
        visits.touched_at as visited_at
    from person_touches as visits
    inner join person_touches as clicks
        on
            visits.person_id = clicks.person_id
            and visits.campaign_id = clicks.campaign_id
    where
        visits.interaction = 'visit'
        and clicks.interaction = 'click'
        and not clicks.is_automated
        and (
            clicks.session_key = visits.session_key
            or (
                clicks.session_key is null
                and visits.touched_at >= clicks.touched_at
                and visits.touched_at
                < {{ shifted('clicks.touched_at', var('click_to_visit_minutes'), 'minutes') }}
            )
        )

),

-- What the CRM notes as a response to a campaign is often a click that we saw ourselves.
repeated_responses as (

    select distinct responses.touchpoint_id
    from person_touches as responses
    inner join person_touches as seen
        on
            responses.person_id = seen.person_id
            and responses.campaign_id = seen.campaign_id
    where
        responses.interaction = 'response'
        and seen.interaction in ('click', 'scan', 'visit')
        and not seen.is_automated
        and seen.touched_at <= {{ shifted('responses.touched_at', 1, 'hours') }}
        and seen.touched_at >= {{ shifted('responses.touched_at', -30, 'days') }}

),

-- A visit in which a form was sent is the form.
form_visits as (

    select
        visits.touchpoint_id,
        visits.session_key,
        forms.touchpoint_id as form_touchpoint_id,
        forms.touched_at as sent_at
    from person_touches as visits
    inner join person_touches as forms
        on visits.session_key = forms.session_key
    where
        visits.interaction = 'visit'
        and forms.interaction = 'form_submit'

),

merged_touches as (

    select visit_touchpoint_id as touchpoint_id
    from opened_visits

    union

    select touchpoint_id
    from form_visits

    union

    select touchpoint_id
    from repeated_responses

),

-- The one touch that stands for a session's visit: the visit itself, else the click that opened it,
-- else the first form sent in it.
stand_ins as (

    select
        person_touches.session_key as visit_session_key,
        person_touches.touchpoint_id,
        1 as stand_in_rank,
        person_touches.touched_at
    from person_touches
    left join merged_touches on person_touches.touchpoint_id = merged_touches.touchpoint_id
    where person_touches.interaction = 'visit' and merged_touches.touchpoint_id is null

    union all

    select
        session_key as visit_session_key,
        click_touchpoint_id as touchpoint_id,
        2 as stand_in_rank,
        visited_at as touched_at
    from opened_visits

    union all

    select
        session_key as visit_session_key,
        form_touchpoint_id as touchpoint_id,
        3 as stand_in_rank,
        sent_at as touched_at
    from form_visits

),

first_stand_ins as (

    select
        visit_session_key,
        touchpoint_id,
        touched_at
    from stand_ins
    qualify row_number() over (
        partition by visit_session_key
        order by stand_in_rank, touched_at, touchpoint_id
    ) = 1

),

-- A click that opened several visits stands for the first of them.
visit_sessions as (

    select
        touchpoint_id,
        min_by(visit_session_key, (touched_at, visit_session_key)) as visit_session_key
    from first_stand_ins
    group by touchpoint_id

),

click_sessions as (

    select
        click_touchpoint_id,
        min_by(session_key, (visited_at, visit_touchpoint_id)) as session_key
    from opened_visits
    group by click_touchpoint_id

),

final as (

    select
        person_touches.touchpoint_id,
        person_touches.person_id,
        person_touches.touched_at,
        person_touches.interaction,
        person_touches.campaign_id,
        person_touches.traffic_source,
        person_touches.traffic_medium,
        person_touches.traffic_content,
        person_touches.source_system,
        person_touches.source_event_key,
        person_touches.is_automated,
        person_touches._batch_id,
        person_touches._landed_at,
        visit_sessions.visit_session_key,
        coalesce(person_touches.session_key, click_sessions.session_key) as session_key
    from person_touches
    left join merged_touches on person_touches.touchpoint_id = merged_touches.touchpoint_id
    left join click_sessions on person_touches.touchpoint_id = click_sessions.click_touchpoint_id
    left join visit_sessions on person_touches.touchpoint_id = visit_sessions.touchpoint_id
    where merged_touches.touchpoint_id is null

)

select * from final
