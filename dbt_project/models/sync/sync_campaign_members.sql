-- Who came by which campaign of the CRM, where the CRM has no member for it. A member needs the
-- status that sync_campaign_member_statuses makes.
with

final as (

    select
        'CampaignMember' as object,
        record_key,
        cast(null as varchar) as salesforce_id,
        'upsert' as operation,
        true as is_creation,
        person_id,
        may_market,
        'CampaignMemberStatus' as parent_object,
        salesforce_campaign_id as parent_key,
        salesforce_campaign_id as "CampaignId",
        'Engaged' as "Status",
        case object when 'Lead' then lead_name end as "LeadId",
        case object when 'Contact' then contact_id end as "ContactId"
    from {{ ref('int_campaign_members_missing') }}

)

select * from final
