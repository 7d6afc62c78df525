with

records as (

    select * from {{ ref('int_crm_records_collected') }}
    where object = 'Contact'

),

persons as (

    select * from {{ ref('dim_persons') }}

),

scores as (

    select * from {{ ref('int_person_scores_summed') }}

),

final as (

    select
        records.object,
        records.touchproof_key as record_key,
        records.salesforce_id,
        records.account_id,
        'update' as operation,
        false as is_creation,
        records.person_id,
        records.may_market,
        persons.lifecycle_stage as "Touchproof_Stage__c",
        {{ canonical_number('scores.score') }} as "Touchproof_Score__c",
        scores.first_channel as "Touchproof_Source__c"
    from records
    left join persons on records.person_id = persons.person_id
    left join scores on records.person_id = scores.person_id

)

select * from final
