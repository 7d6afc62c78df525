-- Every opening with its best candidate, the terms of its day, and what the rules look at.
with

openings as (

    select
        bank_opening_id,
        bank_id,
        product_line,
        opened_at,
        opened_date,
        is_date_only,
        is_existing_customer,
        _batch_id as batch_id,
        _landed_at as landed_at,
        {{ business_date('_landed_at') }} as landed_date
    from {{ ref('stg_banks__openings') }}

),

best_candidates as (

    select * from {{ ref('int_skip_candidates_matched') }}
    where candidate_rank = 1

),

-- What a person decided counts for the person whom they saw. Who accepted a contact of a date-only
-- opening's own day said that it came first: the account was opened at the end of that day. Which
-- of two openings came first still follows from what the bank reported.
matched_openings as (

    select
        openings.bank_opening_id,
        openings.bank_id,
        openings.product_line,
        openings.opened_at as reported_at,
        openings.opened_date,
        openings.is_date_only,
        openings.is_existing_customer,
        openings.batch_id,
        openings.landed_at,
        openings.landed_date,
        best_candidates.person_id,
        best_candidates.match_tier,
        best_candidates.match_method,
        best_candidates.match_probability,
        best_candidates.match_guard,
        best_candidates.times_likelier,
        best_candidates.candidates,
        decisions.decision,
        case
            when
                openings.is_date_only
                and decisions.decision = 'accepted'
                and decisions.decided_code = 'same_day_contact'
                then {{ shifted('openings.opened_at', 86399, 'seconds') }}
            else openings.opened_at
        end as opened_at
    from openings
    left join best_candidates on openings.bank_opening_id = best_candidates.bank_opening_id
    left join {{ ref('stg_ledger__skip_decisions') }} as decisions
        on
            openings.bank_opening_id = decisions.bank_opening_id
            and best_candidates.person_id = decisions.person_id

),

described as (

    select
        openings.bank_opening_id,
        openings.bank_id,
        openings.product_line,
        openings.opened_at,
        openings.reported_at,
        openings.opened_date,
        openings.is_date_only,
        openings.is_existing_customer,
        openings.batch_id,
        openings.landed_at,
        openings.landed_date,
        openings.person_id,
        openings.match_tier,
        openings.match_method,
        openings.match_probability,
        openings.match_guard,
        openings.times_likelier,
        openings.decision,
        match_settings.automatic_threshold,
        match_settings.min_times_likelier,
        terms.contract_version,
        terms.clause,
        terms.fee_kind,
        terms.fee_cents,
        terms.currency,
        terms.referral_window_days,
        terms.is_fee_lawful,
        terms.is_share_consent_required,
        terms.claim_deadline_days,
        terms.max_claims_a_month,
        terms.is_unknown_customer_claimed,
        terms.qualifying_interactions,
        terms.excluded_channels,
        coalesce(terms.is_same_day_contact_enough, false) as is_same_day_contact_enough,
        coalesce(openings.candidates, 0) as candidates,
        {{ shifted('openings.opened_at', '-terms.referral_window_days', 'days') }}
            as window_started_at,
        'clm_' || md5(
            openings.bank_id || '|' || openings.bank_opening_id || '|' || terms.fee_kind
        ) as claim_id
    from matched_openings as openings
    left join {{ ref('bank_match_settings') }} as match_settings
        on openings.bank_id = match_settings.bank_id
    left join {{ ref('bank_terms') }} as terms
        on
            openings.bank_id = terms.bank_id
            and openings.product_line = terms.product_line
            and openings.opened_date >= terms.valid_from_date
            and openings.opened_date < coalesce(terms.valid_to_date, date '9999-12-31')

),

contact_counts as (

    select
        described.bank_opening_id,
        count(case when contacts.touched_at < described.opened_at then 1 end) as contacts_before,
        count(
            case
                when
                    contacts.touched_at < described.opened_at
                    and contacts.touched_at >= described.window_started_at
                    then 1
            end
        ) as contacts_in_window,
        -- One night lands a contact and a bank's file in no certain order: the night counts.
        count(
            case
                when
                    contacts.touched_at < described.opened_at
                    and contacts.touched_at >= described.window_started_at
                    and contacts.landed_date <= described.landed_date
                    then 1
            end
        ) as contacts_in_time,
        count(
            case
                when
                    described.is_date_only
                    and contacts.touched_at >= described.opened_at
                    and contacts.touched_date = described.opened_date
                    then 1
            end
        ) as contacts_on_the_day,
        -- The window's first contact, as the trail begins; an older one only where it has none.
        coalesce(
            min(
                case
                    when
                        contacts.touched_at < described.opened_at
                        and contacts.touched_at >= described.window_started_at
                        then contacts.touched_at
                end
            ),
            min(case when contacts.touched_at < described.opened_at then contacts.touched_at end)
        ) as first_touched_at,
        max(
            case when contacts.touched_at < described.opened_at then contacts.touched_at end
        ) as last_touched_at
    from described
    inner join {{ ref('int_skip_contacts_qualified') }} as contacts
        on
            described.person_id = contacts.person_id
            and {{ contact_qualifies('contacts', 'described') }}
    group by described.bank_opening_id

),

app_openings as (

    select
        identifiers.person_id,
        products.product_line,
        products.occurred_at,
        replace(products.bank_id, 'bank_', '') as bank_id
    from {{ ref('stg_app__products') }} as products
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            products.app_user_id = identifiers.identifier
            and identifiers.identifier_type = 'app_user'
    where products.entry_type = 'opening'

),

app_sales as (

    select
        described.bank_opening_id,
        -- Both sides tell the day of one sale differently: a date only, or the day of signing.
        max(
            case
                when
                    app_openings.product_line = described.product_line
                    and abs(
                        {{ days_between(
                            'described.opened_date', business_date('app_openings.occurred_at')
                        ) }}
                    ) <= {{ var('app_sale_match_days') }}
                    then 1
                else 0
            end
        ) = 1 as is_sold_through_app,
        max(
            case when app_openings.occurred_at < described.reported_at then 1 else 0 end
        ) = 1 as has_app_product_before
    from described
    inner join app_openings
        on
            described.person_id = app_openings.person_id
            and described.bank_id = app_openings.bank_id
    group by described.bank_opening_id

),

earlier_openings as (

    select distinct described.bank_opening_id
    from described
    inner join described as other_openings
        on
            described.person_id = other_openings.person_id
            and described.bank_id = other_openings.bank_id
            and described.reported_at > other_openings.reported_at

),

final as (

    select
        described.*,
        contact_counts.first_touched_at,
        contact_counts.last_touched_at,
        claims.claim_status,
        coalesce(contact_counts.contacts_before, 0) as contacts_before,
        coalesce(contact_counts.contacts_in_window, 0) as contacts_in_window,
        coalesce(contact_counts.contacts_in_time, 0) as contacts_in_time,
        coalesce(contact_counts.contacts_on_the_day, 0) as contacts_on_the_day,
        coalesce(app_sales.is_sold_through_app, false) as is_sold_through_app,
        coalesce(app_sales.has_app_product_before, false) as has_app_product_before,
        earlier_openings.bank_opening_id is not null as has_earlier_opening,
        coalesce(consents.analytics_state, 'unknown') as analytics_state
    from described
    left join contact_counts on described.bank_opening_id = contact_counts.bank_opening_id
    left join app_sales on described.bank_opening_id = app_sales.bank_opening_id
    left join earlier_openings on described.bank_opening_id = earlier_openings.bank_opening_id
    left join {{ ref('int_consents_current') }} as consents
        on described.person_id = consents.person_id
    left join {{ ref('stg_ledger__claims') }} as claims
        on described.claim_id = claims.claim_id

)

select * from final
