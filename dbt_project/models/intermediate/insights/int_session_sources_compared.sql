-- Our channel of every GA4 session beside GA4's own verdict, with what may explain a difference.
-- A session of which a part was inferred to be television has a row for each part.
with

-- The touch that stands for the visit: the visit itself, a click that opened it or a form sent in
-- it.
session_touches as (

    select
        merged.visit_session_key as session_key,
        touchpoints.channel,
        touchpoints.source_system = 'email' as is_mail_click
    from {{ ref('int_touches_merged') }} as merged
    inner join {{ ref('int_touchpoints_unioned') }} as touchpoints
        on merged.touchpoint_id = touchpoints.touchpoint_id
    where merged.visit_session_key is not null

),

inferred_parts as (

    select
        session_key,
        channel,
        cast(sum(touch_weight) as decimal(18, 12)) as session_weight
    from {{ ref('int_touchpoints_unioned') }}
    where interaction = 'inferred' and session_key is not null
    group by session_key, channel

),

inferred_totals as (

    select
        session_key,
        cast(sum(session_weight) as decimal(18, 12)) as session_weight
    from inferred_parts
    group by session_key

),

sessions as (

    select
        sessions.session_key,
        sessions.user_pseudo_id,
        sessions.started_at,
        sessions.campaign_code,
        cast(1 - coalesce(inferred_totals.session_weight, 0) as decimal(18, 12))
            as own_weight,
        sessions.platform in ('IOS', 'ANDROID') as is_app,
        -- A scan, and a visit whose click stands for an earlier visit, have their own traffic.
        coalesce(session_touches.channel, traffic.channel, 'Unassigned') as our_channel,
        coalesce(session_touches.is_mail_click, false) as is_mail_click
    from {{ ref('int_sessions_built') }} as sessions
    left join session_touches on sessions.session_key = session_touches.session_key
    left join inferred_totals on sessions.session_key = inferred_totals.session_key
    left join {{ ref('int_traffic_classified') }} as traffic
        on
            sessions.traffic_source is not distinct from traffic.traffic_source
            and sessions.traffic_medium is not distinct from traffic.traffic_medium
            and sessions.campaign_code is not distinct from traffic.campaign_id

),

-- What GA4 carries over: the last traffic that wasn't direct, of the same browser or app.
with_earlier as (

    select
        *,
        last_value(case when our_channel <> 'Direct' then our_channel end ignore nulls)
            over earlier_sessions as earlier_channel,
        last_value(
            case when our_channel <> 'Direct' then coalesce(campaign_code, '') end ignore nulls
        ) over earlier_sessions as earlier_campaign_code
    from sessions
    window
        earlier_sessions as (
            partition by user_pseudo_id
            order by started_at, session_key
            rows between unbounded preceding and 1 preceding
        )

),

first_numbers as (

    select
        with_earlier.user_pseudo_id,
        min(verdicts.session_number) as first_session_number
    from with_earlier
    inner join {{ ref('int_session_verdicts_collected') }} as verdicts
        on with_earlier.session_key = verdicts.session_key
    group by with_earlier.user_pseudo_id

),

own_parts as (

    select
        with_earlier.session_key,
        with_earlier.started_at,
        with_earlier.our_channel,
        with_earlier.own_weight as session_weight,
        verdicts.verdict_channel,
        verdicts.verdict_channel_group,
        false as is_inferred,
        with_earlier.is_mail_click,
        with_earlier.is_app,
        verdicts.has_tag as is_tagged,
        verdicts.has_tag_of_verdict as is_tagged_as_verdict,
        verdicts.has_click_id and not verdicts.has_tag as is_click_id_only,
        coalesce(
            with_earlier.earlier_channel = verdicts.verdict_channel
            and with_earlier.earlier_campaign_code = coalesce(verdicts.verdict_campaign_id, ''),
            false
        ) as is_carried_over,
        coalesce(first_numbers.first_session_number > 1, false) as is_older_than_data
    from with_earlier
    inner join {{ ref('int_session_verdicts_collected') }} as verdicts
        on with_earlier.session_key = verdicts.session_key
    left join first_numbers on with_earlier.user_pseudo_id = first_numbers.user_pseudo_id

),

tv_parts as (

    select
        own_parts.session_key,
        own_parts.started_at,
        inferred_parts.channel as our_channel,
        inferred_parts.session_weight,
        own_parts.verdict_channel,
        own_parts.verdict_channel_group,
        true as is_inferred,
        own_parts.is_mail_click,
        own_parts.is_app,
        own_parts.is_tagged,
        own_parts.is_tagged_as_verdict,
        own_parts.is_click_id_only,
        own_parts.is_carried_over,
        own_parts.is_older_than_data
    from own_parts
    inner join inferred_parts on own_parts.session_key = inferred_parts.session_key

),

final as (

    select * from own_parts
    union all
    select * from tv_parts

)

select * from final
