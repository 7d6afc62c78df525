with

returns as (

    select * from {{ ref('int_marginal_returns_fitted') }}

),

final as (

    select
        returns.campaign_id,
        campaigns.campaign_name,
        campaigns.channel,
        returns.model,
        '{{ var("reporting_currency") }}' as reporting_currency,
        returns.status,
        returns.missing,
        cast(returns.weeks as integer) as weeks,
        returns.spend_variation,
        returns.mature_spend_reporting_cents,
        returns.mature_revenue_reporting_cents,
        returns.average_return,
        returns.current_spend_reporting_cents,
        returns.highest_spend_reporting_cents,
        returns.response_curve,
        coalesce(returns.response_curve <> 'constant', false) as has_diminishing_returns,
        returns.curve_share,
        returns.marginal_return,
        returns.marginal_return_lower,
        returns.marginal_return_upper,
        cast(returns.replicates as integer) as replicates,
        returns.seed
    from returns
    inner join {{ ref('int_campaigns_unioned') }} as campaigns
        on returns.campaign_id = campaigns.campaign_id

)

select * from final
