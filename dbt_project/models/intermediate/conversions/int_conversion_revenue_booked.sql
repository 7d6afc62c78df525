-- Every booked event of money; a conversion's revenue is the sum of its events.
with

app_events as (

    select
        'rv_' || md5('app:' || products.ledger_entry_id) as revenue_event_id,
        openings.conversion_id,
        products.entry_type as revenue_kind,
        products.booked_date,
        cast(products.booked_amount * 100 as bigint) as revenue_cents,
        products.currency
    from {{ ref('stg_app__products') }} as products
    inner join {{ ref('int_app_openings_ranked') }} as openings
        on products.account_id = openings.account_id
    where
        products.entry_type in ('accrual', 'claw_back')
        and products.booked_amount is not null
        and products.booked_date is not null

),

-- A fee is booked when the bank accepts it, whenever it pays or takes it back.
accepted_fees as (

    select
        'rv_' || md5('fee:' || claim_id) as revenue_event_id,
        conversion_id,
        'accepted_fee' as revenue_kind,
        {{ business_date('coalesce(accepted_at, status_at)') }} as booked_date,
        accepted_cents as revenue_cents,
        currency
    from {{ ref('int_claims_matched') }}
    where accepted_cents <> 0

),

-- A fee that the bank took back leaves both entries.
fee_claw_backs as (

    select
        'rv_' || md5('fee_claw_back:' || claim_id) as revenue_event_id,
        conversion_id,
        'claw_back' as revenue_kind,
        {{ business_date('status_at') }} as booked_date,
        -1 * accepted_cents as revenue_cents,
        currency
    from {{ ref('int_claims_matched') }}
    where accepted_cents <> 0 and claim_status = 'clawed_back'

),

final as (

    select * from app_events
    union all
    select * from accepted_fees
    union all
    select * from fee_claw_backs

)

select * from final
