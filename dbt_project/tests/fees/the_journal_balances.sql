-- Debits equal credits in every month and currency, and no line has both or neither.
select
    month,
    currency,
    'sums differ' as fault
from {{ ref('mart_fee_journal') }}
group by month, currency
having sum(debit_cents) <> sum(credit_cents)

union all

select
    month,
    currency,
    'a line has one side' as fault
from {{ ref('mart_fee_journal') }}
where (debit_cents > 0) = (credit_cents > 0) or debit_cents < 0 or credit_cents < 0
