-- Each way in which a person is written down, in the form in which openings are compared with it.
with

registrations as (

    select
        identifiers.person_id,
        records.first_name,
        records.last_name,
        records.birth_date,
        records.postal_code,
        records.phone
    from {{ ref('stg_app__registrations') }} as records
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            records.registration_id = identifiers.identifier
            and identifiers.identifier_type = 'registration'

),

submissions as (

    select
        identifiers.person_id,
        records.first_name,
        records.last_name,
        cast(null as date) as birth_date,
        records.postal_code,
        records.phone
    from {{ ref('stg_web_forms__submissions') }} as records
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            records.submission_id = identifiers.identifier
            and identifiers.identifier_type = 'submission'

),

contacts as (

    select
        identifiers.person_id,
        records.first_name,
        records.last_name,
        records.birth_date,
        records.postal_code,
        records.phone
    from {{ ref('stg_salesforce__contacts') }} as records
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            records.contact_id = identifiers.identifier
            and identifiers.identifier_type = 'contact'
    where not records.is_deleted

),

leads as (

    select
        identifiers.person_id,
        records.first_name,
        records.last_name,
        cast(null as date) as birth_date,
        records.postal_code,
        records.phone
    from {{ ref('stg_salesforce__leads') }} as records
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            records.lead_id = identifiers.identifier
            and identifiers.identifier_type = 'lead'
    where not records.is_deleted

),

records as (

    select * from registrations
    union all
    select * from submissions
    union all
    select * from contacts
    union all
    select * from leads

),

final as (

    select distinct
        person_id,
        {{ normalised_name('first_name') }} as first_name,
        {{ normalised_name('last_name') }} as last_name,
        birth_date,
        {{ normalised_postcode('postal_code') }} as postal_code,
        {{ normalised_phone('phone') }} as phone
    from records

)

select * from final
