-- Claims with what their banks owe for them at most. The fee stays as it was issued: what packs
-- corrected of it since is billed on the day of the pack.
with

claims as (

    select * from {{ ref('stg_ledger__claims') }}

),

billed as (

    select
        claim_id,
        sum(entry_cents) as billed_cents
    from {{ ref('stg_ledger__fee_entries') }}
    where entry_kind = 'billed'
    group by claim_id

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
        claims.fee_cents,
        claims.accepted_cents,
        claims.paid_cents,
        claims.currency,
        claims.issued_at,
        claims.accepted_at,
        claims.status_at,
        claims.as_of_date,
        cast(coalesce(billed.billed_cents, 0) as bigint) as owed_cents
    from claims
    left join billed on claims.claim_id = billed.claim_id

)

select * from final
