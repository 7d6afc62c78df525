-- How far skips come, from the bank's opening to the bank's money, by the campaign that came first.
with

referrals as (

    select * from {{ ref('fct_skip_referrals') }}

),

openings as (

    select
        bank_opening_id,
        currency
    from {{ ref('stg_banks__openings') }}

),

claims as (

    select
        claim_id,
        claim_status,
        owed_cents,
        issued_at,
        accepted_at,
        coalesce(paid_cents, 0) as paid_cents
    from {{ ref('int_claims_valued') }}

),

-- What of a claim is revenue now, whatever was booked and taken back since.
revenue as (

    select
        claim_id,
        sum(entry_cents) as revenue_cents
    from {{ ref('stg_ledger__fee_entries') }}
    where entry_kind in ('earned', 'reversed', 'clawed_back')
    group by claim_id

),

first_contacts as (

    select
        referrals.bank_opening_id,
        touchpoints.campaign_id
    from referrals
    inner join {{ ref('int_skip_contacts_qualified') }} as contacts
        on
            referrals.person_id = contacts.person_id
            and referrals.first_touched_at = contacts.touched_at
    inner join {{ ref('fct_touchpoints') }} as touchpoints
        on contacts.touchpoint_id = touchpoints.touchpoint_id
    qualify row_number() over (
        partition by referrals.bank_opening_id
        order by contacts.touchpoint_id
    ) = 1

),

steps as (

    select
        referrals.bank_id,
        coalesce(referrals.product_line, 'unknown') as product_line,
        coalesce(first_contacts.campaign_id, 'none') as first_campaign_id,
        coalesce(referrals.currency, openings.currency, 'none') as currency,
        referrals.person_id is not null or claims.issued_at is not null as is_matched,
        referrals.eligibility = 'eligible' or claims.issued_at is not null as is_eligible,
        claims.issued_at is not null as is_claimed,
        claims.claim_status in ('accepted', 'part_paid', 'paid') as is_accepted,
        claims.claim_status = 'paid' as is_paid,
        case when claims.issued_at is not null then claims.owed_cents else 0 end as claimed_cents,
        coalesce(revenue.revenue_cents, 0) as accepted_cents,
        coalesce(claims.paid_cents, 0) as paid_cents
    from referrals
    inner join openings on referrals.bank_opening_id = openings.bank_opening_id
    left join claims on referrals.claim_id = claims.claim_id
    left join revenue on referrals.claim_id = revenue.claim_id
    left join first_contacts on referrals.bank_opening_id = first_contacts.bank_opening_id

),

spend as (

    select
        campaign_id,
        currency,
        sum(spend_cents) as spend_cents
    from {{ ref('mart_campaign_performance') }}
    where date_basis = 'touch' and model = 'last_touch'
    group by campaign_id, currency

),

counted as (

    select
        bank_id,
        product_line,
        first_campaign_id,
        currency,
        count(*) as openings,
        {% for step in ['matched', 'eligible', 'claimed', 'accepted', 'paid'] %}
        count(case when is_{{ step }} then 1 end) as {{ step }},
        {% endfor %}
        sum(claimed_cents) as claimed_cents,
        sum(accepted_cents) as accepted_cents,
        sum(paid_cents) as paid_cents
    from steps
    group by bank_id, product_line, first_campaign_id, currency

),

-- The whole spend of the campaign is in each of its rows: parts of the return add up over them.
final as (

    select
        counted.bank_id,
        counted.product_line,
        counted.first_campaign_id,
        counted.currency,
        cast(counted.openings as integer) as openings,
        {% for step in ['matched', 'eligible', 'claimed', 'accepted', 'paid'] %}
        cast(counted.{{ step }} as integer) as {{ step }},
        {% endfor %}
        cast(counted.claimed_cents as bigint) as claimed_cents,
        cast(counted.accepted_cents as bigint) as accepted_cents,
        cast(counted.paid_cents as bigint) as paid_cents,
        cast(coalesce(spend.spend_cents, 0) as bigint) as campaign_spend_cents,
        case
            when spend.spend_cents > 0
                then
                    cast(
                        cast(counted.accepted_cents as decimal(18, 6)) / spend.spend_cents
                        as decimal(18, 6)
                    )
        end as roi_added_by_fees
    from counted
    left join spend
        on
            counted.first_campaign_id = spend.campaign_id
            and counted.currency = spend.currency

)

select * from final
