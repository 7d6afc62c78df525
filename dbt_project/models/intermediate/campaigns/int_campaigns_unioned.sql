-- Every campaign that the CRM, a bill or a touch names, and the channel it belongs to.
with

crm_campaigns as (

    select
        salesforce_campaign_id,
        campaign_name,
        campaign_type,
        start_date,
        end_date,
        coalesce(campaign_code, 'salesforce:' || salesforce_campaign_id) as campaign_id
    from {{ ref('stg_salesforce__campaigns') }}
    where not is_deleted
    -- One code on several records of the CRM: the oldest record is the campaign.
    qualify row_number() over (
        partition by coalesce(campaign_code, 'salesforce:' || salesforce_campaign_id)
        order by created_at, salesforce_campaign_id
    ) = 1

),

bills as (

    select
        campaign_code,
        campaign_name,
        platform,
        currency,
        spend_date as first_date,
        spend_date as last_date
    from {{ ref('stg_media__spend') }}

    union all

    select
        campaign_code,
        null as campaign_name,
        lower(vendor) as platform,
        currency,
        purchased_date as first_date,
        purchased_date as last_date
    from {{ ref('stg_media__list_purchases') }}

    union all

    select
        campaign_code,
        null as campaign_name,
        null as platform,
        currency,
        period_month as first_date,
        last_day(period_month) as last_date
    from {{ ref('stg_media__program_costs') }}

),

billed_campaigns as (

    select
        campaign_code as campaign_id,
        -- What the first bill says that says it; of several bills of a day the first in the
        -- alphabet.
        min_by(campaign_name, (first_date, platform, campaign_name)) as campaign_name,
        min_by(platform, (first_date, platform)) as platform,
        min_by(currency, (first_date, platform, currency)) as currency,
        min(first_date) as first_spend_date,
        max(last_date) as last_spend_date
    from bills
    where campaign_code is not null
    group by campaign_code

),

touched_campaigns as (

    select
        campaign_id,
        min(touched_at) as first_touched_at,
        max(touched_at) as last_touched_at
    from {{ ref('int_touchpoints_unioned') }}
    where campaign_id is not null
    group by campaign_id

),

campaign_ids as (

    select campaign_id from crm_campaigns
    union
    select campaign_id from billed_campaigns
    union
    select campaign_id from touched_campaigns

),

-- The channel that most touches show; before the first touch, what the bill or the CRM tells.
channel_votes as (

    select
        campaign_id,
        channel,
        0 as vote_rank,
        count(*) as vote_count
    from {{ ref('int_touchpoints_unioned') }}
    where campaign_id is not null and channel not in ('Direct', 'Unassigned', 'CRM')
    group by campaign_id, channel

    union all

    select
        campaign_id,
        channel,
        case when channel in ('Unassigned', 'CRM') then 2 else 1 end as vote_rank,
        count(*) as vote_count
    from {{ ref('int_traffic_classified') }}
    where campaign_id is not null
    group by campaign_id, channel

),

channels as (

    select
        campaign_id,
        channel
    from channel_votes
    qualify row_number() over (
        partition by campaign_id
        order by vote_rank asc, vote_count desc, channel asc
    ) = 1

),

final as (

    select
        campaign_ids.campaign_id,
        crm_campaigns.salesforce_campaign_id,
        billed_campaigns.platform,
        billed_campaigns.currency,
        coalesce(
            crm_campaigns.campaign_name, billed_campaigns.campaign_name, campaign_ids.campaign_id
        ) as campaign_name,
        coalesce(channels.channel, 'Unassigned') as channel,
        case
            when crm_campaigns.campaign_id is not null then 'salesforce'
            when billed_campaigns.campaign_id is not null then 'media'
            else 'touchpoints'
        end as source_system,
        coalesce(
            cast(crm_campaigns.start_date as timestamp),
            cast(billed_campaigns.first_spend_date as timestamp),
            touched_campaigns.first_touched_at
        ) as started_at,
        coalesce(
            cast(crm_campaigns.end_date as timestamp),
            cast(billed_campaigns.last_spend_date as timestamp),
            touched_campaigns.last_touched_at
        ) as ended_at,
        -- What the CRM calls the campaign's type is what it is for.
        coalesce(crm_campaigns.campaign_type, 'unstated') as objective
    from campaign_ids
    left join crm_campaigns on campaign_ids.campaign_id = crm_campaigns.campaign_id
    left join billed_campaigns on campaign_ids.campaign_id = billed_campaigns.campaign_id
    left join touched_campaigns on campaign_ids.campaign_id = touched_campaigns.campaign_id
    left join channels on campaign_ids.campaign_id = channels.campaign_id

)

select * from final
