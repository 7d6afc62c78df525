-- Fee entries by month. A closed month stays as it was closed: what became known of it later is
-- booked in the first open month, which names the month that it adjusts.
with

frontier as (

    select * from {{ closed_frontier() }} as last_closed

),

frozen as (

    select * from {{ ref('stg_ledger__closed_fee_accruals') }}

),

entries as (

    select
        bank_id,
        currency,
        cast(date_trunc('month', booked_date) as date) as month,
        entry_kind,
        cast(sum(entry_cents) as bigint) as entry_cents
    from {{ ref('stg_ledger__fee_entries') }}
    group by bank_id, currency, date_trunc('month', booked_date), entry_kind

),

-- What this night says of the closed months, less all that was booked about them.
differences as (

    select
        bank_id,
        currency,
        month as adjusts_month,
        entry_kind,
        cast(sum(entry_cents) as bigint) as entry_cents
    from (
        select
            bank_id,
            currency,
            month,
            entry_kind,
            entry_cents
        from entries
        where month <= (select frontier.closed_through from frontier)
        union all
        select
            bank_id,
            currency,
            coalesce(adjusts_month, month) as month,
            entry_kind,
            -1 * entry_cents as entry_cents
        from frozen
    ) as both_sides
    group by bank_id, currency, month, entry_kind

),

final as (
    {% set columns = fee_accrual_columns() | list %}
    select {{ columns | join(', ') }}
    from frozen

    union all

    select
        bank_id,
        currency,
        month,
        cast(null as date) as adjusts_month,
        entry_kind,
        entry_cents
    from entries
    where month > coalesce((select frontier.closed_through from frontier), date '0001-01-01')

    union all

    select
        bank_id,
        currency,
        (select frontier.first_open_month from frontier) as month,
        adjusts_month,
        entry_kind,
        entry_cents
    from differences
    where entry_cents <> 0

)

select * from final
