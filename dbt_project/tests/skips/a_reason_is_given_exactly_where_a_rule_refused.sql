select bank_opening_id
from {{ ref('fct_skip_referrals') }}
where
    (eligibility in ('refused', 'review')) <> (ineligible_reason is not null)
    or (eligibility = 'unmatched') <> (person_id is null)
