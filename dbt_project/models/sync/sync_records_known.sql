-- Which records of the CRM a person has, and the lead that the nightly push makes where there is
-- none.
with

held as (

    select
        identifiers.person_id,
        case identifiers.identifier_type when 'lead' then 'Lead' else 'Contact' end as object,
        identifiers.identifier as salesforce_id,
        records.touchproof_key as record_key,
        records.account_id,
        -- What was deleted or converted is known, so that it isn't made again, but not written to.
        records.salesforce_id is not null as is_writable
    from {{ ref('int_person_identifiers') }} as identifiers
    left join {{ ref('int_crm_records_collected') }} as records
        on identifiers.identifier = records.salesforce_id
    where identifiers.identifier_type in ('lead', 'contact')

),

missing as (

    select
        person_id,
        'Lead' as object,
        cast(null as varchar) as salesforce_id,
        touchproof_key as record_key,
        cast(null as varchar) as account_id,
        true as is_writable
    from {{ ref('int_leads_missing') }}

),

final as (

    select * from held
    union all
    select * from missing

)

select * from final
