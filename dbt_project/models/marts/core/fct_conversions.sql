with

conversions as (

    select * from {{ ref('int_conversions_unioned') }}

),

final as (

    select
        conversion_id,
        person_id,
        converted_at,
        customer_relation,
        sale_route,
        conversion_type,
        product_line,
        revenue_cents,
        currency,
        bank_id,
        expected_revenue_cents,
        pending_fee_cents
    from conversions

)

select * from final
