-- No step of the funnel is wider than the one before, and its openings are those that banks sent.
with

openings as (

    select
        bank_id,
        count(*) as openings
    from {{ ref('fct_skip_referrals') }}
    group by bank_id

),

funnel as (

    select
        bank_id,
        sum(openings) as openings
    from {{ ref('mart_skip_funnel') }}
    group by bank_id

)

select
    bank_id,
    'a later step is wider' as fault
from {{ ref('mart_skip_funnel') }}
where
    openings < matched
    or matched < eligible
    or eligible < claimed
    or claimed < accepted
    or accepted < paid

union all

select
    openings.bank_id,
    'openings are missing' as fault
from openings
left join funnel on openings.bank_id = funnel.bank_id
where openings.openings is distinct from funnel.openings
