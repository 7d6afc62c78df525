-- Who came by which campaign of the CRM, where the CRM has no member for it. A membership that
-- somebody made, changed or deleted there is left alone: it is a person's word against a log.
with

campaigns as (

    select * from {{ ref('stg_salesforce__campaigns') }}
    where not is_deleted and campaign_code is not null

),

-- One record a person: the contact, else the first lead, else the lead that is to be made.
records as (

    select
        object,
        salesforce_id,
        touchproof_key,
        person_id,
        may_market
    from {{ ref('int_crm_records_collected') }}
    where person_id is not null

    union all

    select
        'Lead' as object,
        cast(null as varchar) as salesforce_id,
        touchproof_key,
        person_id,
        may_market
    from {{ ref('int_leads_missing') }}

),

chosen_records as (

    select
        *,
        -- One record that opted out speaks for its person.
        bool_and(may_market) over (partition by person_id) as may_market_person
    from records
    qualify row_number() over (
        partition by person_id
        order by object, salesforce_id nulls last, touchproof_key
    ) = 1

),

engaged as (

    select distinct
        person_id,
        campaign_id
    from {{ ref('int_touchpoints_unioned') }}
    where
        is_earning
        and interaction in ('click', 'visit', 'scan', 'form_submit')

),

members as (

    select distinct
        identifiers.person_id,
        members.salesforce_campaign_id
    from {{ ref('stg_salesforce__campaign_members') }} as members
    inner join {{ ref('int_person_identifiers') }} as identifiers
        on
            (identifiers.identifier_type = 'lead' and members.lead_id = identifiers.identifier)
            or (
                identifiers.identifier_type = 'contact'
                and members.contact_id = identifiers.identifier
            )

),

final as (

    select
        campaigns.salesforce_campaign_id,
        records.object,
        records.person_id,
        records.may_market_person as may_market,
        records.salesforce_id as contact_id,
        coalesce(records.salesforce_id, records.touchproof_key) as lead_name,
        'member:' || campaigns.salesforce_campaign_id || ':'
        || coalesce(records.touchproof_key, records.salesforce_id) as record_key
    from engaged
    inner join campaigns on engaged.campaign_id = campaigns.campaign_code
    inner join chosen_records as records on engaged.person_id = records.person_id
    left join members
        on
            engaged.person_id = members.person_id
            and campaigns.salesforce_campaign_id = members.salesforce_campaign_id
    where members.person_id is null

)

select * from final
