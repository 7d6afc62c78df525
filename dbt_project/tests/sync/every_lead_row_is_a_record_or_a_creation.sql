-- A record of the CRM has its Id; one that is to be made has a key, a name and a company.
select
    salesforce_id,
    record_key
from {{ ref('sync_lead_attributes') }}
where
    is_creation <> (salesforce_id is null)
    or (is_creation and (record_key is null or "LastName" is null or "Company" is null))
    or is_creation <> (operation = 'upsert')
