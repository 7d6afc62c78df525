-- A deadline of no day at all would end every claim.
select
    bank_id,
    product_line,
    valid_from_date
from {{ ref('bank_terms') }}
where
    claim_deadline_days <= 0
    or response_days <= 0
    or dispute_days <= 0
    or claw_back_days <= 0
