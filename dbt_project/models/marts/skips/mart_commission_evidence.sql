-- The trail that proves each claim: every qualifying contact inside the referral window.
with

claims as (

    select
        referrals.claim_id,
        referrals.bank_id,
        referrals.person_id,
        referrals.bank_opening_id,
        referrals.opened_at,
        referrals.is_date_only,
        referrals.opened_date,
        openings.window_started_at,
        openings.qualifying_interactions,
        openings.excluded_channels,
        openings.is_same_day_contact_enough
    from {{ ref('fct_skip_referrals') }} as referrals
    inner join {{ ref('int_skip_openings_examined') }} as openings
        on referrals.bank_opening_id = openings.bank_opening_id
    where referrals.claim_id is not null

),

contacts as (

    select * from {{ ref('int_skip_contacts_qualified') }}

),

touchpoints as (

    select * from {{ ref('fct_touchpoints') }}

),

final as (

    select
        claims.claim_id,
        claims.bank_id,
        contacts.touchpoint_id,
        contacts.touched_at,
        touchpoints.channel,
        touchpoints.campaign_id,
        touchpoints.interaction,
        touchpoints.source_system,
        touchpoints.source_event_id,
        contacts.batch_id,
        contacts.landed_at,
        cast(
            row_number() over (
                partition by claims.claim_id
                order by contacts.touched_at, contacts.touchpoint_id
            ) as integer
        ) as contact_order,
        cast(
            {{ days_between('contacts.touched_at', 'claims.opened_at') }} as integer
        ) as days_before_opening
    from claims
    inner join contacts
        on
            claims.person_id = contacts.person_id
            and claims.window_started_at <= contacts.touched_at
            and (
                claims.opened_at > contacts.touched_at
                -- Terms may take a contact on the day of an opening without a time.
                or (
                    claims.is_same_day_contact_enough
                    and claims.is_date_only
                    and claims.opened_date = contacts.touched_date
                )
            )
            and {{ contact_qualifies('contacts', 'claims') }}
    inner join touchpoints on contacts.touchpoint_id = touchpoints.touchpoint_id

)

select * from final
