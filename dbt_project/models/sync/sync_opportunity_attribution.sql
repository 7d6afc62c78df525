-- What brought each opening that sales has as an opportunity: by first_touch, by last_touch, and by
-- the configured model the campaign (else channel) that earned most of it, with its share.
{% set model = var('salesforce_attribution_model') %}

with

opportunities as (

    select
        opportunities.opportunity_id,
        opportunities.account_id,
        openings.conversion_id
    from {{ ref('stg_salesforce__opportunities') }} as opportunities
    inner join {{ ref('int_app_openings_ranked') }} as openings
        on opportunities.app_account_id = openings.account_id
    where not opportunities.is_deleted

),

credits as (

    select
        credits.conversion_id,
        credits.channel,
        coalesce(campaigns.campaign_name, credits.campaign_id) as campaign_name,
        sum(credits.first_touch_weight) as first_touch_weight,
        sum(credits.last_touch_weight) as last_touch_weight,
        sum(credits.{{ model }}_weight) as model_weight,
        max(credits.touched_at) as touched_at
    from {{ ref('fct_attribution') }} as credits
    left join {{ ref('dim_campaigns') }} as campaigns
        on credits.campaign_id = campaigns.campaign_id
    where credits.touchpoint_id is not null
    group by
        credits.conversion_id,
        credits.channel,
        coalesce(campaigns.campaign_name, credits.campaign_id)

),

-- A tie goes to what came last, as the path's last step is nearest to the opening.
{% for name in ['first_touch', 'last_touch', 'model'] %}
{{ name }}_winners as (

    select *
    from credits
    where {{ name }}_weight > 0
    qualify row_number() over (
        partition by conversion_id
        order by {{ name }}_weight desc, touched_at desc, channel, campaign_name
    ) = 1

),

{% endfor %}
final as (

    select
        'Opportunity' as object,
        cast(null as varchar) as record_key,
        opportunities.opportunity_id as salesforce_id,
        opportunities.account_id,
        'update' as operation,
        false as is_creation,
        cast(null as varchar) as person_id,
        true as may_market,
        first_touch_winners.channel as "Touchproof_First_Channel__c",
        first_touch_winners.campaign_name as "Touchproof_First_Campaign__c",
        last_touch_winners.channel as "Touchproof_Last_Channel__c",
        last_touch_winners.campaign_name as "Touchproof_Last_Campaign__c",
        '{{ model }}' as "Touchproof_Model__c",
        model_winners.channel as "Touchproof_Model_Channel__c",
        model_winners.campaign_name as "Touchproof_Model_Campaign__c",
        {{ canonical_number('model_winners.model_weight', 4) }} as "Touchproof_Model_Share__c",
        {{ canonical_number('conversions.revenue_cents * 0.01', 2) }} as "Touchproof_Revenue__c"
    from opportunities
    inner join {{ ref('fct_conversions') }} as conversions
        on opportunities.conversion_id = conversions.conversion_id
    left join first_touch_winners
        on opportunities.conversion_id = first_touch_winners.conversion_id
    left join last_touch_winners
        on opportunities.conversion_id = last_touch_winners.conversion_id
    left join model_winners on opportunities.conversion_id = model_winners.conversion_id

)

select * from final
