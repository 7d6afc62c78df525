-- Leads of the CRM, and leads to be made for registrations that the CRM has never held.
with

existing as (

    select
        object,
        touchproof_key as record_key,
        salesforce_id,
        'update' as operation,
        false as is_creation,
        person_id,
        may_market,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        cast(null as varchar) as email,
        cast(null as varchar) as company,
        cast(null as varchar) as lead_source
    from {{ ref('int_crm_records_collected') }}
    where object = 'Lead'

),

missing as (

    select
        'Lead' as object,
        touchproof_key as record_key,
        cast(null as varchar) as salesforce_id,
        'upsert' as operation,
        true as is_creation,
        person_id,
        may_market,
        first_name,
        last_name,
        email,
        company,
        lead_source
    from {{ ref('int_leads_missing') }}

),

records as (

    select * from existing
    union all
    select * from missing

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
        records.record_key,
        records.salesforce_id,
        records.operation,
        records.is_creation,
        records.person_id,
        records.may_market,
        persons.lifecycle_stage as "Touchproof_Stage__c",
        {{ canonical_number('scores.score') }} as "Touchproof_Score__c",
        scores.first_channel as "Touchproof_Source__c",
        records.first_name as "FirstName",
        records.last_name as "LastName",
        records.email as "Email",
        records.company as "Company",
        records.lead_source as "LeadSource"
    from records
    left join persons on records.person_id = persons.person_id
    left join scores on records.person_id = scores.person_id

)

select * from final
