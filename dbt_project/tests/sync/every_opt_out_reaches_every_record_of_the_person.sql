-- Whoever opted out by any identifier is opted out in each of their leads and contacts.
with

consents as (

    select * from {{ ref('sync_lead_consent') }}
    union all by name
    select * from {{ ref('sync_contact_consent') }}

),

persons as (

    select * from {{ ref('dim_persons') }}
    where is_opted_out_of_email

)

select consents.salesforce_id
from consents
inner join persons on consents.person_id = persons.person_id
where
    consents."HasOptedOutOfEmail" <> 'true'
    or consents."Touchproof_Email_Consent__c" <> 'opted_out'
    or consents.may_market
