-- Conversions of the persons of restated conversions, as the last published night shows them.
with

persons as (

    select conversions.person_id
    from {{ ref('int_conversions_unioned') }} as conversions
    inner join {{ ref('int_conversions_restated') }} as restated
        on conversions.conversion_id = restated.conversion_id

    union

    select person_id
    from {{ ref('int_published_credits_kept') }}

),

-- A conversion that has changed its person since is known too.
known as (

    select
        conversions.conversion_id,
        conversions.person_id
    from {{ ref('int_conversions_unioned') }} as conversions
    inner join persons on conversions.person_id = persons.person_id

),

published as (

    select * from {{ published_rows('fct_conversions', {
        'conversion_id': 'varchar', 'person_id': 'varchar'
    }) }} as published_conversions

),

final as (

    select
        published.conversion_id,
        published.person_id
    from published
    inner join known on published.conversion_id = known.conversion_id

)

select * from final
