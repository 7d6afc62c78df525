-- The opt-outs lane: always sent, whatever else may not be.
with

records as (

    select * from {{ ref('int_crm_records_collected') }}
    where object = 'Contact'

),

final as (

    select
        object,
        touchproof_key as record_key,
        salesforce_id,
        account_id,
        'update' as operation,
        false as is_creation,
        person_id,
        may_market,
        {{ canonical_boolean("email_state = 'opted_out'") }} as "HasOptedOutOfEmail",
        email_state as "Touchproof_Email_Consent__c"
    from records

)

select * from final
