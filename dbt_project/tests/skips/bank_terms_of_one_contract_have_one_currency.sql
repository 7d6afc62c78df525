-- Two lines of one contract that pay in two currencies contradict each other.
select
    bank_id,
    contract_version,
    min(clause || ' in ' || currency) as one_line,
    max(clause || ' in ' || currency) as other_line
from {{ ref('bank_terms') }}
group by bank_id, contract_version
having count(distinct currency) > 1
