-- What people said brought them: to the app when they registered, to sales, or to a campaign.
with

reports as (

    select
        'app' as source_system,
        'registration:' || registration_id as source_event_key,
        'registration' as identifier_type,
        registration_id as identifier,
        registered_at as touched_at,
        lead_source,
        lead_comment,
        _batch_id,
        _landed_at
    from {{ ref('stg_app__registrations') }}

    union all

    select
        'web_forms' as source_system,
        'submission:' || submission_id as source_event_key,
        'submission' as identifier_type,
        submission_id as identifier,
        submitted_at as touched_at,
        lead_source,
        lead_comment,
        _batch_id,
        _landed_at
    from {{ ref('stg_web_forms__submissions') }}

    union all

    -- A lead that we made says nothing that its registration or web form hasn't said.
    select
        'salesforce' as source_system,
        'lead:' || lead_id as source_event_key,
        'lead' as identifier_type,
        lead_id as identifier,
        created_at as touched_at,
        lead_source,
        description as lead_comment,
        _batch_id,
        _landed_at
    from {{ ref('stg_salesforce__leads') }}
    where touchproof_key is null or not regexp_matches(touchproof_key, '^(app|web):')

),

distinct_comments as (

    select distinct lead_comment
    from reports

),

-- The comment goes before the field: "TV ad" in a comment is a TV lead whatever the field says.
comment_sources as (

    select
        distinct_comments.lead_comment,
        comment_rules.lead_source
    from distinct_comments
    inner join {{ ref('comment_rules') }} as comment_rules
        on regexp_matches(lower(distinct_comments.lead_comment), comment_rules.comment_pattern)
    qualify row_number() over (
        partition by distinct_comments.lead_comment
        order by comment_rules.rule_number
    ) = 1

),

reported_sources as (

    select distinct
        lead_source,
        traffic_source,
        traffic_medium,
        is_response
    from {{ ref('source_spellings') }}

),

named_reports as (

    select
        reports.source_system,
        reports.source_event_key,
        reports.identifier_type,
        reports.identifier,
        reports.touched_at,
        reported_sources.lead_source,
        reported_sources.traffic_source,
        reported_sources.traffic_medium,
        identifiers.person_id,
        reports._batch_id,
        reports._landed_at
    from reports
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            reports.identifier_type = identifiers.identifier_type
            and reports.identifier = identifiers.identifier
    left join comment_sources on reports.lead_comment = comment_sources.lead_comment
    left join {{ ref('source_spellings') }} as spellings
        on lower(reports.lead_source) = spellings.spelling
    inner join reported_sources
        on
            coalesce(comment_sources.lead_source, spellings.lead_source)
            = reported_sources.lead_source
    -- Sources that the web shows anyway are no response: their visits are touches already.
    where reported_sources.is_response

),

-- A duplicate lead repeats what was said: within a week the first report counts.
first_reports as (

    select *
    from named_reports
    qualify coalesce(
        touched_at >= {{ shifted("lag(touched_at) over (
            partition by person_id, lead_source order by touched_at, source_event_key
        )", 7, 'days') }}, true
    )

),

member_responses as (

    select
        'salesforce' as source_system,
        responses.responded_at as touched_at,
        responses._batch_id,
        responses._landed_at,
        'member:' || responses.campaign_member_id as source_event_key,
        case when responses.contact_id is null then 'lead' else 'contact' end as identifier_type,
        coalesce(responses.contact_id, responses.lead_id) as identifier,
        coalesce(
            campaigns.campaign_code, 'salesforce:' || responses.salesforce_campaign_id
        ) as campaign_id
    from {{ ref('stg_salesforce__campaign_responses') }} as responses
    inner join {{ ref('stg_salesforce__campaigns') }} as campaigns
        on responses.salesforce_campaign_id = campaigns.salesforce_campaign_id
    where
        not responses.is_deleted
        and coalesce(responses.contact_id, responses.lead_id) is not null

),

final as (

    select
        source_system,
        source_event_key,
        identifier_type,
        identifier,
        touched_at,
        'response' as interaction,
        cast(null as varchar) as campaign_id,
        traffic_source,
        traffic_medium,
        cast(null as varchar) as traffic_content,
        cast(null as varchar) as session_key,
        false as is_automated,
        _batch_id,
        _landed_at
    from first_reports

    union all

    select
        source_system,
        source_event_key,
        identifier_type,
        identifier,
        touched_at,
        'response' as interaction,
        campaign_id,
        'salesforce' as traffic_source,
        cast(null as varchar) as traffic_medium,
        cast(null as varchar) as traffic_content,
        cast(null as varchar) as session_key,
        false as is_automated,
        _batch_id,
        _landed_at
    from member_responses

)

select * from final
