-- Contacts that may count before a bank: the person did something, and it belongs to a campaign of
-- ours or is a form sent to us. Neither a view nor what people say brought them proves a contact.
-- The terms with a bank choose among these.
with

candidate_persons as (

    select distinct person_id
    from {{ ref('int_skip_candidates_matched') }}

),

final as (

    select
        touchpoints.touchpoint_id,
        touchpoints.person_id,
        touchpoints.touched_at,
        touchpoints.interaction,
        touchpoints.channel,
        {{ business_date('touchpoints.touched_at') }} as touched_date,
        touchpoints._batch_id as batch_id,
        touchpoints._landed_at as landed_at,
        {{ business_date('touchpoints._landed_at') }} as landed_date
    from {{ ref('int_touchpoints_unioned') }} as touchpoints
    inner join candidate_persons
        on touchpoints.person_id = candidate_persons.person_id
    where
        touchpoints.is_earning
        and touchpoints.interaction in ('click', 'scan', 'visit', 'form_submit', 'response')
        and (touchpoints.campaign_id is not null or touchpoints.interaction = 'form_submit')

)

select * from final
