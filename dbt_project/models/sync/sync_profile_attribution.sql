-- What brought each person, as a child of their lead or contact: nobody's sync watches it, so that
-- the lead itself isn't touched when a touch or revenue comes in. No value depends on the night.
{% set model = var('salesforce_attribution_model') %}

with

records as (

    select
        object,
        coalesce(touchproof_key, salesforce_id) as record_name,
        coalesce(salesforce_id, touchproof_key) as parent_name,
        person_id,
        may_market
    from {{ ref('int_crm_records_collected') }}
    where person_id is not null

    union all

    select
        'Lead' as object,
        touchproof_key as record_name,
        touchproof_key as parent_name,
        person_id,
        may_market
    from {{ ref('int_leads_missing') }}

),

touches as (

    select
        touchpoints.person_id,
        touchpoints.channel,
        touchpoints.touched_at,
        touchpoints.touch_weight,
        touchpoints.touchpoint_id,
        coalesce(campaigns.campaign_name, touchpoints.campaign_id) as campaign_name
    from {{ ref('fct_touchpoints') }} as touchpoints
    left join {{ ref('dim_campaigns') }} as campaigns
        on touchpoints.campaign_id = campaigns.campaign_id
    where touchpoints.is_earning

),

first_touches as (

    select *
    from touches
    qualify row_number() over (
        partition by person_id
        order by touched_at asc, touch_weight desc, touchpoint_id asc
    ) = 1

),

last_touches as (

    select *
    from touches
    qualify row_number() over (
        partition by person_id
        order by touched_at desc, touch_weight desc, touchpoint_id asc
    ) = 1

),

-- What the configured model gives touches, in the reporting currency; a conversion that nothing
-- earned isn't attributed.
revenue as (

    select
        credits.person_id,
        count(distinct credits.conversion_id) as conversions,
        sum(
            case
                when credits.currency = '{{ var("reporting_currency") }}'
                    then credits.{{ model }}_revenue_cents
                else cast(round(credits.{{ model }}_revenue_cents * fx_rates.rate) as bigint)
            end
        ) as revenue_cents
    from {{ ref('fct_attribution') }} as credits
    left join {{ ref('fx_rates') }} as fx_rates
        on
            {{ business_month('credits.converted_at') }} = fx_rates.rate_date
            and credits.currency = fx_rates.from_currency
            and fx_rates.to_currency = '{{ var("reporting_currency") }}'
    where credits.touchpoint_id is not null
    group by credits.person_id

),

profiles as (

    select
        'Touchproof_Profile__c' as object,
        'profile:' || records.record_name as record_key,
        cast(null as varchar) as salesforce_id,
        'upsert' as operation,
        true as is_creation,
        records.person_id,
        records.may_market,
        case records.object when 'Lead' then records.parent_name end as "Lead__c",
        case records.object when 'Contact' then records.parent_name end as "Contact__c",
        first_touches.channel as "First_Touch_Channel__c",
        first_touches.campaign_name as "First_Touch_Campaign__c",
        cast({{ business_date('first_touches.touched_at') }} as varchar) as "First_Touch_Date__c",
        last_touches.channel as "Last_Touch_Channel__c",
        last_touches.campaign_name as "Last_Touch_Campaign__c",
        cast({{ business_date('last_touches.touched_at') }} as varchar) as "Last_Touch_Date__c",
        {{ canonical_number('coalesce(revenue.conversions, 0)') }} as "Conversions__c",
        {{ canonical_number('coalesce(revenue.revenue_cents, 0) * 0.01', 2) }}
            as "Attributed_Revenue__c",
        '{{ model }}' as "Attribution_Model__c"
    from records
    -- Somebody without an earning touch has nothing to tell, and costs no storage.
    inner join first_touches on records.person_id = first_touches.person_id
    inner join last_touches on records.person_id = last_touches.person_id
    left join revenue on records.person_id = revenue.person_id
    -- A converted lead's key may live on in its contact: the profile moves there.
    qualify row_number() over (
        partition by records.record_name
        order by records.object, records.parent_name
    ) = 1

),

-- A merge hangs the profile of the merged record on the master, which has one of its own: the other
-- one is emptied and taken off, or what it tells would count twice. It isn't made for that.
merged_records as (

    select
        merged.object,
        coalesce(leads.touchproof_key, contacts.touchproof_key, merged.salesforce_id)
            as record_name
    from {{ ref('int_crm_records_merged') }} as merged
    left join {{ ref('stg_salesforce__leads') }} as leads
        on merged.object = 'Lead' and merged.salesforce_id = leads.lead_id
    left join {{ ref('stg_salesforce__contacts') }} as contacts
        on merged.object = 'Contact' and merged.salesforce_id = contacts.contact_id
    where merged.object in ('Lead', 'Contact')

),

emptied_profiles as (

    select distinct
        'Touchproof_Profile__c' as object,
        'profile:' || merged_records.record_name as record_key,
        cast(null as varchar) as salesforce_id,
        'update' as operation,
        false as is_creation,
        cast(null as varchar) as person_id,
        true as may_market,
        cast(null as varchar) as "Lead__c",
        cast(null as varchar) as "Contact__c",
        cast(null as varchar) as "First_Touch_Channel__c",
        cast(null as varchar) as "First_Touch_Campaign__c",
        cast(null as varchar) as "First_Touch_Date__c",
        cast(null as varchar) as "Last_Touch_Channel__c",
        cast(null as varchar) as "Last_Touch_Campaign__c",
        cast(null as varchar) as "Last_Touch_Date__c",
        {{ canonical_number('0') }} as "Conversions__c",
        {{ canonical_number('0 * 0.01', 2) }} as "Attributed_Revenue__c",
        cast(null as varchar) as "Attribution_Model__c"
    from merged_records
    left join records on merged_records.record_name = records.record_name
    where records.record_name is null

),

final as (

    select * from profiles
    union all
    select * from emptied_profiles

)

select * from final
