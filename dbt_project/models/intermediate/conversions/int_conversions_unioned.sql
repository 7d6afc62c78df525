-- Product openings: those in the app, and skips once their claim is issued.
with

revenue as (

    select
        conversion_id,
        cast(sum(revenue_cents) as bigint) as revenue_cents
    from {{ ref('int_conversion_revenue_booked') }}
    group by conversion_id

),

first_app_products as (

    select
        person_id,
        converted_at as first_converted_at
    from {{ ref('int_app_openings_ranked') }}
    where product_number = 1

),

app_conversions as (

    select
        conversion_id,
        person_id,
        converted_at,
        case when product_number = 1 then 'new' else 'existing' end as customer_relation,
        'app' as sale_route,
        -- The first app product of a person is an acquisition, a later one a cross-sell.
        case when product_number = 1 then 'acquisition' else 'cross_sell' end as conversion_type,
        product_line,
        bank_id,
        currency,
        cast(null as bigint) as expected_revenue_cents,
        cast(0 as bigint) as pending_fee_cents,
        application_started_at
    from {{ ref('int_app_openings_ranked') }}

),

-- A skip counts towards neither: its claims, perhaps of several fees, are one conversion.
skip_conversions as (

    select
        claims.conversion_id,
        min(claims.person_id) as person_id,
        min(claims.opened_at) as converted_at,
        case
            when min(first_app_products.first_converted_at) < min(claims.opened_at) then 'existing'
            else 'new'
        end as customer_relation,
        'bank' as sale_route,
        'skip_referral' as conversion_type,
        min(claims.product_line) as product_line,
        min(claims.bank_id) as bank_id,
        min(claims.currency) as currency,
        cast(
            sum(
                case
                    when
                        claims.claim_status
                        in ('issued', 'disputed', 'accepted', 'part_paid', 'paid')
                        then claims.owed_cents
                    else 0
                end
            ) as bigint
        ) as expected_revenue_cents,
        cast(sum(case when claims.is_pending then claims.owed_cents else 0 end) as bigint)
            as pending_fee_cents,
        cast(null as timestamp) as application_started_at
    from {{ ref('int_claims_matched') }} as claims
    left join first_app_products on claims.person_id = first_app_products.person_id
    where not claims.is_app_sale
    group by claims.conversion_id

),

conversions as (

    select * from app_conversions
    union all
    select * from skip_conversions

),

final as (

    select
        conversions.conversion_id,
        conversions.person_id,
        conversions.converted_at,
        conversions.customer_relation,
        conversions.sale_route,
        conversions.conversion_type,
        conversions.product_line,
        conversions.bank_id,
        conversions.currency,
        conversions.expected_revenue_cents,
        conversions.pending_fee_cents,
        conversions.application_started_at,
        coalesce(revenue.revenue_cents, 0) as revenue_cents
    from conversions
    left join revenue on conversions.conversion_id = revenue.conversion_id

)

select * from final
