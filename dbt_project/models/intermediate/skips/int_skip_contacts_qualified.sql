-- Contacts that count before a bank: they earn credit and we made them, so that they belong to a
-- campaign, or answer one (a form, a response).
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
        {{ business_date('touchpoints.touched_at') }} as touched_date,
        touchpoints._batch_id as batch_id,
        touchpoints._landed_at as landed_at,
        {{ business_date('touchpoints._landed_at') }} as landed_date
    from {{ ref('int_touchpoints_unioned') }} as touchpoints
    inner join candidate_persons
        on touchpoints.person_id = candidate_persons.person_id
    where
        touchpoints.is_earning
        and (
            touchpoints.campaign_id is not null
            or touchpoints.interaction in ('form_submit', 'response')
        )

)

select * from final
