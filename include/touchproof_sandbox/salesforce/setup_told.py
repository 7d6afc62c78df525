"""What the org tells of its own set-up: describes, tooling queries, storage.

Belongs here: answers that follow from an administrator's rules. Doesn't belong here: holding rows
to those rules (org_rules.py).

The Tooling API answers two queries, over ValidationRule and EntityDefinition, with all their
records: of WHERE it looks at nothing, so a client has to filter. Anything else is refused.
"""

from __future__ import annotations

import re
from typing import Any

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.org_rules import (
    HIDDEN,
    PICKLIST,
    READ_ONLY,
    REQUIRED,
    SHARING,
    VALIDATION,
    rules_of,
)
from touchproof_sandbox.salesforce.schema import OBJECTS, SObject
from touchproof_sandbox.salesforce.storage import Storage

RECORD_KILOBYTES = {"Campaign": 8, "CampaignMember": 1}
USUAL_KILOBYTES = 2
STORAGE_MEGABYTES = 10_240
_FROM = re.compile(r"\bfrom\s+(\w+)", re.IGNORECASE)
_UNSET_SHARING = "ReadWrite"


def describe(storage: Storage, sobject: SObject) -> dict[str, Any]:
    """Return an object's describe as the integration user sees it."""
    told = sobject.describe()
    fields = {field["name"]: field for field in told["fields"]}
    for field in fields.values():
        field |= {"restrictedPicklist": False, "picklistValues": []}
    for kind, options in rules_of(storage, sobject.name):
        for name in options["fields"]:
            if kind == HIDDEN:
                fields.pop(name, None)
            elif name not in fields:
                continue
            elif kind == READ_ONLY:
                fields[name] |= {"createable": False, "updateable": False}
            elif kind == REQUIRED:
                fields[name]["nillable"] = False
            elif kind == PICKLIST:
                values = [{"value": one, "active": True} for one in options["values"]]
                fields[name] |= {"restrictedPicklist": True, "picklistValues": values}
    return told | {"fields": list(fields.values())}


def tooling_query(storage: Storage, soql: str) -> list[dict[str, Any]]:
    """Return the records of a tooling query.

    Raises:
        ApiError: 400 for any other object than the two.
    """
    found = _FROM.search(soql)
    name = found[1] if found else ""
    if name == "ValidationRule":
        return [
            {
                "ValidationName": f"{sobject}_{number}",
                "Active": True,
                "EntityDefinition": {"QualifiedApiName": sobject},
                "ErrorDisplayField": options["fields"][0],
                "ErrorMessage": options["message"],
            }
            for sobject in OBJECTS
            for number, (kind, options) in enumerate(rules_of(storage, sobject), start=1)
            if kind == VALIDATION
        ]
    if name == "EntityDefinition":
        return [
            {"QualifiedApiName": sobject, "InternalSharingModel": _sharing(storage, sobject)}
            for sobject in OBJECTS
        ]
    raise ApiError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")


def data_storage(storage: Storage) -> dict[str, int]:
    """Return the limit DataStorageMB: each record takes as much as the documentation says."""
    most = int(storage.get("storage_megabytes", STORAGE_MEGABYTES))
    kilobytes = sum(
        storage.db.execute(f'select count(*) from "{name}"').fetchone()[0]  # noqa: S608  declared
        * RECORD_KILOBYTES.get(name, USUAL_KILOBYTES)
        for name, sobject in OBJECTS.items()
        if sobject.writable
    )
    return {"Max": most, "Remaining": max(most - kilobytes // 1024, 0)}


def _sharing(storage: Storage, object_name: str) -> str:
    for kind, options in rules_of(storage, object_name):
        if kind == SHARING:
            return str(options["model"])
    return _UNSET_SHARING
