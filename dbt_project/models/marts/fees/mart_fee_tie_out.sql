-- From the banks' files to the journal: each stage's cents beside those of the stage before.
with

remittance_lines as (

    select
        bank_id,
        remittance_id,
        currency,
        _landed_at,
        cast(payment_amount * 100 as bigint) as payment_cents,
        -- Parts of a cent aren't money; the ledger leaves such a line at nothing too.
        case
            when line_amount * 100 = cast(line_amount * 100 as bigint)
                then cast(line_amount * 100 as bigint)
            else 0
        end as line_cents
    from {{ ref('stg_banks__remittances') }}

),

-- What came in is the payment, where the bank names it, else the sum of its lines.
remittances as (

    select
        bank_id,
        remittance_id,
        currency,
        remittance_landed_at,
        case
            when
                count(distinct currency) over (partition by bank_id, remittance_id) = 1
                and payment_cents is not null
                then payment_cents
            else line_cents
        end as remitted_cents
    from (
        select
            bank_id,
            remittance_id,
            currency,
            max(_landed_at) as remittance_landed_at,
            sum(line_cents) as line_cents,
            min(payment_cents) as payment_cents
        from remittance_lines
        group by bank_id, remittance_id, currency
    ) as documents

),

entries as (

    select * from {{ ref('stg_ledger__fee_entries') }}

),

received_documents as (

    select
        bank_id,
        document_id,
        currency,
        sum(entry_cents) as received_cents,
        max(_landed_at) as snapshot_at
    from entries
    where entry_kind = 'received'
    group by bank_id, document_id, currency

),

-- A night is built from the ledger as it was: what landed after its snapshot can't be in it.
compared as (

    select
        coalesce(remittances.bank_id, received_documents.bank_id) as bank_id,
        coalesce(remittances.currency, received_documents.currency) as currency,
        coalesce(remittances.remitted_cents, 0) as remitted_cents,
        coalesce(received_documents.received_cents, 0) as received_cents,
        coalesce(
            remittances.remittance_landed_at is null
            or remittances.remittance_landed_at <= received_documents.snapshot_at,
            false
        ) as is_known
    from remittances
    full join received_documents
        on
            remittances.bank_id = received_documents.bank_id
            and remittances.remittance_id = received_documents.document_id
            and remittances.currency = received_documents.currency

),

remitted as (

    select
        bank_id,
        currency,
        sum(case when is_known then remitted_cents else received_cents end) as remitted_cents,
        sum(case when not is_known then remitted_cents - received_cents end)
            as unreconciled_cents,
        sum(case when is_known then abs(remitted_cents - received_cents) end)
            as cash_difference_cents
    from compared
    group by bank_id, currency

),

ledger as (

    select
        bank_id,
        currency,
        sum(case when entry_kind = 'received' then entry_cents end) as received_cents,
        sum(case when entry_kind = 'applied' then entry_cents end) as applied_cents,
        sum(case when entry_kind = 'on_account' then entry_cents end) as on_account_cents,
        sum(case when entry_kind = 'disputed' then entry_cents end) as disputed_cents,
        sum(
            case when entry_kind in ('earned', 'reversed', 'clawed_back') then entry_cents end
        ) as revenue_cents
    from entries
    group by bank_id, currency

),

fee_revenue as (

    select
        conversion_id,
        sum(
            case
                when revenue_kind in ('accepted_fee', 'reversed_fee', 'clawed_back_fee')
                    then revenue_cents
            end
        ) as fee_cents,
        sum(revenue_cents) as all_cents
    from {{ ref('fct_conversion_revenue') }}
    group by conversion_id

),

credits as (

    select
        conversion_id,
        sum(last_touch_revenue_cents) as credited_cents
    from {{ ref('fct_attribution') }}
    group by conversion_id

),

-- A fee of an app sale is credited with the sale: what the sale earned otherwise is left out.
credited as (

    select
        conversions.bank_id,
        conversions.currency,
        sum(fee_revenue.fee_cents) as booked_cents,
        sum(credits.credited_cents - (fee_revenue.all_cents - fee_revenue.fee_cents))
            as credited_cents
    from fee_revenue
    inner join {{ ref('fct_conversions') }} as conversions
        on fee_revenue.conversion_id = conversions.conversion_id
    left join credits on fee_revenue.conversion_id = credits.conversion_id
    where fee_revenue.fee_cents is not null
    group by conversions.bank_id, conversions.currency

),

journal as (

    select
        bank_id,
        currency,
        sum(
            case
                when entry_kind in ('earned', 'reversed', 'clawed_back') and account_number = '4100'
                    then credit_cents - debit_cents
            end
        ) as journal_revenue_cents,
        sum(case when account_number = '1000' then debit_cents - credit_cents end)
            as journal_cash_cents
    from {{ ref('mart_fee_journal') }}
    group by bank_id, currency

),

keys as (

    select
        bank_id,
        currency
    from ledger
    union
    select
        bank_id,
        currency
    from remitted
    union
    select
        bank_id,
        currency
    from credited

),

stages as (

    select
        keys.bank_id,
        keys.currency,
        cast(coalesce(remitted.remitted_cents, 0) as bigint) as remitted_cents,
        cast(coalesce(remitted.unreconciled_cents, 0) as bigint) as unreconciled_cents,
        cast(coalesce(remitted.cash_difference_cents, 0) as bigint) as cash_difference_cents,
        cast(coalesce(ledger.received_cents, 0) as bigint) as received_cents,
        cast(coalesce(ledger.applied_cents, 0) as bigint) as applied_cents,
        cast(coalesce(ledger.on_account_cents, 0) as bigint) as on_account_cents,
        cast(coalesce(ledger.disputed_cents, 0) as bigint) as disputed_cents,
        cast(coalesce(ledger.revenue_cents, 0) as bigint) as revenue_cents,
        cast(coalesce(credited.booked_cents, 0) as bigint) as booked_cents,
        cast(coalesce(credited.credited_cents, 0) as bigint) as credited_cents,
        cast(coalesce(journal.journal_revenue_cents, 0) as bigint) as journal_revenue_cents,
        cast(coalesce(journal.journal_cash_cents, 0) as bigint) as journal_cash_cents
    from keys
    left join remitted on keys.bank_id = remitted.bank_id and keys.currency = remitted.currency
    left join ledger on keys.bank_id = ledger.bank_id and keys.currency = ledger.currency
    left join credited on keys.bank_id = credited.bank_id and keys.currency = credited.currency
    left join journal on keys.bank_id = journal.bank_id and keys.currency = journal.currency

),

final as (

    select
        bank_id,
        currency,
        remitted_cents,
        received_cents,
        applied_cents,
        on_account_cents,
        disputed_cents,
        journal_cash_cents,
        revenue_cents,
        booked_cents,
        credited_cents,
        journal_revenue_cents,
        unreconciled_cents,
        -- Zero, or something is wrong between two stages.
        cash_difference_cents
        + abs(received_cents - applied_cents - on_account_cents - disputed_cents)
        + abs(received_cents - journal_cash_cents)
        + abs(revenue_cents - booked_cents)
        + abs(booked_cents - credited_cents)
        + abs(revenue_cents - journal_revenue_cents) as difference_cents
    from stages

)

select * from final
