-- Which rules a matched opening breaks; order, outcome and sentence of each rule are in the seed
-- skip_eligibility_rules.
with

matched as (

    select * from {{ ref('int_skip_openings_examined') }}
    where person_id is not null

),

broken as (

    -- No terms with this bank cover this product on the day of the opening.
    select
        bank_opening_id,
        'no_terms' as code
    from matched
    where fee_kind is null

    union all

    -- The law allows no referral fee for this product.
    select
        bank_opening_id,
        'fee_not_lawful' as code
    from matched
    where not is_fee_lawful

    union all

    -- The person bought this product of this bank in our app, which has been paid for.
    select
        bank_opening_id,
        'sold_through_app' as code
    from matched
    where is_sold_through_app

    union all

    -- The person was this bank's customer already: the bank says so, or an earlier opening does.
    select
        bank_opening_id,
        'existing_customer' as code
    from matched
    where coalesce(is_existing_customer, false) or has_earlier_opening or has_app_product_before

    union all

    -- The bank gives a date only, and the only contact lies on that very day.
    select
        bank_opening_id,
        'same_day_contact' as code
    from matched
    where
        contacts_before = 0
        and contacts_on_the_day > 0
        and not is_same_day_contact_enough

    union all

    -- No qualifying contact came before the opening.
    select
        bank_opening_id,
        'never_contacted' as code
    from matched
    where
        contacts_before = 0
        and not (is_same_day_contact_enough and contacts_on_the_day > 0)

    union all

    -- The last qualifying contact is older than the terms allow.
    select
        bank_opening_id,
        'outside_referral_window' as code
    from matched
    where
        contacts_before > 0
        and contacts_in_window = 0
        and not (is_same_day_contact_enough and contacts_on_the_day > 0)

    union all

    -- The terms ask for the person's consent to show contacts to the bank, and the person refused.
    select
        bank_opening_id,
        'no_consent_to_share' as code
    from matched
    where is_share_consent_required and analytics_state = 'opted_out'

    union all

    -- The opening was older than the terms' deadline for claims when the bank's file arrived.
    select
        bank_opening_id,
        'beyond_deadline' as code
    from matched
    where {{ days_between('opened_date', 'landed_date') }} > claim_deadline_days

    union all

    -- Another person matches the opening nearly as well.
    select
        bank_opening_id,
        'ambiguous_match' as code
    from matched
    where times_likelier < min_times_likelier

    union all

    -- The match is less certain than this bank's threshold for automatic claims, or something (a
    -- guard) speaks for another person of the household, a twin or a namesake.
    select
        bank_opening_id,
        'uncertain_match' as code
    from matched
    where match_probability < automatic_threshold or match_guard is not null

    union all

    -- The bank doesn't say whether the person was its customer, and the terms want to know.
    select
        bank_opening_id,
        'unknown_customer' as code
    from matched
    where is_existing_customer is null and not is_unknown_customer_claimed

    union all

    -- Every contact was landed after the night in which the bank's file arrived.
    select
        bank_opening_id,
        'late_evidence' as code
    from matched
    where contacts_in_window > 0 and contacts_in_time = 0

    union all

    -- A person reviewed the opening and rejected it.
    select
        bank_opening_id,
        'reviewed' as code
    from matched
    where decision = 'rejected'

),

-- What a person accepted, no rule sends to review again.
failures as (

    select
        broken.bank_opening_id,
        broken.code
    from broken
    inner join matched on broken.bank_opening_id = matched.bank_opening_id
    inner join {{ ref('skip_eligibility_rules') }} as rules on broken.code = rules.code
    where rules.outcome = 'refused' or matched.decision is distinct from 'accepted'

),

refused as (

    select distinct failures.bank_opening_id
    from failures
    inner join {{ ref('skip_eligibility_rules') }} as rules
        on failures.code = rules.code
    where rules.outcome = 'refused'

),

-- Another opening of this person at this bank is claimed for this product: of several that would
-- be claimed, the one whose claim is under way goes first, then the earliest.
later_claims as (

    select
        matched.bank_opening_id,
        'already_claimed' as code
    from matched
    left join refused on matched.bank_opening_id = refused.bank_opening_id
    where refused.bank_opening_id is null
    qualify row_number() over (
        partition by matched.person_id, matched.bank_id, matched.product_line
        order by
            case
                when matched.claim_status is null then 1
                when matched.claim_status in ('candidate', 'withdrawn', 'rejected', 'expired')
                    then 1
                else 0
            end,
            matched.opened_at,
            matched.bank_opening_id
    ) > 1

),

-- The terms cap the claims of a month: of what is left, those under way go first, then the
-- earliest.
claims_above_cap as (

    select
        matched.bank_opening_id,
        'cap_reached' as code
    from matched
    left join refused on matched.bank_opening_id = refused.bank_opening_id
    left join later_claims on matched.bank_opening_id = later_claims.bank_opening_id
    where
        refused.bank_opening_id is null
        and later_claims.bank_opening_id is null
    qualify row_number() over (
        partition by
            matched.bank_id,
            matched.product_line,
            matched.fee_kind,
            date_trunc('month', matched.opened_date)
        order by
            case
                when matched.claim_status is null then 1
                when matched.claim_status in ('candidate', 'withdrawn', 'rejected', 'expired')
                    then 1
                else 0
            end,
            matched.opened_at,
            matched.bank_opening_id
    ) > matched.max_claims_a_month

),

final as (

    select * from failures
    union all
    select * from later_claims
    union all
    select * from claims_above_cap

)

select * from final
