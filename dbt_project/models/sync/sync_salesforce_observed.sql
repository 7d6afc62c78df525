-- What Salesforce held in the managed fields when it was last read: baseline and drift.
with

observed_leads as (

    select
        'Lead' as object,
        lead_id as salesforce_id,
        touchproof_key as record_key,
        cast(null as varchar) as account_id,
        {{ json_object_text([
            ('HasOptedOutOfEmail', canonical_boolean('has_opted_out_of_email')),
            ('Touchproof_Email_Consent__c', 'touchproof_email_consent'),
            ('Touchproof_Stage__c', 'touchproof_stage'),
            ('Touchproof_Score__c', 'touchproof_score'),
            ('Touchproof_Source__c', 'touchproof_source'),
            ('FirstName', 'first_name'),
            ('LastName', 'last_name'),
            ('Email', 'email'),
            ('Company', 'company'),
            ('LeadSource', 'lead_source'),
        ]) }} as fields_json,
        _landed_at as extracted_at
    from {{ ref('stg_salesforce__leads') }}
    where not is_deleted and not is_converted

),

observed_contacts as (

    select
        'Contact' as object,
        contact_id as salesforce_id,
        touchproof_key as record_key,
        account_id,
        {{ json_object_text([
            ('HasOptedOutOfEmail', canonical_boolean('has_opted_out_of_email')),
            ('Touchproof_Email_Consent__c', 'touchproof_email_consent'),
            ('Touchproof_Stage__c', 'touchproof_stage'),
            ('Touchproof_Score__c', 'touchproof_score'),
            ('Touchproof_Source__c', 'touchproof_source'),
        ]) }} as fields_json,
        _landed_at as extracted_at
    from {{ ref('stg_salesforce__contacts') }}
    where not is_deleted

),

observed_campaigns as (

    select
        'Campaign' as object,
        salesforce_campaign_id as salesforce_id,
        cast(null as varchar) as record_key,
        cast(null as varchar) as account_id,
        {{ json_object_text([
            ('Touchproof_Spend__c', 'touchproof_spend'),
            ('Touchproof_Revenue__c', 'touchproof_revenue'),
            ('Touchproof_Conversions__c', 'touchproof_conversions'),
            ('Touchproof_ROI__c', 'touchproof_roi'),
        ]) }} as fields_json,
        _landed_at as extracted_at
    from {{ ref('stg_salesforce__campaigns') }}
    where not is_deleted

),

observed_opportunities as (

    select
        'Opportunity' as object,
        opportunity_id as salesforce_id,
        cast(null as varchar) as record_key,
        cast(null as varchar) as account_id,
        {{ json_object_text([
            ('Touchproof_First_Channel__c', 'touchproof_first_channel'),
            ('Touchproof_First_Campaign__c', 'touchproof_first_campaign'),
            ('Touchproof_Last_Channel__c', 'touchproof_last_channel'),
            ('Touchproof_Last_Campaign__c', 'touchproof_last_campaign'),
            ('Touchproof_Model__c', 'touchproof_model'),
            ('Touchproof_Model_Channel__c', 'touchproof_model_channel'),
            ('Touchproof_Model_Campaign__c', 'touchproof_model_campaign'),
            ('Touchproof_Model_Share__c', 'touchproof_model_share'),
            ('Touchproof_Revenue__c', 'touchproof_revenue'),
        ]) }} as fields_json,
        _landed_at as extracted_at
    from {{ ref('stg_salesforce__opportunities') }}
    where not is_deleted

),

final as (

    select * from observed_leads
    union all
    select * from observed_contacts
    union all
    select * from observed_campaigns
    union all
    select * from observed_opportunities

)

select * from final
