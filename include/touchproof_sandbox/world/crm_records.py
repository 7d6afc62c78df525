"""The records of the pretend CRM: objects, fields and their types.

Belongs here: the API fields of each object, empty records and the seed files' schema. Doesn't
belong here: which records there are (crm.py) and the server that serves them.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

Record = dict[str, Any]

_BOOLEANS = {
    "IsDeleted", "IsConverted", "HasOptedOutOfEmail", "DoNotCall", "Touchproof_Email_Consent__c",
}  # fmt: skip
_NUMBERS = {
    "Amount", "BudgetedCost", "Touchproof_Score__c", "Touchproof_Spend__c",
    "Touchproof_Revenue__c", "Touchproof_Conversions__c", "Touchproof_ROI__c",
}  # fmt: skip
_OWN = ("Touchproof_Key__c", "Touchproof_Stage__c", "Touchproof_Score__c",
        "Touchproof_Source__c", "Touchproof_Email_Consent__c")  # fmt: skip
_SYSTEM = ("CreatedDate", "SystemModstamp", "IsDeleted")

OBJECTS: dict[str, tuple[str, ...]] = {
    "Account": ("Id", "Name", "Type", "BillingCountry", "BillingPostalCode", *_SYSTEM),
    "Contact": ("Id", "AccountId", "FirstName", "LastName", "Email", "Phone", "Birthdate",
                "MailingPostalCode", "HasOptedOutOfEmail", *_SYSTEM, *_OWN, "App_User_Id__c"),
    "Lead": ("Id", "FirstName", "LastName", "Email", "Phone", "Company", "LeadSource",
             "Description", "Status", "IsConverted", "ConvertedContactId", "HasOptedOutOfEmail",
             "DoNotCall", "Country", "PostalCode", *_SYSTEM, *_OWN),
    "Campaign": ("Id", "Name", "Campaign_Code__c", "Type", "Status", "StartDate", "EndDate",
                 "BudgetedCost", "Touchproof_Spend__c", "Touchproof_Revenue__c",
                 "Touchproof_Conversions__c", "Touchproof_ROI__c", *_SYSTEM),
    "CampaignMember": ("Id", "CampaignId", "LeadId", "ContactId", "Status", *_SYSTEM),
    "Opportunity": ("Id", "AccountId", "ContactId__c", "Name", "StageName", "Amount",
                    "CloseDate", "CampaignId", "App_Account_Id__c", *_SYSTEM),
}  # fmt: skip
"""Fields of each object, parents before children."""

PREFIXES = {
    "Account": "001", "Contact": "003", "Opportunity": "006", "Lead": "00Q", "Campaign": "701",
    "CampaignMember": "00v",
}  # fmt: skip


def schema_of(name: str) -> pa.Schema:
    """Return the Arrow schema of an object's seed file: texts, booleans and doubles."""

    def kind(field: str) -> pa.DataType:
        if field in _BOOLEANS:
            return pa.bool_()
        return pa.float64() if field in _NUMBERS else pa.string()

    return pa.schema([(field, kind(field)) for field in OBJECTS[name]])


def new_record(name: str, **values: Any) -> Record:
    """Return a whole record: unnamed booleans are false (our own stay empty), the rest empty.

    Raises:
        KeyError: If a value has no field.
    """
    record: Record = {
        field: False if field in _BOOLEANS and not field.startswith("Touchproof") else None
        for field in OBJECTS[name]
    }
    for field, value in values.items():
        if field not in record:
            raise KeyError(field)
        record[field] = value
    return record


def table_of(name: str, records: list[Record]) -> pa.Table:
    """Return the records of one object as a table."""
    return pa.Table.from_pylist(records, schema=schema_of(name))
