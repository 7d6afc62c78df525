-- What an opening and a person can have in common, a row each; a new tier is a branch here and a
-- row in the seed skip_match_methods.
with

opening_keys as (

    select
        'opening' as side,
        bank_opening_id as side_id,
        'referral_token' as match_method,
        upper(referral_token) as match_key
    from {{ ref('stg_banks__openings') }}

    union all

    select
        'opening' as side,
        bank_opening_id as side_id,
        'email' as match_method,
        email_normalised as match_key
    from {{ ref('stg_banks__openings') }}

    union all

    select
        'opening' as side,
        bank_opening_id as side_id,
        'name_birth_postcode' as match_method,
        {{ name_birth_postcode_key('first_name', 'last_name', 'birth_date', 'postal_code') }}
            as match_key
    from {{ ref('stg_banks__openings') }}

),

-- The token was given to the browser that clicked out to the bank.
token_keys as (

    select
        'person' as side,
        identifiers.person_id as side_id,
        'referral_token' as match_method,
        upper(events.referral_token) as match_key
    from {{ ref('stg_ga4__events') }} as events
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            events.user_pseudo_id = identifiers.identifier
            and identifiers.identifier_type = 'cookie'
    where events.referral_token is not null

),

email_keys as (

    select
        'person' as side,
        person_id as side_id,
        'email' as match_method,
        identifier as match_key
    from {{ ref('int_person_identifiers') }}
    where identifier_type = 'email'

),

name_keys as (

    select
        'person' as side,
        identifiers.person_id as side_id,
        'name_birth_postcode' as match_method,
        {{ name_birth_postcode_key('first_name', 'last_name', 'birth_date', 'postal_code') }}
            as match_key
    from {{ ref('stg_app__registrations') }} as registrations
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            registrations.registration_id = identifiers.identifier
            and identifiers.identifier_type = 'registration'

    union all

    select
        'person' as side,
        identifiers.person_id as side_id,
        'name_birth_postcode' as match_method,
        {{ name_birth_postcode_key('first_name', 'last_name', 'birth_date', 'postal_code') }}
            as match_key
    from {{ ref('stg_salesforce__contacts') }} as contacts
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            contacts.contact_id = identifiers.identifier
            and identifiers.identifier_type = 'contact'
    where not contacts.is_deleted

),

collected as (

    select * from opening_keys
    union all
    select * from token_keys
    union all
    select * from email_keys
    union all
    select * from name_keys

),

final as (

    select distinct
        side,
        side_id,
        match_method,
        match_key
    from collected
    where match_key is not null

)

select * from final
