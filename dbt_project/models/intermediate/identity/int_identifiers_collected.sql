-- Every identifier that any source showed, linked or not.
with

seen as (

    select
        left_identifier as identifier_key,
        first_seen_at
    from {{ ref('int_identity_edges') }}

    union all

    select
        right_identifier as identifier_key,
        first_seen_at
    from {{ ref('int_identity_edges') }}

    union all

    select
        'cookie:' || user_pseudo_id as identifier_key,
        min(event_at) as first_seen_at
    from {{ ref('stg_ga4__events') }}
    where user_pseudo_id is not null
    group by user_pseudo_id

    union all

    select
        'email:' || email as identifier_key,
        occurred_at as first_seen_at
    from {{ ref('stg_email__events') }}
    where email is not null

    union all

    select
        'registration:' || registration_id as identifier_key,
        registered_at as first_seen_at
    from {{ ref('stg_app__registrations') }}

    union all

    select
        'submission:' || submission_id as identifier_key,
        submitted_at as first_seen_at
    from {{ ref('stg_web_forms__submissions') }}

    union all

    select
        'app_user:' || app_user_id as identifier_key,
        occurred_at as first_seen_at
    from {{ ref('stg_app__products') }}
    where app_user_id is not null

    union all

    select
        'app_user:' || app_user_id as identifier_key,
        changed_at as first_seen_at
    from {{ ref('stg_app__consents') }}
    where app_user_id is not null

    union all

    select
        'email:' || email as identifier_key,
        changed_at as first_seen_at
    from {{ ref('stg_app__consents') }}
    where email is not null

    union all

    select
        'lead:' || lead_id as identifier_key,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__leads') }}

    union all

    select
        'contact:' || contact_id as identifier_key,
        created_at as first_seen_at
    from {{ ref('stg_salesforce__contacts') }}

),

single_identifiers as (

    select
        identifier_key,
        min(first_seen_at) as first_seen_at
    from seen
    group by identifier_key

),

final as (

    select
        identifier_key,
        {{ pseudonym('identifier_key') }} as identifier_hmac,
        split_part(identifier_key, ':', 1) as identifier_type,
        substring(identifier_key, strpos(identifier_key, ':') + 1) as identifier,
        first_seen_at
    from single_identifiers

)

select * from final
