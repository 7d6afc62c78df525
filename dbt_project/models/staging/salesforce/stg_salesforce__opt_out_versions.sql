-- Every version of a lead or contact in which the CRM, not we, said that no e-mail may be sent:
-- where we wrote the opt-out ourselves, our own consent field says so too.
with

source as (

    select
        'lead' as record_type,
        id,
        email,
        hasoptedoutofemail,
        touchproof_email_consent__c,
        systemmodstamp
    from {{ raw_rows('salesforce', 'leads') }} as lead_rows

    union all by name

    select
        'contact' as record_type,
        id,
        email,
        hasoptedoutofemail,
        touchproof_email_consent__c,
        systemmodstamp
    from {{ raw_rows('salesforce', 'contacts') }} as contact_rows

),

renamed as (

    select distinct
        record_type,
        id as record_id,
        {{ normalised_email('email') }} as email,
        {{ try_cast('systemmodstamp', 'timestamp') }} as system_modified_at

    from source
    where
        {{ try_cast('hasoptedoutofemail', 'boolean') }}
        and coalesce({{ clean_text('touchproof_email_consent__c') }}, '') <> 'opted_out'

)

select * from renamed
