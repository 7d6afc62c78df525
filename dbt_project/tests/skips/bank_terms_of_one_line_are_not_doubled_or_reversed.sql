-- The same line twice, or a line that ends before it begins.
select
    bank_id,
    product_line,
    fee_kind,
    valid_from_date,
    min(contract_version || ' ' || clause) as one_line,
    max(contract_version || ' ' || clause) as other_line
from {{ ref('bank_terms') }}
group by bank_id, product_line, fee_kind, valid_from_date
having
    count(*) > 1
    or min(coalesce(valid_to_date, date '9999-12-31')) <= valid_from_date
