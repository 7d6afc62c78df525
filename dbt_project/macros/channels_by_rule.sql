{#-
The rows of a relation with the channel of the first rule whose patterns all match.

Args: relation, a CTE; columns, the three that name source, medium and campaign, distinct in it.
-#}
{% macro channels_by_rule(relation, columns) -%}
    {%- set source, medium, campaign = columns -%}
    select
        {{ relation }}.{{ source }},
        {{ relation }}.{{ medium }},
        {{ relation }}.{{ campaign }},
        channel_rules.channel,
        channel_rules.rule_number
    from {{ relation }}
    inner join {{ ref('channel_rules') }} as channel_rules
        on
            regexp_matches(
                coalesce({{ relation }}.{{ source }}, ''),
                coalesce(channel_rules.source_pattern, '')
            )
            and regexp_matches(
                coalesce({{ relation }}.{{ medium }}, ''),
                coalesce(channel_rules.medium_pattern, '')
            )
            and regexp_matches(
                coalesce({{ relation }}.{{ campaign }}, ''),
                coalesce(channel_rules.campaign_pattern, '')
            )
    qualify row_number() over (
        partition by
            {{ relation }}.{{ source }}, {{ relation }}.{{ medium }}, {{ relation }}.{{ campaign }}
        order by channel_rules.rule_number
    ) = 1
{%- endmacro %}
