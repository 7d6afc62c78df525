with

source as (

    select * from {{ raw_rows('salesforce', 'campaign_members') }} as raw_rows
    {{ current_by_key(['id'], version='SystemModstamp') }}

),

renamed as (

    select
        id as campaign_member_id,
        {{ clean_text('CampaignId') }} as salesforce_campaign_id,
        {{ clean_text('LeadId') }} as lead_id,
        {{ clean_text('ContactId') }} as contact_id,
        {{ clean_text('Status') }} as member_status,
        {{ try_cast('CreatedDate', 'timestamp') }} as created_at,
        {{ try_cast('SystemModstamp', 'timestamp') }} as system_modified_at,
        coalesce({{ try_cast('IsDeleted', 'boolean') }}, false) as is_deleted,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
