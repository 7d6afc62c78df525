{% set touched = ('touched_transitions', 'touched_customers') %}
{% set untouched = ('untouched_transitions', 'untouched_customers') %}

with

exposures as (

    select * from {{ ref('int_cross_sell_exposures_found') }}

),

pairs as (

    select
        from_product,
        to_product,
        touch_days,
        horizon_days,
        min_customers,
        difference_z,
        count(*) as customers,
        sum(case when is_transition then 1 else 0 end) as transitions
    from exposures
    where channel is null
    group by
        from_product, to_product, touch_days, horizon_days, min_customers, difference_z

),

channels as (

    select distinct channel
    from {{ ref('int_touchpoints_unioned') }}

),

touch_kinds as (

    select 'contact' as touch_kind
    union all
    select 'response' as touch_kind

),

touched as (

    select
        exposures.from_product,
        exposures.to_product,
        exposures.channel,
        touch_kinds.touch_kind,
        count(*) as customers,
        sum(case when exposures.is_transition then 1 else 0 end) as transitions
    from exposures
    inner join touch_kinds
        on touch_kinds.touch_kind = 'contact' or exposures.has_response
    where exposures.channel is not null
    group by
        exposures.from_product,
        exposures.to_product,
        exposures.channel,
        touch_kinds.touch_kind

),

counted as (

    select
        pairs.from_product,
        pairs.to_product,
        channels.channel,
        touch_kinds.touch_kind,
        pairs.touch_days,
        pairs.horizon_days,
        pairs.min_customers,
        pairs.difference_z,
        cast(coalesce(touched.customers, 0) as bigint) as touched_customers,
        cast(coalesce(touched.transitions, 0) as bigint) as touched_transitions,
        cast(pairs.customers - coalesce(touched.customers, 0) as bigint)
            as untouched_customers,
        cast(pairs.transitions - coalesce(touched.transitions, 0) as bigint)
            as untouched_transitions
    from pairs
    cross join channels
    cross join touch_kinds
    left join touched
        on
            pairs.from_product = touched.from_product
            and pairs.to_product = touched.to_product
            and channels.channel = touched.channel
            and touch_kinds.touch_kind = touched.touch_kind

),

with_rates as (

    select
        *,
        {{ share_of('touched_transitions', 'touched_customers') }} as touched_rate,
        {{ wilson_edge('touched_transitions', 'touched_customers', 'lower') }}
            as touched_rate_lower,
        {{ wilson_edge('touched_transitions', 'touched_customers', 'upper') }}
            as touched_rate_upper,
        {{ share_of('untouched_transitions', 'untouched_customers') }} as untouched_rate,
        {{ wilson_edge('untouched_transitions', 'untouched_customers', 'lower') }}
            as untouched_rate_lower,
        {{ wilson_edge('untouched_transitions', 'untouched_customers', 'upper') }}
            as untouched_rate_upper
    from counted

),

with_differences as (

    select
        *,
        cast(touched_rate - untouched_rate as decimal(9, 6)) as rate_difference,
        -- Wide enough for all channels of a pair together: of ten that do nothing, one would
        -- else look good by chance in every fifth pair.
        {{ difference_edge(touched, untouched, 'lower', 'difference_z') }}
            as rate_difference_lower,
        {{ difference_edge(touched, untouched, 'upper', 'difference_z') }}
            as rate_difference_upper
    from with_rates

),

judged as (

    select
        *,
        case
            -- Nobody can be sent there.
            when channel in ('Direct', 'Unassigned') then 'no_channel_to_choose'
            when touched_customers < min_customers then 'too_few_touched'
            when untouched_customers < min_customers then 'too_few_untouched'
            when rate_difference_upper < 0 then 'worse_than_without'
            -- What chance alone may show is no reason to choose a channel.
            when rate_difference_lower <= 0 then 'no_clear_difference'
        end as unranked_reason
    from with_differences

),

-- Its rank counts the channels that are clearly better: their interval lies wholly above.
ranks as (

    select
        judged.from_product,
        judged.to_product,
        judged.touch_kind,
        judged.channel,
        1 + count(better.channel) as next_channel_rank
    from judged
    left join judged as better
        on
            judged.from_product = better.from_product
            and judged.to_product = better.to_product
            and judged.touch_kind = better.touch_kind
            and better.unranked_reason is null
            and judged.rate_difference_upper < better.rate_difference_lower
    where judged.unranked_reason is null
    group by judged.from_product, judged.to_product, judged.touch_kind, judged.channel

),

firsts as (

    select
        from_product,
        to_product,
        touch_kind,
        count(*) as first_count
    from ranks
    where next_channel_rank = 1
    group by from_product, to_product, touch_kind

),

final as (

    select
        judged.from_product,
        judged.to_product,
        judged.channel,
        judged.touch_kind,
        judged.touch_days,
        judged.horizon_days,
        judged.touched_customers,
        judged.touched_transitions,
        judged.touched_rate,
        judged.touched_rate_lower,
        judged.touched_rate_upper,
        judged.untouched_customers,
        judged.untouched_transitions,
        judged.untouched_rate,
        judged.untouched_rate_lower,
        judged.untouched_rate_upper,
        judged.rate_difference,
        judged.rate_difference_lower,
        judged.rate_difference_upper,
        cast(ranks.next_channel_rank as integer) as next_channel_rank,
        judged.unranked_reason,
        -- One channel alone is best only where no other may be as good.
        coalesce(ranks.next_channel_rank = 1 and firsts.first_count = 1, false)
            as is_best_next_channel
    from judged
    left join ranks
        on
            judged.from_product = ranks.from_product
            and judged.to_product = ranks.to_product
            and judged.touch_kind = ranks.touch_kind
            and judged.channel = ranks.channel
    left join firsts
        on
            judged.from_product = firsts.from_product
            and judged.to_product = firsts.to_product
            and judged.touch_kind = firsts.touch_kind

)

select * from final
