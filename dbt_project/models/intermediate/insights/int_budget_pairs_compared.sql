-- Every two running campaigns billed in one currency, in the direction that the models' mean
-- return names, and how many models, and their intervals, agree.
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
        sum(case when status = 'fitted' then 1 else 0 end) as fitted_count,
        max(coalesce(marginal_return_upper - marginal_return_lower, 1000000000))
            as widest_interval,
        min(marginal_return_lower) as lowest_return,
        max(marginal_return_upper) as highest_return,
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
        campaign_returns.fitted_count,
        campaign_returns.return_sum,
        campaign_returns.widest_interval,
        campaign_returns.lowest_return,
        campaign_returns.highest_return,
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
        givers.widest_interval as from_widest_interval,
        takers.widest_interval as to_widest_interval,
        givers.lowest_return as from_lowest_return,
        givers.highest_return as from_highest_return,
        takers.lowest_return as to_lowest_return,
        takers.highest_return as to_highest_return,
        takers.current_spend_reporting_cents as to_current_spend_reporting_cents,
        takers.highest_spend_reporting_cents as to_highest_spend_reporting_cents,
        -- The mean of the models' returns.
        cast(givers.return_sum / givers.model_count as decimal(18, 6)) as from_return,
        cast(takers.return_sum / takers.model_count as decimal(18, 6)) as to_return,
        cast(givers.weekly_spend_cents * settings.shift_percent // 100 as bigint)
            as amount_cents,
        cast(givers.weekly_spend_reporting_cents * settings.shift_percent // 100 as bigint)
            as amount_reporting_cents,
        givers.fitted_count = givers.model_count as is_from_fitted,
        takers.fitted_count = takers.model_count as is_to_fitted
    from candidates as givers
    inner join candidates as takers
        on
            givers.currency = takers.currency
            and givers.campaign_id <> takers.campaign_id
            -- From the lower return to the higher; of equal ones by name.
            and (givers.return_sum, givers.campaign_id) < (takers.return_sum, takers.campaign_id)
    cross join settings

),

votes as (

    select
        pairs.from_campaign_id,
        pairs.to_campaign_id,
        pairs.currency,
        sum(
            case
                when to_returns.status = 'fitted' and from_returns.status = 'fitted' then 1 else 0
            end
        ) as models_fitted,
        sum(
            case when to_returns.marginal_return > from_returns.marginal_return then 1 else 0 end
        ) as models_agreeing,
        sum(
            case
                when
                    to_returns.marginal_return_lower > from_returns.marginal_return_upper
                    then 1
                else 0
            end
        ) as intervals_agreeing,
        min(to_returns.marginal_return_lower - from_returns.marginal_return_upper)
            as lowest_difference,
        max(to_returns.marginal_return_upper - from_returns.marginal_return_lower)
            as highest_difference
    from pairs
    inner join returns as from_returns on pairs.from_campaign_id = from_returns.campaign_id
    inner join returns as to_returns
        on
            pairs.to_campaign_id = to_returns.campaign_id
            and from_returns.model = to_returns.model
    group by pairs.from_campaign_id, pairs.to_campaign_id, pairs.currency

),

-- Models in which the channel's share of revenue isn't the doing of a few people: drawn again, it
-- stays above nothing.
channel_votes as (

    select
        channel,
        sum(case when revenue_share_lower > 0 then 1 else 0 end) as channel_models_agreeing
    from {{ ref('int_channel_intervals_estimated') }}
    group by channel

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
        cast(votes.models_fitted as integer) as models_fitted,
        cast(votes.models_agreeing as integer) as models_agreeing,
        cast(votes.intervals_agreeing as integer) as intervals_agreeing,
        cast(coalesce(channel_votes.channel_models_agreeing, 0) as integer)
            as channel_models_agreeing,
        votes.lowest_difference,
        votes.highest_difference,
        -- A test replaces what the models say of its campaign; of the other they still count.
        case
            when from_tests.campaign_id is null and to_tests.campaign_id is null then 'none'
            when
                coalesce(to_tests.incremental_return_lower, pairs.to_lowest_return)
                > coalesce(from_tests.incremental_return_upper, pairs.from_highest_return)
                then 'agrees'
            else 'disagrees'
        end as control_group
    from pairs
    inner join votes
        on
            pairs.from_campaign_id = votes.from_campaign_id
            and pairs.to_campaign_id = votes.to_campaign_id
            and pairs.currency = votes.currency
    left join channel_votes on pairs.to_channel = channel_votes.channel
    left join experiments as from_tests on pairs.from_campaign_id = from_tests.campaign_id
    left join experiments as to_tests on pairs.to_campaign_id = to_tests.campaign_id

)

select * from final
