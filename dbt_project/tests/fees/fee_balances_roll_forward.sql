-- Each closing balance follows from its opening and the month's sums, and opens the next month.
select
    bank_id,
    currency,
    month
from (
    select
        *,
        lag(receivable_closing_cents, 1, 0) over bank_months as receivable_before,
        lag(constrained_closing_cents, 1, 0) over bank_months as constrained_before,
        lag(unapplied_closing_cents, 1, 0) over bank_months as unapplied_before
    from {{ ref('mart_fee_accruals') }}
    window bank_months as (partition by bank_id, currency order by month)
) as months
where
    receivable_opening_cents <> receivable_before
    or constrained_opening_cents <> constrained_before
    or unapplied_opening_cents <> unapplied_before
    or receivable_closing_cents
    <> receivable_opening_cents + earned_cents - reversed_cents - written_off_cents - cash_cents
    or constrained_closing_cents <> constrained_opening_cents + constrained_change_cents
    or unapplied_closing_cents <> unapplied_opening_cents + received_cents - cash_cents
