-- Remittance, ledger, revenue, credit and journal name the same cents for every bank and currency.
select
    bank_id,
    currency,
    difference_cents
from {{ ref('mart_fee_tie_out') }}
where difference_cents <> 0
