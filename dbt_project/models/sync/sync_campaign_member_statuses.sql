-- The status of members that we make, for each campaign that gets one. Who responded is for the
-- CRM's people to say, so it isn't a response.
with

final as (

    select distinct
        'CampaignMemberStatus' as object,
        salesforce_campaign_id as record_key,
        cast(null as varchar) as salesforce_id,
        'insert' as operation,
        true as is_creation,
        cast(null as varchar) as person_id,
        true as may_market,
        'Engaged' as "Label",
        'false' as "HasResponded"
    from {{ ref('int_campaign_members_missing') }}
    where may_market

)

select * from final
