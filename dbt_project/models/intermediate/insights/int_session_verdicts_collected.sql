-- GA4's own verdict on what brought each session, in the words of our channel rules, and what the
-- session's events show that may explain a difference.
with

events as (

    select
        events.user_pseudo_id,
        events.ga_session_id,
        events.ga_session_number,
        events.has_gclid,
        events.campaign_code,
        events.traffic_medium,
        events.verdict_channel_group,
        coalesce(tag_spellings.traffic_source, events.traffic_source) as traffic_source,
        events.campaign_code is not null
        or events.traffic_source is not null
        or events.traffic_medium is not null as has_traffic,
        -- Google writes names in brackets where there is no campaign.
        case
            when not regexp_matches(events.verdict_campaign_code, '^\(.*\)$')
                then events.verdict_campaign_code
        end as verdict_campaign_id,
        lower(events.verdict_medium) as verdict_medium,
        coalesce(verdict_spellings.traffic_source, lower(events.verdict_source))
            as verdict_source,
        coalesce(
            events.verdict_source, events.verdict_medium, events.verdict_channel_group
        ) is not null as has_verdict,
        row_number() over (
            partition by events.user_pseudo_id, events.ga_session_id
            order by
                events.event_timestamp,
                events.batch_page_id,
                events.batch_ordering_id,
                events.batch_event_index,
                events.event_name
        ) as event_number
    from {{ ref('stg_ga4__events') }} as events
    left join {{ ref('source_spellings') }} as tag_spellings
        on events.traffic_source = tag_spellings.spelling
    left join {{ ref('source_spellings') }} as verdict_spellings
        on lower(events.verdict_source) = verdict_spellings.spelling
    where events.user_pseudo_id is not null and events.ga_session_id is not null

),

-- GA4 writes the same verdict on all events of a session; the first that has one is read.
verdicts as (

    select
        user_pseudo_id,
        ga_session_id,
        verdict_campaign_id,
        verdict_source,
        verdict_medium,
        verdict_channel_group
    from events
    where has_verdict
    qualify row_number() over (
        partition by user_pseudo_id, ga_session_id
        order by event_number
    ) = 1

),

verdict_traffic as (

    select distinct
        verdict_source,
        verdict_medium,
        verdict_campaign_id
    from verdicts

),

verdict_channels as (

    {{ channels_by_rule(
        'verdict_traffic', ['verdict_source', 'verdict_medium', 'verdict_campaign_id']
    ) }}

),

shown as (

    select
        user_pseudo_id,
        ga_session_id,
        min(ga_session_number) as session_number,
        max(case when has_gclid then 1 else 0 end) = 1 as has_click_id,
        max(case when has_traffic then 1 else 0 end) = 1 as has_tag
    from events
    group by user_pseudo_id, ga_session_id

),

tagged_as_verdict as (

    select distinct
        events.user_pseudo_id,
        events.ga_session_id
    from events
    inner join verdicts
        on
            events.user_pseudo_id = verdicts.user_pseudo_id
            and events.ga_session_id = verdicts.ga_session_id
            and events.traffic_source is not distinct from verdicts.verdict_source
            and events.traffic_medium is not distinct from verdicts.verdict_medium
            and events.campaign_code is not distinct from verdicts.verdict_campaign_id
    where events.has_traffic

),

final as (

    select
        verdicts.verdict_campaign_id,
        shown.session_number,
        shown.has_click_id,
        shown.has_tag,
        shown.user_pseudo_id || '.' || cast(shown.ga_session_id as varchar) as session_key,
        coalesce(verdict_channels.channel, 'no_verdict') as verdict_channel,
        coalesce(verdicts.verdict_channel_group, 'no_verdict') as verdict_channel_group,
        tagged_as_verdict.user_pseudo_id is not null as has_tag_of_verdict
    from shown
    left join verdicts
        on
            shown.user_pseudo_id = verdicts.user_pseudo_id
            and shown.ga_session_id = verdicts.ga_session_id
    left join verdict_channels
        on
            verdicts.user_pseudo_id is not null
            and verdicts.verdict_source is not distinct from verdict_channels.verdict_source
            and verdicts.verdict_medium is not distinct from verdict_channels.verdict_medium
            and verdicts.verdict_campaign_id
            is not distinct from verdict_channels.verdict_campaign_id
    left join tagged_as_verdict
        on
            shown.user_pseudo_id = tagged_as_verdict.user_pseudo_id
            and shown.ga_session_id = tagged_as_verdict.ga_session_id

)

select * from final
