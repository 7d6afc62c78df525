-- Everything that gives or withdraws consent, by the identifier for which it was said.
with

app_consents as (

    select
        case when email is null then 'app_user' else 'email' end as identifier_type,
        coalesce(email, app_user_id) as identifier,
        channel,
        consent_state,
        changed_at,
        'app' as source_system
    from {{ ref('stg_app__consents') }}
    where
        coalesce(email, app_user_id) is not null
        and consent_state in ('opted_in', 'opted_out')
        and changed_at is not null

),

-- A ticked box consents; an empty one withdraws nothing that was said elsewhere.
web_form_consents as (

    select
        'email' as identifier_type,
        email as identifier,
        'email' as channel,
        'opted_in' as consent_state,
        submitted_at as changed_at,
        'web_forms' as source_system
    from {{ ref('stg_web_forms__submissions') }}
    where email is not null and has_marketing_consent and submitted_at is not null

),

-- A complaint is an opt-out too; whoever subscribes again opts in again.
email_consents as (

    select
        'email' as identifier_type,
        email as identifier,
        'email' as channel,
        case
            when event_type = 'group_resubscribe' then 'opted_in'
            else 'opted_out'
        end as consent_state,
        occurred_at as changed_at,
        'email' as source_system
    from {{ ref('stg_email__events') }}
    where
        email is not null
        and event_type in (
            'unsubscribe', 'group_unsubscribe', 'group_resubscribe', 'spamreport'
        )

),

salesforce_consents as (

    select
        case when email is null then record_type else 'email' end as identifier_type,
        coalesce(email, record_id) as identifier,
        'email' as channel,
        'opted_out' as consent_state,
        system_modified_at as changed_at,
        'salesforce' as source_system
    from {{ ref('stg_salesforce__opt_out_versions') }}

),

final as (

    select * from app_consents
    union all
    select * from web_form_consents
    union all
    select * from email_consents
    union all
    select * from salesforce_consents

)

select * from final
