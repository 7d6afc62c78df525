-- How the lane of new leads knows people without the warehouse: by the pseudonym of what they show.
with

identifiers as (

    select * from {{ ref('int_person_identifiers') }}

),

-- Whoever is known by a cookie alone can't ask for anything.
named_persons as (

    select distinct person_id
    from identifiers
    where identifier_type <> 'cookie'

),

words as (

    select
        identifier_type,
        identifier,
        consent_state,
        changed_at
    from {{ latest_consent_words() }} as latest_rows
    where channel = 'email'

),

suppressed as (

    select distinct identifier_hmac
    from {{ ref('stg_ledger__suppressions') }}
    where {{ suppressed_channel('channel') }} = 'email'

),

shared as (

    select left_identifier as identifier_key
    from {{ ref('int_identity_edges') }}
    where is_left_shared

    union

    select right_identifier as identifier_key
    from {{ ref('int_identity_edges') }}
    where is_right_shared

),

final as (

    select
        identifiers.identifier_hmac,
        identifiers.person_id,
        words.consent_state as email_state,
        words.changed_at as email_state_changed_at,
        suppressed.identifier_hmac is not null as is_suppressed,
        shared.identifier_key is not null as is_shared
    from identifiers
    inner join named_persons on identifiers.person_id = named_persons.person_id
    left join words
        on
            identifiers.identifier_type = words.identifier_type
            and identifiers.identifier = words.identifier
    left join suppressed on identifiers.identifier_hmac = suppressed.identifier_hmac
    left join shared
        on identifiers.identifier_type || ':' || identifiers.identifier = shared.identifier_key
    where
        identifiers.identifier_type
        in ('email', 'app_user', 'registration', 'submission', 'cookie')
        or words.consent_state is not null
        or suppressed.identifier_hmac is not null

)

select * from final
