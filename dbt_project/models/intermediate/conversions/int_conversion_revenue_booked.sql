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

-- A fee is revenue from the day on which the bank accepts it, whenever it pays; what a rejection, a
-- dispute or a claw-back takes from it is booked on its own day, and both entries stay.
fee_events as (

    select
        'rv_' || md5('fee:' || entries.fee_entry_id) as revenue_event_id,
        claims.conversion_id,
        case entries.entry_kind
            when 'earned' then 'accepted_fee'
            when 'reversed' then 'reversed_fee'
            when 'clawed_back' then 'clawed_back_fee'
        end as revenue_kind,
        entries.booked_date,
        entries.entry_cents as revenue_cents,
        entries.currency
    from {{ ref('stg_ledger__fee_entries') }} as entries
    inner join {{ ref('int_claims_matched') }} as claims
        on entries.claim_id = claims.claim_id
    where entries.entry_kind in ('earned', 'reversed', 'clawed_back')

),

final as (

    select * from app_events
    union all
    select * from fee_events

)

select * from final
