"""The objects that the loopback org has, declared.

Belongs here: objects, fields, types, lengths, keys, and what `describe` tells of them; how record
ids look. Doesn't belong here: the rules that a write is checked against (rules.py) and the tables
(storage.py).
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

API_VERSION = "64.0"
INSTANCE_URL = "https://touchproof-sandbox.my.salesforce.com"
ORG_ID = "00D5e000000TPRFEA4"
MASTER_FIELD = "MasterRecordId"
"""What a record that was merged into another says of that one."""
SYSTEM_FIELDS = ("Id", "IsDeleted", "CreatedDate", "SystemModstamp")

FieldType = Literal[
    "id", "string", "email", "phone", "boolean", "double", "currency", "date", "datetime",
    "reference", "picklist", "textarea",
]  # fmt: skip

_TEXT_TYPES = frozenset({"string", "email", "phone", "picklist", "textarea", "reference", "id"})
_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "double": "xsd:double",
    "currency": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
}


@dataclass(frozen=True)
class Field:
    """Declare one field.

    Args:
        name: API name.
        type: Salesforce's type.
        length: Longest value in characters, for texts.
        scale: Digits after the decimal point, for numbers.
        required: Whether a record can't be without it.
        writable: Whether API users may write it.
        updateable: Whether they may change it once the record is there.
        external_id: Whether upserts may name it as their key.
        unique: Whether two records can't share a value.
        refers_to: Object that a reference points to.
    """

    name: str
    type: FieldType = "string"
    length: int = 255
    scale: int = 0
    required: bool = False
    writable: bool = True
    updateable: bool = True
    external_id: bool = False
    unique: bool = False
    refers_to: str | None = None

    @property
    def is_text(self) -> bool:
        return self.type in _TEXT_TYPES

    @property
    def relationship(self) -> str | None:
        """Return the name that stands before the dot in `Account.Ext__c`, for references."""
        if self.refers_to is None:
            return None
        if self.name.endswith("__c"):
            return self.name.removesuffix("c") + "r"
        return self.name.removesuffix("Id")

    def is_writable(self, *, is_creation: bool) -> bool:
        """Tell whether API users may write it into a new record, or into one that is there."""
        return self.writable and (is_creation or self.updateable)

    def describe(self) -> dict[str, Any]:
        """Return the part of Salesforce's field describe that clients look at."""
        return {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "type": self.type,
            "soapType": _SOAP_TYPES.get(self.type, "xsd:string"),
            "length": self.length if self.is_text else 0,
            "scale": self.scale,
            "precision": 18 if self.type in {"double", "currency"} else 0,
            "nillable": not self.required and self.type != "boolean",
            "createable": self.writable,
            "updateable": self.writable and self.updateable,
            "custom": self.name.endswith("__c"),
            "externalId": self.external_id,
            "idLookup": self.external_id or self.type == "id",
            "unique": self.unique,
            "caseSensitive": self.unique,
            "defaultedOnCreate": self.type == "boolean",
            "referenceTo": [self.refers_to] if self.refers_to else [],
            "relationshipName": self.relationship,
        }


@dataclass(frozen=True)
class SObject:
    """Declare one object: its name, the first three characters of its ids, its fields."""

    name: str
    prefix: str
    fields: tuple[Field, ...]
    writable: bool = True

    @cached_property
    def by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def by_lower_name(self) -> dict[str, Field]:
        """Return the fields by lower-case name: API names don't heed case."""
        return {field.name.lower(): field for field in self.fields}

    @property
    def unique_fields(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.unique)

    @property
    def required_fields(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.required and field.writable)

    def summary(self) -> dict[str, Any]:
        """Return the object's entry in the global describe."""
        return {
            "name": self.name,
            "label": self.name,
            "keyPrefix": self.prefix,
            "custom": self.name.endswith("__c"),
            "createable": self.writable,
            "updateable": self.writable,
            "deletable": self.writable,
            "queryable": True,
        }

    def describe(self) -> dict[str, Any]:
        """Return the object's describe."""
        return self.summary() | {"fields": [field.describe() for field in self.fields]}


def _system() -> tuple[Field, ...]:
    return (
        Field("Id", "id", 18, writable=False),
        Field("IsDeleted", "boolean", writable=False),
        Field("CreatedDate", "datetime", writable=False),
        Field("SystemModstamp", "datetime", writable=False),
    )


def _key() -> Field:
    return Field("Touchproof_Key__c", length=120, external_id=True, unique=True)


def _master(object_name: str) -> Field:
    return Field(MASTER_FIELD, "reference", 18, writable=False, refers_to=object_name)


def _touchproof_person() -> tuple[Field, ...]:
    return (
        _key(),
        Field("Touchproof_Stage__c", length=40),
        Field("Touchproof_Score__c", "double", scale=2),
        Field("Touchproof_Source__c", length=80),
        Field("Touchproof_Email_Consent__c", length=40),
    )


_DECLARED = (
    SObject(
        "Lead",
        "00Q",
        (
            *_system(),
            Field("FirstName", length=40),
            Field("LastName", length=80, required=True),
            Field("Email", "email", 80),
            Field("Phone", "phone", 40),
            Field("Company", length=255, required=True),
            Field("LeadSource", "picklist", 255),
            Field("Description", "textarea", 32_000),
            Field("Status", "picklist", 255),
            Field("IsConverted", "boolean", writable=False),
            Field("ConvertedContactId", "reference", 18, writable=False, refers_to="Contact"),
            Field("ConvertedAccountId", "reference", 18, writable=False, refers_to="Account"),
            _master("Lead"),
            Field("HasOptedOutOfEmail", "boolean"),
            Field("DoNotCall", "boolean"),
            Field("Country", length=80),
            Field("PostalCode", length=20),
            *_touchproof_person(),
        ),
    ),
    SObject(
        "Contact",
        "003",
        (
            *_system(),
            Field("AccountId", "reference", 18, refers_to="Account"),
            _master("Contact"),
            Field("FirstName", length=40),
            Field("LastName", length=80, required=True),
            Field("Email", "email", 80),
            Field("Phone", "phone", 40),
            Field("Birthdate", "date"),
            Field("MailingPostalCode", length=20),
            Field("HasOptedOutOfEmail", "boolean"),
            *_touchproof_person(),
            Field("App_User_Id__c", length=40, external_id=True),
        ),
    ),
    SObject(
        "Account",
        "001",
        (
            *_system(),
            Field("Name", length=255, required=True),
            _master("Account"),
            Field("Type", "picklist", 255),
            Field("BillingCountry", length=80),
            Field("BillingPostalCode", length=20),
            # What an org of person accounts shows of the contact behind an account.
            Field("PersonHasOptedOutOfEmail", "boolean"),
            *(
                replace(
                    field, name=field.name.replace("__c", "__pc"), external_id=False, unique=False
                )
                for field in _touchproof_person()
            ),
        ),
    ),
    SObject(
        "Opportunity",
        "006",
        (
            *_system(),
            Field("AccountId", "reference", 18, refers_to="Account"),
            Field("ContactId__c", "reference", 18, refers_to="Contact"),
            Field("Name", length=120, required=True),
            Field("StageName", "picklist", 255, required=True),
            Field("Amount", "currency", scale=2),
            Field("CloseDate", "date", required=True),
            Field("CampaignId", "reference", 18, refers_to="Campaign"),
            Field("App_Account_Id__c", length=40, external_id=True),
            Field("Touchproof_First_Channel__c", length=80),
            Field("Touchproof_First_Campaign__c", length=120),
            Field("Touchproof_Last_Channel__c", length=80),
            Field("Touchproof_Last_Campaign__c", length=120),
            Field("Touchproof_Model__c", length=40),
            Field("Touchproof_Model_Channel__c", length=80),
            Field("Touchproof_Model_Campaign__c", length=120),
            Field("Touchproof_Model_Share__c", "double", scale=4),
            Field("Touchproof_Revenue__c", "currency", scale=2),
        ),
    ),
    SObject(
        "Campaign",
        "701",
        (
            *_system(),
            Field("Name", length=80, required=True),
            Field("Campaign_Code__c", length=80, external_id=True, unique=True),
            Field("Type", "picklist", 255),
            Field("Status", "picklist", 255),
            Field("StartDate", "date"),
            Field("EndDate", "date"),
            Field("BudgetedCost", "currency", scale=2),
            Field("Touchproof_Spend__c", "currency", scale=2),
            Field("Touchproof_Revenue__c", "currency", scale=2),
            Field("Touchproof_Conversions__c", "double", scale=6),
            Field("Touchproof_ROI__c", "double", scale=6),
        ),
    ),
    SObject(
        "CampaignMember",
        "00v",
        (
            *_system(),
            Field(
                "CampaignId", "reference", 18, required=True, updateable=False, refers_to="Campaign"
            ),
            Field("LeadId", "reference", 18, updateable=False, refers_to="Lead"),
            Field("ContactId", "reference", 18, updateable=False, refers_to="Contact"),
            Field("Status", "picklist", 255),
            _key(),
        ),
    ),
    SObject(
        "CampaignMemberStatus",
        "01Y",
        (
            *_system(),
            Field(
                "CampaignId", "reference", 18, required=True, updateable=False, refers_to="Campaign"
            ),
            Field("Label", length=255, required=True),
            Field("HasResponded", "boolean"),
            Field("IsDefault", "boolean"),
            Field("SortOrder", "double"),
        ),
    ),
    SObject(
        "Touchproof_Profile__c",
        "a00",
        (
            *_system(),
            _key(),
            Field("Lead__c", "reference", 18, refers_to="Lead"),
            Field("Contact__c", "reference", 18, refers_to="Contact"),
            Field("First_Touch_Channel__c", length=80),
            Field("First_Touch_Campaign__c", length=120),
            Field("First_Touch_Date__c", "date"),
            Field("Last_Touch_Channel__c", length=80),
            Field("Last_Touch_Campaign__c", length=120),
            Field("Last_Touch_Date__c", "date"),
            Field("Conversions__c", "double"),
            Field("Attributed_Revenue__c", "currency", scale=2),
            Field("Attribution_Model__c", length=40),
        ),
    ),
    SObject(
        "Touchproof_Skip_Claim__c",
        "a01",
        (
            *_system(),
            _key(),
            Field("Claim_Number__c", length=80),
            Field("Bank__c", length=80),
            Field("Product__c", length=40),
            Field("State__c", length=40),
            Field("Fee__c", "currency", scale=2),
            Field("Owed__c", "currency", scale=2),
            Field("Currency__c", length=3),
            Field("Issued_Date__c", "date"),
        ),
    ),
    SObject("Organization", "00D", (*_system(), Field("Name", length=80)), writable=False),
    SObject(
        "EventLogFile",
        "0AT",
        (
            *_system(),
            Field("EventType", "picklist", 40, writable=False),
            Field("LogDate", "datetime", writable=False),
            Field("LogFileLength", "double", writable=False),
            Field("Interval", "picklist", 40, writable=False),
        ),
        writable=False,
    ),
)
OBJECTS: dict[str, SObject] = {declared.name: declared for declared in _DECLARED}

_BASE62 = string.ascii_uppercase + string.ascii_lowercase + string.digits
_CHECK = string.ascii_uppercase + "012345"


def record_id(prefix: str, number: int) -> str:
    """Return the 18-character id of the n-th record that the server made.

    Args:
        prefix: Three characters of the object, or `750` for a job.
        number: Counts from 1, per server.
    """
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return long_id(f"{prefix}TP{digits.rjust(10, 'A')}")


def long_id(short: str) -> str:
    """Return the 18-character form of an id: 15 characters and a check of their case.

    An id of any other length is returned as it is.
    """
    if len(short) != 15:
        return short
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << i for i, char in enumerate(short[start : start + 5]) if char.isupper())
        suffix += _CHECK[bits]
    return short + suffix
