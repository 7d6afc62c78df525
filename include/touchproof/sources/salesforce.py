"""Salesforce as a source: six objects by Bulk 2.0 query.

Belongs here: which fields land, and the extract. Doesn't belong here: the client (salesforce/).
"""

from __future__ import annotations

from datetime import date

from touchproof.clock import Clock
from touchproof.errors import SourceUnavailableError
from touchproof.settings import Settings
from touchproof.sources.definition import (
    EntityDefinition,
    ExtractReport,
    SourceDefinition,
    SourceKind,
    text_schema,
)

FIELDS: dict[str, tuple[str, ...]] = {
    "leads": (
        "Id",
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "Company",
        "LeadSource",
        "Description",
        "Status",
        "IsConverted",
        "ConvertedContactId",
        "HasOptedOutOfEmail",
        "DoNotCall",
        "Country",
        "PostalCode",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
        "Touchproof_Key__c",
        "Touchproof_Stage__c",
        "Touchproof_Score__c",
        "Touchproof_Source__c",
        "Touchproof_Email_Consent__c",
    ),
    "contacts": (
        "Id",
        "AccountId",
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "Birthdate",
        "MailingPostalCode",
        "HasOptedOutOfEmail",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
        "Touchproof_Key__c",
        "Touchproof_Stage__c",
        "Touchproof_Score__c",
        "Touchproof_Source__c",
        "Touchproof_Email_Consent__c",
        "App_User_Id__c",
    ),
    "accounts": (
        "Id",
        "Name",
        "Type",
        "BillingCountry",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
    "opportunities": (
        "Id",
        "AccountId",
        "ContactId__c",
        "Name",
        "StageName",
        "Amount",
        "CloseDate",
        "CampaignId",
        "App_Account_Id__c",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
    "campaigns": (
        "Id",
        "Name",
        "Campaign_Code__c",
        "Type",
        "Status",
        "StartDate",
        "EndDate",
        "BudgetedCost",
        "Touchproof_Spend__c",
        "Touchproof_Revenue__c",
        "Touchproof_Conversions__c",
        "Touchproof_ROI__c",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
    "campaign_members": (
        "Id",
        "CampaignId",
        "LeadId",
        "ContactId",
        "Status",
        "CreatedDate",
        "SystemModstamp",
        "IsDeleted",
    ),
}


def extract(
    night: date, settings: Settings, clock: Clock, from_: date | None, to: date | None
) -> ExtractReport:
    """Query what changed; not written yet.

    Raises:
        SourceUnavailableError: Always, until the query stands.
    """
    raise SourceUnavailableError("Salesforce can't be extracted yet", where="salesforce")


SOURCE = SourceDefinition(
    "salesforce",
    SourceKind.SERVICE,
    tuple(
        EntityDefinition("salesforce", entity, text_schema(*fields), key=("Id",))
        for entity, fields in FIELDS.items()
    ),
    extract=extract,
    title="Salesforce",
)
