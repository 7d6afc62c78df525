-- What is known of every person, and the highest stage whose needs are met.
with

persons as (

    select
        person_id,
        min(first_seen_at) as first_seen_at,
        max(case when identifier_type = 'registration' then 1 else 0 end) = 1 as is_registered,
        max(case when identifier_type in ('email', 'lead', 'contact') then 1 else 0 end) = 1
            as is_known
    from {{ ref('int_person_identifiers') }}
    group by person_id

),

products as (

    select
        person_id,
        count(*) as product_count,
        min(converted_at) as first_converted_at
    from {{ ref('int_app_openings_ranked') }}
    group by person_id

),

counted as (

    select
        persons.person_id,
        persons.first_seen_at,
        persons.is_registered,
        persons.is_known,
        products.first_converted_at,
        coalesce(products.product_count, 0) as product_count
    from persons
    left join products on persons.person_id = products.person_id

),

final as (

    select
        counted.person_id,
        counted.first_seen_at,
        stage_rules.lifecycle_stage,
        stage_rules.stage_rank,
        counted.product_count,
        counted.is_registered,
        counted.is_known,
        counted.first_converted_at,
        counted.product_count > 0 as is_customer
    from counted
    inner join {{ ref('stage_rules') }} as stage_rules
        on
            counted.product_count >= stage_rules.min_product_count
            and (counted.is_registered or not stage_rules.is_registration_needed)
            and (counted.is_known or not stage_rules.is_contact_needed)
    qualify row_number() over (
        partition by counted.person_id
        order by stage_rules.stage_rank desc
    ) = 1

)

select * from final
