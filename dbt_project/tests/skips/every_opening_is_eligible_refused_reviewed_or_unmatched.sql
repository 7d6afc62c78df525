-- Openings received = eligible + refused + review + unmatched, bank by bank.
with

received as (

    select
        bank_id,
        count(*) as openings
    from {{ ref('stg_banks__openings') }}
    group by bank_id

),

judged as (

    select
        bank_id,
        count(case when eligibility = 'eligible' then 1 end)
        + count(case when eligibility = 'refused' then 1 end)
        + count(case when eligibility = 'review' then 1 end)
        + count(case when eligibility = 'unmatched' then 1 end) as openings
    from {{ ref('fct_skip_referrals') }}
    group by bank_id

)

select
    received.openings as openings_received,
    judged.openings as openings_judged,
    coalesce(received.bank_id, judged.bank_id) as bank_id
from received
full outer join judged on received.bank_id = judged.bank_id
where received.openings is distinct from judged.openings
