with

channel_rules as (

    select * from {{ ref('channel_rules') }}

),

final as (

    select
        rule_number as channel_rule_number,
        channel,
        sentence
    from channel_rules

)

select * from final
