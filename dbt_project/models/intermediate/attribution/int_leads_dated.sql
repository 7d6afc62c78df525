-- When a person became a lead: by a form on the web, by registering, or in the CRM, whichever came
-- first.
with

creations as (

    select
        person_id,
        touched_at as lead_created_at
    from {{ ref('int_touchpoints_unioned') }}
    where interaction = 'form_submit'

    union all

    select
        identifiers.person_id,
        registrations.registered_at as lead_created_at
    from {{ ref('stg_app__registrations') }} as registrations
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            identifiers.identifier_type = 'registration'
            and registrations.registration_id = identifiers.identifier

    union all

    select
        identifiers.person_id,
        submissions.submitted_at as lead_created_at
    from {{ ref('stg_web_forms__submissions') }} as submissions
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            identifiers.identifier_type = 'submission'
            and submissions.submission_id = identifiers.identifier

    union all

    select
        identifiers.person_id,
        leads.created_at as lead_created_at
    from {{ ref('stg_salesforce__leads') }} as leads
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            identifiers.identifier_type = 'lead'
            and leads.lead_id = identifiers.identifier

),

final as (

    select
        person_id,
        min(lead_created_at) as lead_created_at
    from creations
    where lead_created_at is not null
    group by person_id

)

select * from final
