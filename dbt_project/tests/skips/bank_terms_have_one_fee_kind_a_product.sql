-- Until an opening can owe several fees, more than one kind would double it in fct_skip_referrals.
select
    bank_id,
    product_line,
    min(fee_kind || ': ' || contract_version || ' ' || clause) as one_line,
    max(fee_kind || ': ' || contract_version || ' ' || clause) as other_line
from {{ ref('bank_terms') }}
group by bank_id, product_line
having count(distinct fee_kind) > 1
