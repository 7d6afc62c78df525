with

source as (

    select * from {{ raw_rows('salesforce', 'leads') }} as raw_rows
    {{ current_by_key(['id'], version='SystemModstamp') }}

),

renamed as (

    select
        id as lead_id,
        {{ clean_text('FirstName') }} as first_name,
        {{ clean_text('LastName') }} as last_name,
        {{ normalised_email('Email') }} as email,
        {{ clean_text('Phone') }} as phone,
        {{ clean_text('Company') }} as company,
        {{ clean_text('LeadSource') }} as lead_source,
        {{ clean_text('Description') }} as description,
        {{ clean_text('Status') }} as lead_status,
        {{ clean_text('Country') }} as country,
        {{ clean_text('PostalCode') }} as postal_code,
        coalesce({{ try_cast('IsConverted', 'boolean') }}, false) as is_converted,
        {{ clean_text('ConvertedContactId') }} as converted_contact_id,
        coalesce({{ try_cast('HasOptedOutOfEmail', 'boolean') }}, false) as has_opted_out_of_email,
        coalesce({{ try_cast('DoNotCall', 'boolean') }}, false) as is_not_to_be_called,
        {{ clean_text('Touchproof_Key__c') }} as touchproof_key,
        {{ clean_text('Touchproof_Stage__c') }} as touchproof_stage,
        {{ clean_text('Touchproof_Score__c') }} as touchproof_score,
        {{ clean_text('Touchproof_Source__c') }} as touchproof_source,
        {{ clean_text('Touchproof_Email_Consent__c') }} as touchproof_email_consent,
        {{ try_cast('CreatedDate', 'timestamp') }} as created_at,
        {{ try_cast('SystemModstamp', 'timestamp') }} as system_modified_at,
        coalesce({{ try_cast('IsDeleted', 'boolean') }}, false) as is_deleted,
        -- Of a record that was merged into another, which is its master.
        case
            when {{ try_cast('IsDeleted', 'boolean') }} then {{ clean_text('MasterRecordId') }}
        end as master_lead_id,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
