with

pairs as (

    select * from {{ ref('int_budget_pairs_compared') }}

),

judged as (

    select
        *,
        case
            -- Too many models credit nearly nothing to both campaigns, and so have no opinion.
            when models_speaking < min_speaking_models then 'too_few_models_speak'
            -- Of a campaign whose weeks show no return nobody knows what a shift would do.
            when not is_from_fitted or not is_to_fitted then 'marginal_return_unknown'
            -- One model that says otherwise is enough.
            when models_agreeing < models_speaking then 'models_disagree'
            -- Chance may explain the difference in at least one model.
            when intervals_agreeing < models_speaking then 'intervals_overlap'
            -- A few people may have made the taking channel's revenue.
            when channel_models_agreeing < models_speaking then 'channel_share_uncertain'
            -- Where a test was made, it has the last word.
            when control_group = 'disagrees' then 'control_group_disagrees'
            -- Nobody has seen the return at the spend to which the shift would lead.
            when
                to_current_spend_reporting_cents + amount_reporting_cents
                > to_highest_spend_reporting_cents
                then 'beyond_observed_spend'
        end as undecided_reason,
        -- What is known least is tested first: a campaign without a return, else the one whose
        -- interval is wider.
        case
            when not is_to_fitted then true
            when not is_from_fitted then false
            else to_widest_interval >= from_widest_interval
        end as is_to_tested
    from pairs

),

with_tests as (

    select
        judged.from_campaign_id,
        judged.to_campaign_id,
        judged.currency,
        deciding_tests.test,
        deciding_tests.sentence,
        case when judged.is_to_tested then judged.to_campaign_id else judged.from_campaign_id end
            as test_campaign_id
    from judged
    inner join {{ ref('deciding_tests') }} as deciding_tests
        on
            regexp_matches(
                case when judged.is_to_tested then judged.to_channel else judged.from_channel end,
                coalesce(deciding_tests.channel_pattern, '')
            )
            and regexp_matches(
                judged.undecided_reason, coalesce(deciding_tests.reason_pattern, '')
            )
    qualify row_number() over (
        partition by judged.from_campaign_id, judged.to_campaign_id, judged.currency
        order by deciding_tests.rule_number
    ) = 1

),

final as (

    select
        judged.from_campaign_id,
        judged.to_campaign_id,
        judged.from_channel,
        judged.to_channel,
        judged.currency,
        judged.amount_cents,
        '{{ var("reporting_currency") }}' as reporting_currency,
        judged.amount_reporting_cents,
        case when judged.undecided_reason is null then 'move' else 'undecided' end as decision,
        judged.undecided_reason,
        with_tests.test as deciding_test,
        with_tests.test_campaign_id,
        with_tests.sentence as test_sentence,
        judged.from_return,
        judged.to_return,
        cast(judged.model_count as integer) as models,
        judged.models_speaking,
        judged.models_fitted,
        judged.models_agreeing,
        judged.intervals_agreeing,
        judged.channel_models_agreeing,
        judged.control_group,
        -- What a week with the shift would bring more, from the worst to the best of all models'
        -- intervals.
        case
            when judged.is_from_fitted and judged.is_to_fitted
                then cast(
                    round(judged.amount_reporting_cents * judged.lowest_difference) as bigint
                )
        end as lowest_gain_reporting_cents,
        case
            when judged.is_from_fitted and judged.is_to_fitted
                then cast(
                    round(judged.amount_reporting_cents * judged.highest_difference) as bigint
                )
        end as highest_gain_reporting_cents
    from judged
    left join with_tests
        on
            judged.from_campaign_id = with_tests.from_campaign_id
            and judged.to_campaign_id = with_tests.to_campaign_id
            and judged.currency = with_tests.currency

)

select * from final
