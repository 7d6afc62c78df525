-- Two identifiers that one record of a source shows together; linking by value, never by guess.
with

links as (

    select
        'cookie' as left_type,
        user_pseudo_id as left_value,
        'app_user' as right_type,
        app_user_id as right_value,
        min(event_at) as first_seen_at
    from {{ ref('stg_ga4__events') }}
    where user_pseudo_id is not null and app_user_id is not null
    group by user_pseudo_id, app_user_id

    union all

    select
        'cookie' as left_type,
        user_pseudo_id as left_value,
        'recipient' as right_type,
        recipient_id as right_value,
        min(event_at) as first_seen_at
    from {{ ref('stg_ga4__events') }}
    where user_pseudo_id is not null and recipient_id is not null
    group by user_pseudo_id, recipient_id

    union all

    select
        'recipient' as left_type,
        recipient_id as left_value,
        'email' as right_type,
        email as right_value,
        min(occurred_at) as first_seen_at
    from {{ ref('stg_email__events') }}
    where recipient_id is not null and email is not null
    group by recipient_id, email

    union all

    select
        'registration' as left_type,
        registration_id as left_value,
        'app_user' as right_type,
        app_user_id as right_value,
        registered_at as first_seen_at
    from {{ ref('stg_app__registrations') }}
    where app_user_id is not null

    union all

    select
        'registration' as left_type,
        registration_id as left_value,
        'email' as right_type,
        email as right_value,
        registered_at as first_seen_at
    from {{ ref('stg_app__registrations') }}
    where email is not null

    union all

    -- Straight to the app user, so that a shared browser is recognised by the people on it.
    select
        'cookie' as left_type,
        web_client_id as left_value,
        'app_user' as right_type,
        app_user_id as right_value,
        registered_at as first_seen_at
    from {{ ref('stg_app__registrations') }}
    where web_client_id is not null and app_user_id is not null

    union all

    select
        'cookie' as left_type,
        install_id as left_value,
        'app_user' as right_type,
        app_user_id as right_value,
        registered_at as first_seen_at
    from {{ ref('stg_app__registrations') }}
    where install_id is not null and app_user_id is not null

    union all

    select
        'submission' as left_type,
        submission_id as left_value,
        'email' as right_type,
        email as right_value,
        submitted_at as first_seen_at
    from {{ ref('stg_web_forms__submissions') }}
    where email is not null

    union all

    select
        'cookie' as left_type,
        web_client_id as left_value,
        'submission' as right_type,
        submission_id as right_value,
        submitted_at as first_seen_at
    from {{ ref('stg_web_forms__submissions') }}
    where web_client_id is not null

    union all

    select
        'lead' as left_type,
        lead_id as left_value,
        'email' as right_type,
        email as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }}
    where email is not null

    union all

    select
        'lead' as left_type,
        lead_id as left_value,
        'contact' as right_type,
        converted_contact_id as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }}
    where converted_contact_id is not null

    union all

    -- Whoever merges two records says that they are one person.
    select
        'lead' as left_type,
        lead_id as left_value,
        'lead' as right_type,
        master_lead_id as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }}
    where master_lead_id is not null

    union all

    select
        'contact' as left_type,
        contact_id as left_value,
        'contact' as right_type,
        master_contact_id as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__contacts') }}
    where master_contact_id is not null

    union all

    -- The key of a lead that we created names its registration.
    select
        'lead' as left_type,
        lead_id as left_value,
        'registration' as right_type,
        substring(touchproof_key, 5) as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }}
    where touchproof_key like 'app:%'

    union all

    -- The key of a lead that we created from a web form names the submission.
    select
        'lead' as left_type,
        lead_id as left_value,
        'submission' as right_type,
        substring(touchproof_key, 5) as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }}
    where touchproof_key like 'web:%'

    union all

    -- GA4 knows the submission too, and its browser.
    select
        'lead' as left_type,
        leads.lead_id as left_value,
        'cookie' as right_type,
        submissions.user_pseudo_id as right_value,
        leads.created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }} as leads
    inner join {{ ref('stg_ga4__events') }} as submissions
        on substring(leads.touchproof_key, 5) = submissions.submission_id
    where
        leads.touchproof_key like 'web:%'
        and submissions.user_pseudo_id is not null

    union all

    select
        'contact' as left_type,
        contact_id as left_value,
        'email' as right_type,
        email as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__contacts') }}
    where email is not null

    union all

    select
        'contact' as left_type,
        contact_id as left_value,
        'app_user' as right_type,
        app_user_id as right_value,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__contacts') }}
    where app_user_id is not null

),

single_links as (

    select
        left_type,
        left_value,
        right_type,
        right_value,
        min(first_seen_at) as first_seen_at
    from links
    group by left_type, left_value, right_type, right_value

),

link_ends as (

    select
        left_type as identifier_type,
        left_value as identifier,
        right_type as linked_type
    from single_links

    union all

    select
        right_type as identifier_type,
        right_value as identifier,
        left_type as linked_type
    from single_links

),

-- An identifier with more links of one kind than its rule allows is shared: it links nobody.
shared_identifiers as (

    select distinct
        counted_links.identifier_type,
        counted_links.identifier
    from (
        select
            identifier_type,
            identifier,
            linked_type,
            count(*) as link_count
        from link_ends
        group by identifier_type, identifier, linked_type
    ) as counted_links
    inner join {{ ref('identity_rules') }} as identity_rules
        on
            counted_links.identifier_type = identity_rules.identifier_type
            and counted_links.linked_type = identity_rules.linked_type
            and counted_links.link_count > identity_rules.max_links

),

final as (

    select
        single_links.first_seen_at,
        single_links.left_type || ':' || single_links.left_value as left_identifier,
        single_links.right_type || ':' || single_links.right_value as right_identifier,
        left_shared.identifier is null and right_shared.identifier is null as is_linking,
        left_shared.identifier is not null as is_left_shared,
        right_shared.identifier is not null as is_right_shared
    from single_links
    left join shared_identifiers as left_shared
        on
            single_links.left_type = left_shared.identifier_type
            and single_links.left_value = left_shared.identifier
    left join shared_identifiers as right_shared
        on
            single_links.right_type = right_shared.identifier_type
            and single_links.right_value = right_shared.identifier

)

select * from final
