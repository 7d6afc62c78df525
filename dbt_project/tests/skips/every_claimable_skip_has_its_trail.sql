-- A claim without one qualifying contact before the opening proves nothing.
select referrals.claim_id
from {{ ref('fct_skip_referrals') }} as referrals
left join {{ ref('mart_commission_evidence') }} as evidence
    on referrals.claim_id = evidence.claim_id
where
    referrals.eligibility = 'eligible'
    and evidence.claim_id is null
