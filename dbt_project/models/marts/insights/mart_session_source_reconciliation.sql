with

compared as (

    select
        {{ business_month('started_at') }} as month,
        our_channel,
        verdict_channel,
        verdict_channel_group,
        is_inferred,
        is_mail_click,
        is_app,
        is_tagged,
        is_tagged_as_verdict,
        is_click_id_only,
        is_carried_over,
        is_older_than_data,
        count(*) as sessions,
        sum(session_weight) as session_weight
    from {{ ref('int_session_sources_compared') }}
    group by all

),

-- The first rule that fits explains the difference; the last one fits all.
explained as (

    select
        compared.month,
        compared.our_channel,
        compared.verdict_channel,
        compared.verdict_channel_group,
        compared.sessions,
        compared.session_weight,
        rules.rule,
        rules.sentence
    from compared
    inner join {{ ref('session_source_rules') }} as rules
        on
            regexp_matches(compared.our_channel, coalesce(rules.our_channel_pattern, ''))
            and regexp_matches(compared.verdict_channel, coalesce(rules.ga4_channel_pattern, ''))
            and case rules.evidence
                when 'none' then true
                when 'same_channel' then compared.our_channel = compared.verdict_channel
                when 'inferred' then compared.is_inferred
                when 'mail_click' then compared.is_mail_click
                when 'app' then compared.is_app
                when 'tag' then compared.is_tagged
                when 'no_tag' then not compared.is_tagged
                when 'tag_of_verdict' then compared.is_tagged_as_verdict
                when 'click_id_only' then compared.is_click_id_only
                when 'carried_over' then compared.is_carried_over
                when 'older_than_data' then compared.is_older_than_data
            end
    qualify row_number() over (
        partition by
            compared.month,
            compared.our_channel,
            compared.verdict_channel,
            compared.verdict_channel_group,
            compared.is_inferred,
            compared.is_mail_click,
            compared.is_app,
            compared.is_tagged,
            compared.is_tagged_as_verdict,
            compared.is_click_id_only,
            compared.is_carried_over,
            compared.is_older_than_data
        order by rules.rule_number
    ) = 1

),

final as (

    select
        month,
        our_channel,
        verdict_channel as ga4_channel,
        verdict_channel_group as ga4_channel_group,
        rule as explaining_rule,
        sentence,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(session_weight) as decimal(24, 12)) as session_weight,
        our_channel = verdict_channel as is_same_channel
    from explained
    group by all

)

select * from final
