-- What the banks owe for referrals, month by month: every closing balance opens the next month.
with

frontier as (

    select * from {{ closed_frontier() }} as last_closed

),

booked as (

    select * from {{ ref('int_fee_accruals_booked') }}

),

months as (

    select distinct month
    from booked

),

accounts as (

    select
        bank_id,
        currency,
        min(month) as first_month
    from booked
    group by bank_id, currency

),

-- A month without entries of a bank still has its balances.
periods as (

    select
        accounts.bank_id,
        accounts.currency,
        months.month
    from accounts
    inner join months on accounts.first_month <= months.month

),

sums as (

    select
        periods.bank_id,
        periods.currency,
        periods.month,
        {% for kind in ['billed', 'constrained', 'earned', 'received', 'applied'] %}
        coalesce(
            sum(case when booked.entry_kind = '{{ kind }}' then booked.entry_cents end), 0
        ) as {{ kind }}_cents,
        {% endfor %}
        -1 * coalesce(
            sum(
                case
                    when booked.entry_kind in ('reversed', 'clawed_back') then booked.entry_cents
                end
            ),
            0
        ) as reversed_cents,
        -1 * coalesce(
            sum(case when booked.entry_kind = 'written_off' then booked.entry_cents end), 0
        ) as written_off_cents
    from periods
    left join booked
        on
            periods.bank_id = booked.bank_id
            and periods.currency = booked.currency
            and periods.month = booked.month
    group by periods.bank_id, periods.currency, periods.month

),

balances as (

    select
        *,
        sum(constrained_cents) over (
            partition by bank_id, currency order by month
        ) as constrained_closing_cents,
        sum(earned_cents - reversed_cents - written_off_cents - applied_cents) over (
            partition by bank_id, currency order by month
        ) as receivable_closing_cents,
        sum(received_cents - applied_cents) over (
            partition by bank_id, currency order by month
        ) as unapplied_closing_cents
    from sums

),

final as (

    select
        balances.bank_id,
        balances.currency,
        balances.month,
        coalesce(balances.month <= (select frontier.closed_through from frontier), false)
            as is_closed,
        {% for measure in ['billed', 'earned', 'reversed', 'written_off'] %}
        cast(balances.{{ measure }}_cents as bigint) as {{ measure }}_cents,
        {% endfor %}
        cast(balances.applied_cents as bigint) as cash_cents,
        cast(balances.received_cents as bigint) as received_cents,
        cast(balances.constrained_closing_cents - balances.constrained_cents as bigint)
            as constrained_opening_cents,
        cast(balances.constrained_cents as bigint) as constrained_change_cents,
        cast(balances.constrained_closing_cents as bigint) as constrained_closing_cents,
        cast(
            balances.receivable_closing_cents
            - (
                balances.earned_cents - balances.reversed_cents
                - balances.written_off_cents - balances.applied_cents
            ) as bigint
        ) as receivable_opening_cents,
        cast(balances.receivable_closing_cents as bigint) as receivable_closing_cents,
        cast(
            balances.unapplied_closing_cents - (balances.received_cents - balances.applied_cents)
            as bigint
        ) as unapplied_opening_cents,
        cast(balances.unapplied_closing_cents as bigint) as unapplied_closing_cents
    from balances

)

select * from final
