-- The journal of referral fees: for each kind of entry a debit and a credit of the same cents.
with

booked as (

    select
        booked.bank_id,
        booked.currency,
        booked.month,
        booked.adjusts_month,
        booked.entry_kind,
        booked.entry_cents,
        journal_accounts.debit_account,
        journal_accounts.debit_account_name,
        journal_accounts.credit_account,
        journal_accounts.credit_account_name
    from {{ ref('int_fee_accruals_booked') }} as booked
    inner join {{ ref('journal_accounts') }} as journal_accounts
        on booked.entry_kind = journal_accounts.entry_kind
    where booked.entry_cents <> 0

),

-- An amount below zero stands on the other side: no line of a journal is negative.
sides as (

    select
        bank_id,
        currency,
        month,
        adjusts_month,
        entry_kind,
        debit_account as account_number,
        debit_account_name as account_name,
        greatest(entry_cents, 0) as debit_cents,
        greatest(-1 * entry_cents, 0) as credit_cents
    from booked

    union all

    select
        bank_id,
        currency,
        month,
        adjusts_month,
        entry_kind,
        credit_account as account_number,
        credit_account_name as account_name,
        greatest(-1 * entry_cents, 0) as debit_cents,
        greatest(entry_cents, 0) as credit_cents
    from booked

),

final as (

    select
        month,
        adjusts_month,
        bank_id,
        currency,
        entry_kind,
        account_number,
        account_name,
        cast(debit_cents as bigint) as debit_cents,
        cast(credit_cents as bigint) as credit_cents
    from sides

)

select * from final
