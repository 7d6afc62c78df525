-- Where somebody in the CRM opted a record out, we send nothing else, whatever the person says.
with

consents as (

    select * from {{ ref('sync_lead_consent') }}
    union all by name
    select * from {{ ref('sync_contact_consent') }}

)

select consents.salesforce_id
from consents
inner join {{ ref('stg_salesforce__opt_out_versions') }} as versions
    on consents.salesforce_id = versions.record_id
where consents."HasOptedOutOfEmail" <> 'true'
