{{ performance_by('campaign_id') }},

final as (

    select
        joined.campaign_id,
        coalesce(campaigns.campaign_name, joined.campaign_id) as campaign_name,
        coalesce(
            campaigns.channel,
            case when joined.campaign_id = 'unattributed' then 'unattributed' else 'no_campaign' end
        ) as channel,
        {{ performance_columns('campaign_id') }}
    from joined
    left join {{ ref('int_campaigns_unioned') }} as campaigns
        on joined.campaign_id = campaigns.campaign_id

)

select * from final
