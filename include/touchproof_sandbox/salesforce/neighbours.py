"""Rules of a write that need other records: parents, uniqueness, references.

Belongs here: naming a parent by its key, and the refusals that other records cause. Doesn't belong
here: rules of a value by itself (rules.py), matching rows to their own records (writer.py).

Each function fills in `refusals` for the rows that it refuses and leaves refused rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from touchproof_sandbox.salesforce.errors import Refusal
from touchproof_sandbox.salesforce.schema import OBJECTS, SObject
from touchproof_sandbox.salesforce.storage import Record, Storage

Row = Mapping[str, str | None]


def resolve_parents(
    storage: Storage, sobject: SObject, rows: Sequence[Row], refusals: list[Refusal | None]
) -> Sequence[Row]:
    """Replace `Account.Key__c` by the Id of the parent that has this key."""
    dotted = {name for row in rows for name in row if "." in name}
    if not dotted:
        return rows
    resolved = [dict(row) for row in rows]
    for name in sorted(dotted):
        relationship, _, parent_key = name.partition(".")
        field = next(one for one in sobject.fields if one.relationship == relationship)
        parent = OBJECTS[field.refers_to or ""]
        found = storage.find(
            parent, parent_key, [value for row in rows if (value := row.get(name))]
        )
        for number, row in enumerate(resolved):
            if name not in row:
                continue
            value = row.pop(name)
            live = _live(found.get(value or "", []))
            if value is None:
                row[field.name] = None
            elif len(live) == 1:
                row[field.name] = live[0]["Id"]
            else:
                refusals[number] = refusals[number] or Refusal(
                    "INVALID_FIELD",
                    f"Foreign key external ID: {value} not found for field {parent_key}"
                    f" in entity {parent.name}",
                )
    return resolved


def refuse_duplicates(
    storage: Storage,
    sobject: SObject,
    records: Sequence[Record],
    refusals: list[Refusal | None],
) -> None:
    """Refuse a record whose unique value another record has, stored or earlier in this call."""
    for field in sobject.unique_fields:
        name = field.name
        values = [
            value
            for record, refusal in zip(records, refusals, strict=True)
            if refusal is None and (value := record[name])
        ]
        found = storage.find(sobject, name, values)
        seen: set[str] = set()
        for number, record in enumerate(records):
            value = record[name]
            if refusals[number] is not None or not value:
                continue
            others = [one["Id"] for one in _live(found.get(value, [])) if one["Id"] != record["Id"]]
            if others or value in seen:
                refusals[number] = Refusal(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {name} duplicates value on record with id:"
                    f" {others[0] if others else 'unknown'}",
                    (name,),
                )
            seen.add(value)


def refuse_missing_parents(
    storage: Storage,
    sobject: SObject,
    rows: Sequence[Row],
    records: Sequence[Record],
    refusals: list[Refusal | None],
) -> None:
    """Refuse a row whose reference names a record that isn't there."""
    for field in sobject.fields:
        if field.refers_to is None:
            continue
        name = field.name
        named = [number for number, row in enumerate(rows) if row.get(name)]
        wanted = [records[number][name] or "" for number in named]
        found = storage.find(OBJECTS[field.refers_to], "Id", wanted)
        for number, value in zip(named, wanted, strict=True):
            if refusals[number] is None and not _live(found.get(value, [])):
                refusals[number] = Refusal(
                    "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (name,)
                )


def _live(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record["IsDeleted"] != "true"]
