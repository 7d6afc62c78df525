with

source as (

    select * from {{ raw_rows('salesforce', 'contacts') }} as raw_rows
    {{ current_by_key(['id'], version='SystemModstamp') }}

),

renamed as (

    select
        id as contact_id,
        {{ clean_text('AccountId') }} as account_id,
        {{ clean_text('App_User_Id__c') }} as app_user_id,
        {{ clean_text('FirstName') }} as first_name,
        {{ clean_text('LastName') }} as last_name,
        {{ normalised_email('Email') }} as email,
        {{ clean_text('Phone') }} as phone,
        {{ try_cast('Birthdate', 'date') }} as birth_date,
        {{ clean_text('MailingPostalCode') }} as postal_code,
        coalesce({{ try_cast('HasOptedOutOfEmail', 'boolean') }}, false) as has_opted_out_of_email,
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
        end as master_contact_id,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
