with

source as (

    select * from {{ raw_rows('salesforce', 'opportunities') }} as raw_rows
    {{ current_by_key(['id'], version='SystemModstamp') }}

),

renamed as (

    select
        id as opportunity_id,
        {{ clean_text('AccountId') }} as account_id,
        {{ clean_text('ContactId__c') }} as contact_id,
        {{ clean_text('CampaignId') }} as salesforce_campaign_id,
        {{ clean_text('App_Account_Id__c') }} as app_account_id,
        {{ clean_text('Name') }} as opportunity_name,
        {{ clean_text('StageName') }} as stage_name,
        {{ clean_text('Touchproof_First_Channel__c') }} as touchproof_first_channel,
        {{ clean_text('Touchproof_First_Campaign__c') }} as touchproof_first_campaign,
        {{ clean_text('Touchproof_Last_Channel__c') }} as touchproof_last_channel,
        {{ clean_text('Touchproof_Last_Campaign__c') }} as touchproof_last_campaign,
        {{ clean_text('Touchproof_Model__c') }} as touchproof_model,
        {{ clean_text('Touchproof_Model_Channel__c') }} as touchproof_model_channel,
        {{ clean_text('Touchproof_Model_Campaign__c') }} as touchproof_model_campaign,
        {{ clean_text('Touchproof_Model_Share__c') }} as touchproof_model_share,
        {{ clean_text('Touchproof_Revenue__c') }} as touchproof_revenue,
        {{ try_cast('Amount', 'decimal(18, 2)') }} as opportunity_amount,
        {{ try_cast('CloseDate', 'date') }} as close_date,
        {{ try_cast('CreatedDate', 'timestamp') }} as created_at,
        {{ try_cast('SystemModstamp', 'timestamp') }} as system_modified_at,
        coalesce({{ try_cast('IsDeleted', 'boolean') }}, false) as is_deleted,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
