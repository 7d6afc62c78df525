{% set is_begun_anew = increments_begin_anew() %}

-- Persons whose rows in the incremental tables this build rewrites; why that is enough stands above
-- macros/dialect/increments.sql.
with

fingerprints as (

    select * from {{ ref('int_persons_fingerprinted') }}

),

applied as (

    select * from {{ persons_applied() }} as applied_rows

),

left_dirty as (

    select * from {{ persons_left_dirty() }} as left_rows

),

persons as (

    select person_id from fingerprints
    union
    select person_id from applied
    union
    select person_id from left_dirty

),

final as (

    select
        persons.person_id,
        case
            when fingerprints.person_id is null then 'vanished'
            when applied.person_id is null then 'new'
            when fingerprints.fingerprint <> applied.fingerprint then 'changed'
            else 'again'
        end as reason,
        {{ is_begun_anew }} as is_begun_anew,
        '{{ invocation_id }}' as build_id
    from persons
    left join fingerprints on persons.person_id = fingerprints.person_id
    left join applied on persons.person_id = applied.person_id
    left join left_dirty on persons.person_id = left_dirty.person_id
    where
        {{ is_begun_anew }}
        or left_dirty.person_id is not null
        or fingerprints.fingerprint is distinct from applied.fingerprint

)

select * from final
