-- Leads and contacts that may be written to, with their person and what that person allows.
with

records as (

    select
        'Lead' as object,
        'lead' as identifier_type,
        lead_id as salesforce_id,
        touchproof_key,
        cast(null as varchar) as account_id,
        has_opted_out_of_email
    from {{ ref('stg_salesforce__leads') }}
    where not is_deleted and not is_converted

    union all

    select
        'Contact' as object,
        'contact' as identifier_type,
        contact_id as salesforce_id,
        touchproof_key,
        account_id,
        has_opted_out_of_email
    from {{ ref('stg_salesforce__contacts') }}
    where not is_deleted

),

-- Somebody in the CRM said it of this very record, once, or of one that was merged into it: that we
-- never take back.
crm_opt_outs as (

    select distinct
        opt_out_versions.record_type,
        coalesce(merged.master_id, opt_out_versions.record_id) as record_id
    from {{ ref('stg_salesforce__opt_out_versions') }} as opt_out_versions
    left join {{ ref('int_crm_records_merged') }} as merged
        on
            opt_out_versions.record_type = lower(merged.object)
            and opt_out_versions.record_id = merged.salesforce_id

),

final as (

    select
        records.object,
        records.salesforce_id,
        records.touchproof_key,
        records.account_id,
        identifiers.person_id,
        case
            when
                crm_opt_outs.record_id is not null
                or coalesce(consents.is_opted_out_of_email, false)
                then 'opted_out'
            else coalesce(consents.email_state, 'unknown')
        end as email_state,
        crm_opt_outs.record_id is null
        and not coalesce(consents.is_opted_out_of_email, false) as may_market
    from records
    left join {{ ref('int_person_identifiers') }} as identifiers
        on
            records.identifier_type = identifiers.identifier_type
            and records.salesforce_id = identifiers.identifier
    left join {{ ref('int_consents_current') }} as consents
        on identifiers.person_id = consents.person_id
    left join crm_opt_outs
        on
            records.identifier_type = crm_opt_outs.record_type
            and records.salesforce_id = crm_opt_outs.record_id

)

select * from final
