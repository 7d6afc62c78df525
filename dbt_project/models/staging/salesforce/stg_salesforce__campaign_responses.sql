-- The first version in which the CRM says that a campaign member responded: when it says so.
with

source as (

    select * from {{ raw_rows('salesforce', 'campaign_members') }} as raw_rows
    where lower(trim(status)) = 'responded'
    {{ first_by_key(['id']) }}

),

renamed as (

    select
        id as campaign_member_id,
        {{ clean_text('CampaignId') }} as salesforce_campaign_id,
        {{ clean_text('LeadId') }} as lead_id,
        {{ clean_text('ContactId') }} as contact_id,
        {{ try_cast('SystemModstamp', 'timestamp') }} as responded_at,
        coalesce({{ try_cast('IsDeleted', 'boolean') }}, false) as is_deleted,
        _batch_id,
        _window_end,
        _landed_at

    from source

)

select * from renamed
