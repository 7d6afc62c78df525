-- What was merged in the CRM, for the push: what it has acknowledged of these records follows to
-- their masters.
with

final as (

    select
        object,
        salesforce_id,
        master_id
    from {{ ref('int_crm_records_merged') }}

)

select * from final
