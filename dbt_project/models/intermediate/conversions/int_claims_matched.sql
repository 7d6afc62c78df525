-- Claims that were issued, each with the conversion to which its fee belongs.
with

claims as (

    select
        claims.claim_id,
        claims.bank_id,
        claims.bank_opening_id,
        claims.product_line,
        claims.opened_at,
        claims.fee_kind,
        claims.claim_status,
        claims.owed_cents,
        claims.accepted_cents,
        claims.currency,
        claims.issued_at,
        claims.accepted_at,
        claims.status_at,
        coalesce(person_merges.person_id, claims.person_id) as person_id
    from {{ ref('int_claims_valued') }} as claims
    left join {{ ref('int_person_id_merges') }} as person_merges
        on claims.person_id = person_merges.from_person_id
    where claims.issued_at is not null

),

-- An opening that was sold in the app as well is one conversion, the app's: the bank's report of
-- it adds a fee at most.
app_sales as (

    select
        claims.claim_id,
        openings.conversion_id
    from claims
    inner join {{ ref('int_app_openings_ranked') }} as openings
        on
            claims.person_id = openings.person_id
            and claims.bank_id = openings.bank_id
            and claims.product_line = openings.product_line
            and claims.currency = openings.currency
            and claims.opened_at
            between {{ shifted('openings.converted_at', -1 * var('app_sale_match_days'), 'days') }}
            and {{ shifted('openings.converted_at', var('app_sale_match_days'), 'days') }}
    qualify row_number() over (
        partition by claims.claim_id
        order by openings.converted_at, openings.conversion_id
    ) = 1

),

final as (

    select
        claims.claim_id,
        claims.bank_id,
        claims.bank_opening_id,
        claims.person_id,
        claims.product_line,
        claims.opened_at,
        claims.fee_kind,
        claims.claim_status,
        claims.owed_cents,
        claims.currency,
        claims.issued_at,
        claims.accepted_at,
        claims.status_at,
        coalesce(
            app_sales.conversion_id, 'cv_' || md5('bank:' || claims.bank_opening_id)
        ) as conversion_id,
        app_sales.conversion_id is not null as is_app_sale,
        coalesce(claims.accepted_cents, 0) as accepted_cents,
        claims.claim_status in ('issued', 'disputed') as is_pending
    from claims
    left join app_sales on claims.claim_id = app_sales.claim_id

)

select * from final
