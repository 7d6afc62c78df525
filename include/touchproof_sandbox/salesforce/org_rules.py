"""Rules that an org's administrator sets up: duplicate and validation rules, picklists, rights.

Belongs here: keeping them and refusing the rows that they meet. Doesn't belong here: rules that
every org has (rules.py, neighbours.py), refusals of single rows (planted.py).

Guesses: a duplicate rule compares whole values without regard to case and outer spaces, looks at
stored records only (not at the other rows of a call), and runs where a record is created or one of
its fields changes. Its names are made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from touchproof_sandbox.salesforce.errors import Refusal
from touchproof_sandbox.salesforce.neighbours import Row
from touchproof_sandbox.salesforce.schema import API_VERSION, SObject
from touchproof_sandbox.salesforce.storage import Record, Storage

DUPLICATE, VALIDATION, PICKLIST = "duplicate", "validation", "picklist"
HIDDEN, READ_ONLY, REQUIRED, SHARING = "hidden", "read_only", "required", "sharing"
RULE_KINDS = frozenset({DUPLICATE, VALIDATION, PICKLIST, HIDDEN, READ_ONLY, REQUIRED, SHARING})
_ALERT = "alert"
_FOUND = "Use one of these records?"


def add_rule(
    storage: Storage,
    object_name: str,
    kind: str,
    fields: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Set up a rule of an object.

    Args:
        storage: The org's state.
        object_name: API name of the object.
        kind: One of `RULE_KINDS`.
        fields: API names of its fields: all that must agree of a duplicate, else the one.
        options: `action` (block, alert) and `among` (fields by object, in the order of `fields`)
            of a duplicate rule; `pattern` and `message` of a validation rule; `values` of a
            picklist; `model` of sharing, which is only told.
    """
    storage.db.execute(
        "insert into org_rules (object, kind, options) values (?, ?, ?)",
        (object_name, kind, json.dumps({"fields": list(fields), **options})),
    )


def remove_rules(storage: Storage) -> None:
    """Remove all rules."""
    storage.db.execute("delete from org_rules")


def rules_of(storage: Storage, object_name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the rules of an object, as kind and options, in the order of their making."""
    rows = storage.db.execute(
        "select kind, options from org_rules where object = ? order by number", (object_name,)
    )
    return [(row["kind"], json.loads(row["options"])) for row in rows]


class OrgRules:
    """Hold the rules of one object during one write.

    Args:
        storage: The org's state.
        sobject: The object.
        allow_duplicates: Whether the request acknowledges alerts of duplicate rules.
    """

    def __init__(self, storage: Storage, sobject: SObject, *, allow_duplicates: bool) -> None:
        self._storage = storage
        self._sobject = sobject
        self._allow_duplicates = allow_duplicates
        self._rules = rules_of(storage, sobject.name)

    def refusal(self, row: Row, record: Record, target: Record | None) -> Refusal | None:
        """Return the refusal of the first rule that a row meets.

        Args:
            row: What is written.
            record: The record as it would be.
            target: The record as it is, None for a creation.
        """
        for kind, options in self._rules:
            if kind == PICKLIST:
                found = _picklist(options, row, record)
            elif kind == VALIDATION:
                found = _validation(options, record)
            elif kind == DUPLICATE:
                found = self._duplicate(options, row, record, target)
            else:
                found = _rights(kind, options, row, record)
            if found is not None:
                return found
        return None

    def _duplicate(
        self, options: Mapping[str, Any], row: Row, record: Record, target: Record | None
    ) -> Refusal | None:
        fields: Sequence[str] = options["fields"]
        wanted = [_folded(record[name]) for name in fields]
        is_touched = target is None or any(name in row for name in fields)
        if not is_touched or not all(wanted):
            return None
        if self._allow_duplicates and options["action"] == _ALERT:
            return None
        among: Mapping[str, Sequence[str]] = options.get("among") or {self._sobject.name: fields}
        found = {
            name: ids
            for name, those in among.items()
            if (ids := self._matching(name, those, wanted, record["Id"]))
        }
        if not found:
            return None
        told = _duplicates(self._sobject.name, options, found)
        return replace(Refusal("DUPLICATES_DETECTED", _FOUND), duplicates=told)

    def _matching(
        self, object_name: str, fields: Sequence[str], wanted: Sequence[str], but: str | None
    ) -> list[str]:
        condition = " and ".join(f'lower(trim("{name}")) = ?' for name in fields)
        found = self._storage.db.execute(
            f'select Id from "{object_name}" where {condition}'  # noqa: S608  declared names
            " and IsDeleted = 'false' and Id is not ? order by Id",
            (*wanted, but),
        )
        return [row["Id"] for row in found]


def _picklist(options: Mapping[str, Any], row: Row, record: Record) -> Refusal | None:
    (name,) = options["fields"]
    value = record[name]
    if name not in row or value is None or value in options["values"]:
        return None
    label = name.removesuffix("__c").replace("_", " ")
    return Refusal(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{label}: bad value for restricted picklist field: {value}",
        (name,),
    )


def _validation(options: Mapping[str, Any], record: Record) -> Refusal | None:
    (name,) = options["fields"]
    if re.fullmatch(options["pattern"], record[name] or "") is None:
        return None
    return Refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", options["message"], (name,))


def _rights(kind: str, options: Mapping[str, Any], row: Row, record: Record) -> Refusal | None:
    for name in options["fields"]:
        if kind == HIDDEN and name in row:
            return Refusal("INVALID_FIELD", f"No such column '{name}'", (name,))
        if kind == READ_ONLY and name in row:
            return Refusal(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {name}",
                (name,),
            )
        if kind == REQUIRED and record[name] is None:
            return Refusal(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", (name,)
            )
    return None


def _folded(value: str | None) -> str:
    return (value or "").strip().lower()


def _duplicates(
    object_name: str, options: Mapping[str, Any], found: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return what a duplicate error tells of the records that it found, by object."""
    return {
        "allowSave": options["action"] == _ALERT,
        "duplicateRule": f"{object_name}_Duplicate_Rule",
        "duplicateRuleEntityType": object_name,
        "errorMessage": _FOUND,
        "matchResults": [_match_result(name, ids) for name, ids in found.items()],
    }


def _match_result(object_name: str, ids: Sequence[str]) -> dict[str, Any]:
    place = f"/services/data/v{API_VERSION}/sobjects/{object_name}"
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {
                "attributes": {"type": object_name, "url": f"{place}/{found}"},
                "Id": found,
            },
        }
        for found in ids
    ]
    return {
        "entityType": object_name,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": records,
        "rule": f"{object_name}_Matching_Rule",
        "size": len(ids),
        "success": True,
    }
