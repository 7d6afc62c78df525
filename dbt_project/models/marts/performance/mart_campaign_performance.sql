{{ performance_by('campaign_id') }},

final as (

    select
        joined.campaign_id,
        coalesce(campaigns.campaign_name, joined.campaign_id) as campaign_name,
        {{ channel_of_campaign('campaigns.channel', 'joined.campaign_id') }} as channel,
        {{ performance_columns('campaign_id') }}
    from joined
    left join {{ ref('int_campaigns_unioned') }} as campaigns
        on joined.campaign_id = campaigns.campaign_id

)

{{ with_closed_months('campaign_id') }}
