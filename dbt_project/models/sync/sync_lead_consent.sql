-- The opt-outs lane: always sent, whatever else may not be. A lead that is to be made gets its
-- consent in the same row, so that it isn't touched again the next night.
with

existing as (

    select
        object,
        touchproof_key,
        salesforce_id,
        'update' as operation,
        false as is_creation,
        person_id,
        may_market,
        email_state
    from {{ ref('int_crm_records_collected') }}
    where object = 'Lead'

),

missing as (

    select
        'Lead' as object,
        touchproof_key,
        cast(null as varchar) as salesforce_id,
        'upsert' as operation,
        true as is_creation,
        person_id,
        may_market,
        email_state
    from {{ ref('int_leads_missing') }}

),

records as (

    select * from existing
    union all
    select * from missing

),

final as (

    select
        object,
        touchproof_key as record_key,
        salesforce_id,
        operation,
        is_creation,
        person_id,
        may_market,
        {{ canonical_boolean("email_state = 'opted_out'") }} as "HasOptedOutOfEmail",
        email_state as "Touchproof_Email_Consent__c"
    from records

)

select * from final
