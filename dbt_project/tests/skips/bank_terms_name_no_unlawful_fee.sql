-- A fee that the law doesn't allow must not be in the terms as an amount.
select
    bank_id,
    contract_version,
    clause,
    product_line
from {{ ref('bank_terms') }}
where not is_fee_lawful and fee_cents > 0
