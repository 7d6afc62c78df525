-- The balances of the last month, rolled forward from every entry, are what the claims say today.
with

closings as (

    select
        bank_id,
        currency,
        max_by(receivable_closing_cents, month) as receivable_cents,
        max_by(constrained_closing_cents, month) as constrained_cents
    from {{ ref('mart_fee_accruals') }}
    group by bank_id, currency

),

claims as (

    select
        bank_id,
        currency,
        sum(
            case
                when claim_status = 'written_off' then 0
                when
                    claim_status in ('accepted', 'part_paid', 'paid')
                    then coalesce(accepted_cents, 0) - coalesce(paid_cents, 0)
                else -1 * coalesce(paid_cents, 0)
            end
        ) as receivable_cents,
        sum(case when claim_status in ('issued', 'disputed') then owed_cents else 0 end)
            as constrained_cents
    from {{ ref('int_claims_valued') }}
    where issued_at is not null
    group by bank_id, currency

)

select
    coalesce(closings.bank_id, claims.bank_id) as bank_id,
    coalesce(closings.currency, claims.currency) as currency
from closings
full join claims on closings.bank_id = claims.bank_id and closings.currency = claims.currency
where
    coalesce(closings.receivable_cents, 0) <> coalesce(claims.receivable_cents, 0)
    or coalesce(closings.constrained_cents, 0) <> coalesce(claims.constrained_cents, 0)
