-- Who was at risk of a product after another, and whether and when it came. `next` looks from a
-- person's first product to the very next one, `later` from each product to any after it.
with

openings as (

    select
        person_id,
        product_line,
        product_number,
        converted_at,
        coalesce(application_started_at, converted_at) as applied_at
    from {{ ref('int_app_openings_ranked') }}

),

product_lines as (

    select distinct product_line
    from openings

),

next_pairs as (

    select
        'next' as transition_kind,
        first_openings.person_id,
        first_openings.product_line as from_product,
        product_lines.product_line as to_product,
        first_openings.converted_at as from_opened_at,
        second_openings.converted_at as to_opened_at,
        second_openings.applied_at as to_applied_at
    from openings as first_openings
    cross join product_lines
    left join openings as second_openings
        on
            first_openings.person_id = second_openings.person_id
            and second_openings.product_number = 2
            and product_lines.product_line = second_openings.product_line
    where first_openings.product_number = 1

),

-- The first account of a line is where the line begins for a person.
first_of_line as (

    select
        person_id,
        product_line,
        product_number,
        converted_at
    from openings
    qualify row_number() over (
        partition by person_id, product_line
        order by product_number
    ) = 1

),

next_of_line as (

    select
        first_of_line.person_id,
        first_of_line.product_line as from_product,
        openings.product_line as to_product,
        openings.converted_at as to_opened_at,
        openings.applied_at as to_applied_at
    from first_of_line
    inner join openings
        on
            first_of_line.person_id = openings.person_id
            and first_of_line.product_number < openings.product_number
    qualify row_number() over (
        partition by
            first_of_line.person_id, first_of_line.product_line, openings.product_line
        order by openings.product_number
    ) = 1

),

later_pairs as (

    select
        'later' as transition_kind,
        first_of_line.person_id,
        first_of_line.product_line as from_product,
        product_lines.product_line as to_product,
        first_of_line.converted_at as from_opened_at,
        next_of_line.to_opened_at,
        next_of_line.to_applied_at
    from first_of_line
    cross join product_lines
    left join first_of_line as product_owned
        on
            first_of_line.person_id = product_owned.person_id
            and product_lines.product_line = product_owned.product_line
            and first_of_line.product_number > product_owned.product_number
    left join next_of_line
        on
            first_of_line.person_id = next_of_line.person_id
            and first_of_line.product_line = next_of_line.from_product
            and product_lines.product_line = next_of_line.to_product
    -- Who had the product already isn't at risk of it.
    where product_owned.person_id is null

),

final as (

    select * from next_pairs
    union all
    select * from later_pairs

)

select * from final
