-- Every two running campaigns billed in one currency, in the direction that the models' mean
-- return names, and how many models, and their intervals, agree. A model that credits nearly
-- nothing to both is silent: it neither supports a shift nor stands against it.
with

settings as (

    select * from {{ ref('int_budget_settings_chosen') }}

),

returns as (

    select * from {{ ref('int_marginal_returns_fitted') }}

),

-- What a campaign costs a week now, in the currency in which it is billed.
running as (

    select
        weekly.campaign_id,
        weekly.currency,
        cast(sum(weekly.spend_cents) // max(settings.current_weeks) as bigint)
            as weekly_spend_cents,
        cast(sum(weekly.spend_reporting_cents) // max(settings.current_weeks) as bigint)
            as weekly_spend_reporting_cents
    from {{ ref('int_campaign_spend_weekly') }} as weekly
    inner join settings
        on
            weekly.week_start_date >= settings.first_current_week_start_date
            and weekly.week_start_date <= settings.last_week_start_date
    group by weekly.campaign_id, weekly.currency
    having sum(weekly.spend_cents) > 0

),

-- Over all models: the mean return, where one isn't fitted with its average return for it.
campaign_returns as (

    select
        campaign_id,
        cast(sum(coalesce(marginal_return, average_return, 0)) as decimal(28, 6))
            as return_sum,
        count(*) as model_count,
        max(current_spend_reporting_cents) as current_spend_reporting_cents,
        max(highest_spend_reporting_cents) as highest_spend_reporting_cents
    from returns
    group by campaign_id

),

candidates as (

    select
        running.campaign_id,
        running.currency,
        running.weekly_spend_cents,
        running.weekly_spend_reporting_cents,
        campaigns.channel,
        campaign_returns.model_count,
        campaign_returns.return_sum,
        campaign_returns.current_spend_reporting_cents,
        campaign_returns.highest_spend_reporting_cents
    from running
    inner join campaign_returns on running.campaign_id = campaign_returns.campaign_id
    inner join {{ ref('int_campaigns_unioned') }} as campaigns
        on running.campaign_id = campaigns.campaign_id

),

pairs as (

    select
        givers.campaign_id as from_campaign_id,
        takers.campaign_id as to_campaign_id,
        givers.channel as from_channel,
        takers.channel as to_channel,
        givers.currency,
        givers.model_count,
        settings.silent_return,
        settings.min_speaking_models,
        takers.current_spend_reporting_cents as to_current_spend_reporting_cents,
        takers.highest_spend_reporting_cents as to_highest_spend_reporting_cents,
        -- The mean of the models' returns.
        cast(givers.return_sum / givers.model_count as decimal(18, 6)) as from_return,
        cast(takers.return_sum / takers.model_count as decimal(18, 6)) as to_return,
        cast(givers.weekly_spend_cents * settings.shift_percent // 100 as bigint)
            as amount_cents,
        cast(givers.weekly_spend_reporting_cents * settings.shift_percent // 100 as bigint)
            as amount_reporting_cents
    from candidates as givers
    inner join candidates as takers
        on
            givers.currency = takers.currency
            and givers.campaign_id <> takers.campaign_id
            -- From the lower return to the higher; of equal ones by name.
            and (givers.return_sum, givers.campaign_id) < (takers.return_sum, takers.campaign_id)
    cross join settings

),

-- What the models that aren't silent say of both campaigns, and whether the taking channel's share
-- of revenue isn't the doing of a few people: drawn again, it stays above nothing.
opinions as (

    select
        pairs.from_campaign_id,
        pairs.to_campaign_id,
        pairs.currency,
        from_returns.marginal_return as from_marginal_return,
        from_returns.marginal_return_lower as from_return_lower,
        from_returns.marginal_return_upper as from_return_upper,
        to_returns.marginal_return as to_marginal_return,
        to_returns.marginal_return_lower as to_return_lower,
        to_returns.marginal_return_upper as to_return_upper,
        from_returns.status = 'fitted' as is_from_fitted,
        to_returns.status = 'fitted' as is_to_fitted,
        channel_intervals.revenue_share_lower > 0 as is_channel_share_certain
    from pairs
    inner join returns as from_returns on pairs.from_campaign_id = from_returns.campaign_id
    inner join returns as to_returns
        on
            pairs.to_campaign_id = to_returns.campaign_id
            and from_returns.model = to_returns.model
    left join {{ ref('int_channel_intervals_estimated') }} as channel_intervals
        on
            pairs.to_channel = channel_intervals.channel
            and to_returns.model = channel_intervals.attribution_model
    where
        coalesce(from_returns.average_return, 0) >= pairs.silent_return
        or coalesce(to_returns.average_return, 0) >= pairs.silent_return

),

votes as (

    select
        from_campaign_id,
        to_campaign_id,
        currency,
        count(*) as models_speaking,
        min(case when is_from_fitted then 1 else 0 end) = 1 as is_from_fitted,
        min(case when is_to_fitted then 1 else 0 end) = 1 as is_to_fitted,
        sum(case when is_from_fitted and is_to_fitted then 1 else 0 end) as models_fitted,
        sum(case when to_marginal_return > from_marginal_return then 1 else 0 end)
            as models_agreeing,
        sum(case when to_return_lower > from_return_upper then 1 else 0 end)
            as intervals_agreeing,
        sum(case when is_channel_share_certain then 1 else 0 end) as channel_models_agreeing,
        max(from_return_upper - from_return_lower) as from_widest_interval,
        max(to_return_upper - to_return_lower) as to_widest_interval,
        min(to_return_lower) as to_lowest_return,
        max(from_return_upper) as from_highest_return,
        min(to_return_lower - from_return_upper) as lowest_difference,
        max(to_return_upper - from_return_lower) as highest_difference
    from opinions
    group by from_campaign_id, to_campaign_id, currency

),

experiments as (

    select
        campaign_id,
        incremental_return_lower,
        incremental_return_upper
    from {{ ref('campaign_experiments') }}
    where world in ('*', '{{ var("world") }}')
    qualify row_number() over (
        partition by campaign_id
        order by ended_date desc, experiment_id desc
    ) = 1

),

final as (

    select
        pairs.*,
        votes.from_widest_interval,
        votes.to_widest_interval,
        votes.lowest_difference,
        votes.highest_difference,
        cast(coalesce(votes.models_speaking, 0) as integer) as models_speaking,
        cast(coalesce(votes.models_fitted, 0) as integer) as models_fitted,
        cast(coalesce(votes.models_agreeing, 0) as integer) as models_agreeing,
        cast(coalesce(votes.intervals_agreeing, 0) as integer) as intervals_agreeing,
        cast(coalesce(votes.channel_models_agreeing, 0) as integer) as channel_models_agreeing,
        -- Where every model is silent, no return is known.
        coalesce(votes.is_from_fitted, false) as is_from_fitted,
        coalesce(votes.is_to_fitted, false) as is_to_fitted,
        -- A test replaces what the models say of its campaign; of the other they still count.
        case
            when from_tests.campaign_id is null and to_tests.campaign_id is null then 'none'
            when
                coalesce(to_tests.incremental_return_lower, votes.to_lowest_return)
                > coalesce(from_tests.incremental_return_upper, votes.from_highest_return)
                then 'agrees'
            else 'disagrees'
        end as control_group
    from pairs
    left join votes
        on
            pairs.from_campaign_id = votes.from_campaign_id
            and pairs.to_campaign_id = votes.to_campaign_id
            and pairs.currency = votes.currency
    left join experiments as from_tests on pairs.from_campaign_id = from_tests.campaign_id
    left join experiments as to_tests on pairs.to_campaign_id = to_tests.campaign_id

)

select * from final
