-- Registrations of persons whom the CRM has never held, the first of each person. A record that
-- somebody deleted there isn't made again.
with

persons_in_crm as (

    select distinct person_id
    from {{ ref('int_person_identifiers') }}
    where identifier_type in ('lead', 'contact')

),

final as (

    select
        identifiers.person_id,
        registrations.first_name,
        registrations.email,
        'Individual' as company,
        'app:' || registrations.registration_id as touchproof_key,
        coalesce(registrations.last_name, 'Unknown') as last_name,
        coalesce(spellings.lead_source, 'App') as lead_source,
        coalesce(consents.email_state, 'unknown') as email_state,
        coalesce(consents.email_state, 'unknown') = 'opted_in' as may_market
    from {{ ref('stg_app__registrations') }} as registrations
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            registrations.registration_id = identifiers.identifier
            and identifiers.identifier_type = 'registration'
    left join persons_in_crm on identifiers.person_id = persons_in_crm.person_id
    left join {{ ref('int_consents_current') }} as consents
        on identifiers.person_id = consents.person_id
    left join {{ ref('source_spellings') }} as spellings
        on lower(registrations.lead_source) = spellings.spelling
    where persons_in_crm.person_id is null
    qualify row_number() over (
        partition by identifiers.person_id
        order by registrations.registered_at, registrations.registration_id
    ) = 1

)

select * from final
