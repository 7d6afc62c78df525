with

source as (

    select * from {{ raw_rows('salesforce', 'campaigns') }} as raw_rows
    {{ current_by_key(['id'], version='SystemModstamp') }}

),

renamed as (

    select
        id as salesforce_campaign_id,
        {{ clean_text('Name') }} as campaign_name,
        {{ clean_text('Campaign_Code__c') }} as campaign_code,
        {{ clean_text('Type') }} as campaign_type,
        {{ clean_text('Status') }} as campaign_status,
        {{ try_cast('StartDate', 'date') }} as start_date,
        {{ try_cast('EndDate', 'date') }} as end_date,
        {{ try_cast('BudgetedCost', 'decimal(18, 2)') }} as budgeted_amount,
        {{ clean_text('Touchproof_Spend__c') }} as touchproof_spend,
        {{ clean_text('Touchproof_Revenue__c') }} as touchproof_revenue,
        {{ clean_text('Touchproof_Conversions__c') }} as touchproof_conversions,
        {{ clean_text('Touchproof_ROI__c') }} as touchproof_roi,
        {{ try_cast('CreatedDate', 'timestamp') }} as created_at,
        {{ try_cast('SystemModstamp', 'timestamp') }} as system_modified_at,
        coalesce({{ try_cast('IsDeleted', 'boolean') }}, false) as is_deleted,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
