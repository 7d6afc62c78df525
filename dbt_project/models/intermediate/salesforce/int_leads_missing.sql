-- Registrations and web forms of persons whom the CRM has never held, the first of each person. A
-- record that somebody deleted there isn't made again. The lane of new leads makes the same leads
-- from landing: touchproof/salesforce/lane_landed.py has this rule too, and a test compares both.
with

persons_in_crm as (

    select distinct person_id
    from {{ ref('int_person_identifiers') }}
    where identifier_type in ('lead', 'contact')

),

requests as (

    select
        'registration' as identifier_type,
        registration_id as identifier,
        'app:' || registration_id as touchproof_key,
        registered_at as requested_at,
        first_name,
        last_name,
        email,
        lead_source,
        'App' as default_lead_source
    from {{ ref('stg_app__registrations') }}

    union all

    select
        'submission' as identifier_type,
        submission_id as identifier,
        'web:' || submission_id as touchproof_key,
        submitted_at as requested_at,
        first_name,
        last_name,
        email,
        lead_source,
        'Web' as default_lead_source
    from {{ ref('stg_web_forms__submissions') }}

),

final as (

    select
        identifiers.person_id,
        requests.first_name,
        requests.email,
        'Individual' as company,
        requests.touchproof_key,
        coalesce(requests.last_name, 'Unknown') as last_name,
        coalesce(spellings.lead_source, requests.default_lead_source) as lead_source,
        coalesce(consents.email_state, 'unknown') as email_state,
        coalesce(consents.email_state, 'unknown') = 'opted_in' as may_market
    from requests
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            requests.identifier_type = identifiers.identifier_type
            and requests.identifier = identifiers.identifier
    left join persons_in_crm on identifiers.person_id = persons_in_crm.person_id
    left join {{ ref('int_consents_current') }} as consents
        on identifiers.person_id = consents.person_id
    left join {{ ref('source_spellings') }} as spellings
        on lower(requests.lead_source) = spellings.spelling
    where persons_in_crm.person_id is null
    qualify row_number() over (
        partition by identifiers.person_id
        order by requests.requested_at, requests.touchproof_key
    ) = 1

)

select * from final
