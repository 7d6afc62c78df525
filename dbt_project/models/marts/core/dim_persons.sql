with

persons as (

    select * from {{ ref('int_persons_staged') }}

),

consents as (

    select * from {{ ref('int_consents_current') }}

),

final as (

    select
        persons.person_id,
        persons.first_seen_at,
        persons.lifecycle_stage,
        persons.is_customer,
        persons.product_count,
        persons.is_registered,
        consents.email_state as email_consent,
        consents.sms_state as sms_consent,
        consents.push_state as push_consent,
        consents.analytics_state as analytics_consent,
        consents.is_opted_out_of_email,
        consents.is_opted_out_of_sms,
        consents.is_opted_out_of_push
    from persons
    inner join consents on persons.person_id = consents.person_id

)

select * from final
