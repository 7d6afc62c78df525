-- Openings landed = eligible + refused + review + unmatched, bank by bank. A control total of the
-- bank's own, where a file carries one, belongs beside `received`.
with

received as (
    {% for bank_source in var('bank_sources') %}
    {% if not loop.first %}union all{% endif %}

    select
        '{{ bank_source | replace("bank_", "") }}' as bank_id,
        count(distinct reference) as openings
    from {{ raw_rows(bank_source, 'openings') }} as raw_rows
    having count(*) > 0
    {% endfor %}

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
