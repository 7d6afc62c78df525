-- What an opening and a person can have in common for certain, a row each; a new method is a branch
-- here and a row in the seed skip_match_methods.
with

openings as (

    select * from {{ ref('int_skip_openings_described') }}

),

people as (

    select * from {{ ref('int_skip_people_described') }}

),

keys_in_use as (

    select distinct
        bank_id,
        key_id
    from openings
    where key_id is not null

),

opening_keys as (

    select
        'opening' as side,
        bank_opening_id as side_id,
        'referral_token' as match_method,
        referral_token as match_key
    from openings

    union all

    select
        'opening' as side,
        bank_opening_id as side_id,
        'email' as match_method,
        email_key as match_key
    from openings

    union all

    select
        'opening' as side,
        bank_opening_id as side_id,
        'phone' as match_method,
        phone_key as match_key
    from openings

    union all

    select
        'opening' as side,
        bank_opening_id as side_id,
        'blind_match' as match_method,
        row_key as match_key
    from openings

    union all

    select
        'opening' as side,
        bank_opening_id as side_id,
        'name_birth_postcode' as match_method,
        first_name || '|' || last_name || '|' || cast(birth_date as varchar) || '|' || postal_code
            as match_key
    from openings

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
        emails.person_id as side_id,
        'email' as match_method,
        {{ keyed_hash('keys_in_use.key_id', 'email', 'emails.identifier') }} as match_key
    from {{ ref('int_person_identifiers') }} as emails
    cross join keys_in_use
    where emails.identifier_type = 'email'

),

phones as (

    select distinct
        person_id,
        phone
    from people
    where phone is not null

),

phone_keys as (

    select
        'person' as side,
        phones.person_id as side_id,
        'phone' as match_method,
        {{ keyed_hash('keys_in_use.key_id', 'phone', 'phones.phone') }} as match_key
    from phones
    cross join keys_in_use

),

-- The ids of the rows that we hand to a bank which matches on its own side.
row_keys as (

    select
        'person' as side,
        people.person_id as side_id,
        'blind_match' as match_method,
        {{ keyed_hash('keys_in_use.key_id', 'row', 'people.person_id') }} as match_key
    from (select distinct person_id from {{ ref('int_person_identifiers') }}) as people
    cross join keys_in_use
    inner join {{ ref('bank_match_settings') }} as match_settings
        on
            keys_in_use.bank_id = match_settings.bank_id
            and match_settings.match_mode = 'blind'

),

name_keys as (

    select
        'person' as side,
        person_id as side_id,
        'name_birth_postcode' as match_method,
        first_name || '|' || last_name || '|' || cast(birth_date as varchar) || '|' || postal_code
            as match_key
    from people

),

person_keys as (

    select * from token_keys
    union all
    select * from email_keys
    union all
    select * from phone_keys
    union all
    select * from row_keys
    union all
    select * from name_keys

),

-- Of people's keys, which are many, only those that an opening has.
collected as (

    select * from opening_keys
    where match_key is not null

    union all

    select person_keys.*
    from person_keys
    where exists (
        select 1
        from opening_keys
        where
            opening_keys.match_method = person_keys.match_method
            and opening_keys.match_key = person_keys.match_key
    )

),

final as (

    select distinct
        side,
        side_id,
        match_method,
        match_key
    from collected

)

select * from final
