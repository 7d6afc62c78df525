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
