-- What waits at the banks, by how long ago it was put to them.
with

claims as (

    select
        bank_id,
        currency,
        claim_status,
        owed_cents,
        coalesce(accepted_cents, 0) as accepted_cents,
        coalesce(paid_cents, 0) as paid_cents,
        {{ days_between(business_date('issued_at'), 'as_of_date') }} as days_since_issue
    from {{ ref('int_claims_valued') }}
    where
        issued_at is not null
        and claim_status in ('issued', 'accepted', 'part_paid', 'disputed')

),

staged as (

    select
        bank_id,
        currency,
        days_since_issue,
        case claim_status
            when 'issued' then 'unanswered'
            when 'disputed' then 'disputed'
            else 'unpaid'
        end as waits_for,
        case
            when days_since_issue <= 30 then '0-30'
            when days_since_issue <= 60 then '31-60'
            when days_since_issue <= 90 then '61-90'
            else '90+'
        end as age_bucket,
        case
            when claim_status in ('accepted', 'part_paid') then accepted_cents - paid_cents
            else owed_cents - paid_cents
        end as open_cents
    from claims

),

final as (

    select
        bank_id,
        currency,
        waits_for,
        age_bucket,
        cast(count(*) as integer) as claims,
        cast(sum(open_cents) as bigint) as open_cents,
        cast(max(days_since_issue) as integer) as oldest_days
    from staged
    group by bank_id, currency, waits_for, age_bucket

)

select * from final
