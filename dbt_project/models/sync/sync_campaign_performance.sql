-- A campaign's totals over all months in the reporting currency, by the model that sales reads.
-- Skip referrals aren't among its conversions: a claim that we issue ourselves changes nothing in
-- the CRM; the bank's accepted fee does, as revenue.
with

performance as (

    select
        campaign_id,
        sum(spend_reporting_cents) as spend_cents,
        sum(revenue_reporting_cents) as revenue_cents,
        sum(acquisition_conversions + cross_sell_conversions) as conversions
    from {{ ref('mart_campaign_performance') }}
    where
        model = '{{ var("salesforce_attribution_model") }}'
        and date_basis = 'conversion'
    group by campaign_id

),

campaigns as (

    select * from {{ ref('stg_salesforce__campaigns') }}
    where not is_deleted and campaign_code is not null

),

final as (

    select
        'Campaign' as object,
        cast(null as varchar) as record_key,
        campaigns.salesforce_campaign_id as salesforce_id,
        'update' as operation,
        false as is_creation,
        cast(null as varchar) as person_id,
        true as may_market,
        {{ canonical_number('coalesce(performance.spend_cents, 0) * 0.01', 2) }}
            as "Touchproof_Spend__c",
        {{ canonical_number('coalesce(performance.revenue_cents, 0) * 0.01', 2) }}
            as "Touchproof_Revenue__c",
        {{ canonical_number('coalesce(performance.conversions, 0)', 2) }}
            as "Touchproof_Conversions__c",
    -- Nothing spent, no return on it: the field is cleared.
        {{ canonical_number(
            '(performance.revenue_cents - performance.spend_cents)'
            ~ ' / cast(nullif(performance.spend_cents, 0) as double)', 4
        ) }} as "Touchproof_ROI__c"
    from campaigns
    left join performance on campaigns.campaign_code = performance.campaign_id

)

select * from final
