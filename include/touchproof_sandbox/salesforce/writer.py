"""Writing records: insert, update, upsert and delete, many rows in one pass.

Belongs here: matching rows to records, and the outcome of each row in request order. Doesn't
belong here: rules of values (rules.py), rules that need other records (neighbours.py), an
administrator's rules (org_rules.py), CSV and JSON (jobs.py, routes_rest.py).

A row is a mapping from API name to value. A missing name leaves the field alone, None clears it.
Where the documentation is silent we guess, and say so: rows that name the same record twice in one
call are all refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from touchproof_sandbox.salesforce.errors import ApiError, Refusal
from touchproof_sandbox.salesforce.memberships import apply_membership_rules
from touchproof_sandbox.salesforce.neighbours import (
    Row,
    refuse_duplicates,
    refuse_missing_parents,
    resolve_parents,
)
from touchproof_sandbox.salesforce.org_rules import OrgRules
from touchproof_sandbox.salesforce.planted import PlantedRefusals
from touchproof_sandbox.salesforce.rules import Check, check_of, missing_fields
from touchproof_sandbox.salesforce.schema import MASTER_FIELD, OBJECTS, SObject, long_id
from touchproof_sandbox.salesforce.storage import Record, Storage

Operation = Literal["insert", "update", "upsert", "delete", "hardDelete", "undelete"]


@dataclass(frozen=True)
class Outcome:
    """Tell what became of one row."""

    id: str = ""
    created: bool = False
    refusal: Refusal | None = None


class Writer:
    """Write rows of one object.

    Args:
        storage: The org's state.
        object_name: API name of the object.
        privileged: Whether read-only fields may be written too, as the org itself does; its
            administrator's rules don't hold then.
        allow_duplicates: Whether alerts of duplicate rules are acknowledged.

    Raises:
        ApiError: If the org has no such object.
    """

    def __init__(
        self,
        storage: Storage,
        object_name: str,
        *,
        privileged: bool = False,
        allow_duplicates: bool = False,
    ) -> None:
        self.sobject = sobject_of(object_name)
        self._allow_duplicates = allow_duplicates
        self._storage = storage
        self._privileged = privileged
        self._checks: dict[str, Check] = {f.name: check_of(f) for f in self.sobject.fields}

    def apply(
        self,
        operation: Operation,
        rows: Sequence[Row],
        external_id_field: str | None = None,
        *,
        stamp: str | None = None,
    ) -> list[Outcome]:
        """Write the rows in one transaction; a refused row doesn't stop the others.

        Args:
            operation: What to do with each row.
            rows: The rows.
            external_id_field: Key of an upsert; `Id` or a field that is an external id.
            stamp: SystemModstamp of the write, unless the record has a later one already; None
                takes the clock's.

        Returns:
            One outcome a row, in the order of the rows.
        """
        with self._storage.transaction():
            return self._apply(operation, rows, external_id_field or "Id", stamp)

    def _apply(
        self, operation: Operation, rows: Sequence[Row], key: str, stamp: str | None
    ) -> list[Outcome]:
        refusals: list[Refusal | None] = [None] * len(rows)
        rows = resolve_parents(self._storage, self.sobject, rows, refusals)
        targets = self._match(operation, rows, key, refusals)
        removal = operation in {"delete", "hardDelete", "undelete"}
        records: list[Record] = []
        planted = PlantedRefusals(self._storage, self.sobject.name)
        rules = OrgRules(self._storage, self.sobject, allow_duplicates=self._allow_duplicates)
        for number, (row, target) in enumerate(zip(rows, targets, strict=True)):
            record: Record = dict(target) if target is not None else self._blank()
            records.append(record)
            if refusals[number] is None and not removal:
                refusals[number] = self._change(record, row, target)
            if refusals[number] is None and not (removal or self._privileged):
                refusals[number] = rules.refusal(row, record, target)
            if refusals[number] is None:
                refusals[number] = planted.refusal(row, record)
        if not removal:
            refuse_duplicates(self._storage, self.sobject, records, refusals)
            refuse_missing_parents(self._storage, self.sobject, rows, records, refusals)
            if not self._privileged:
                apply_membership_rules(self._storage, self.sobject, records, refusals)
        planted.save()
        return self._store(operation, records, targets, refusals, stamp)

    # Matching

    def _match(
        self,
        operation: Operation,
        rows: Sequence[Row],
        key: str,
        refusals: list[Refusal | None],
    ) -> list[Record | None]:
        targets: list[Record | None] = [None] * len(rows)
        if operation == "insert":
            for number, row in enumerate(rows):
                if row.get("Id") and not self._privileged:
                    refusals[number] = refusals[number] or Refusal(
                        "INVALID_FIELD_FOR_INSERT_UPDATE",
                        "cannot specify Id in an insert call",
                        ("Id",),
                    )
            return targets
        if operation != "upsert":
            key = "Id"
        names = [row.get(key) for row in rows]
        if key == "Id":
            names = [long_id(name) if name else None for name in names]
        found = self._storage.find(self.sobject, key, [name for name in names if name])
        times = Counter(name for name in names if name)
        for number, name in enumerate(names):
            if refusals[number] is not None:
                continue
            if not name:
                if key == "Id" and operation == "upsert":
                    continue  # an upsert by Id without one creates
                refusals[number] = Refusal("MISSING_ARGUMENT", f"{key} not specified", (key,))
            elif times[name] > 1:
                refusals[number] = Refusal("DUPLICATE_VALUE", f"Duplicate {key} specified: {name}")
            else:
                matched = found.get(name, [])
                if key == "Id":
                    targets[number], refusals[number] = _by_id(matched, operation)
                else:
                    targets[number], refusals[number] = _by_external_id(matched, key)
        return targets

    # Changing

    def _blank(self) -> Record:
        blank: Record = {field.name: None for field in self.sobject.fields}
        return blank | {f.name: "false" for f in self.sobject.fields if f.type == "boolean"}

    def _change(
        self,
        record: Record,
        row: Row,
        target: Record | None,
    ) -> Refusal | None:
        """Put the row's values into the record, or say why not."""
        if target is not None and target.get("IsConverted") == "true" and not self._privileged:
            return Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        for name, value in row.items():
            if name == "Id" and not (self._privileged and target is None):
                continue
            field = self.sobject.by_name[name]
            is_ours = field.is_writable(is_creation=target is None)
            if not (is_ours or self._privileged):
                return Refusal(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {name}. Please check the security settings"
                    " of this field and verify that it is read/write for your profile or"
                    " permission set.",
                    (name,),
                )
            stored = self._checks[name](value)
            if isinstance(stored, Refusal):
                return stored
            record[name] = stored
        return missing_fields(self.sobject, record)

    # Storing

    def _store(
        self,
        operation: Operation,
        records: list[Record],
        targets: Sequence[Record | None],
        refusals: Sequence[Refusal | None],
        stamp: str | None,
    ) -> list[Outcome]:
        good = [number for number, refusal in enumerate(refusals) if refusal is None]
        if good:
            moment = stamp or self._storage.next_stamp()
            new = [
                number for number in good if targets[number] is None and not records[number]["Id"]
            ]
            for number, name in zip(
                new, self._storage.next_ids(self.sobject.prefix, len(new)), strict=True
            ):
                records[number]["Id"] = name
            for number in good:
                record = records[number]
                if (record["SystemModstamp"] or "") >= moment:  # a given stamp that came too late
                    record["SystemModstamp"] = self._storage.next_stamp()
                else:
                    record["SystemModstamp"] = moment
                if targets[number] is None:
                    record["CreatedDate"] = record["CreatedDate"] or moment
                if operation in {"delete", "undelete"}:
                    record["IsDeleted"] = "true" if operation == "delete" else "false"
                if operation == "undelete" and MASTER_FIELD in record:
                    record[MASTER_FIELD] = None
            if operation == "hardDelete":
                self._storage.db.executemany(
                    f'delete from "{self.sobject.name}" where Id = ?',  # noqa: S608
                    [(records[number]["Id"],) for number in good],
                )
            else:
                self._storage.write(self.sobject, [records[number] for number in good])
            if stamp is not None:
                self._storage.seen_stamp(stamp)
        return [
            Outcome(
                record["Id"] or "",
                refusal is None and target is None,
                refusal,
            )
            for record, target, refusal in zip(records, targets, refusals, strict=True)
        ]


def sobject_of(name: str) -> SObject:
    """Return the declared object.

    Raises:
        ApiError: If the org has no such object.
    """
    found = OBJECTS.get(name)
    if found is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    return found


def _by_id(matched: Sequence[Record], operation: Operation) -> tuple[Record | None, Refusal | None]:
    if not matched:
        return None, Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    record = matched[0]
    if record["IsDeleted"] == "true" and operation not in {"undelete", "hardDelete"}:
        return record, Refusal("ENTITY_IS_DELETED", "entity is deleted")
    return record, None


def _by_external_id(matched: Sequence[Record], key: str) -> tuple[Record | None, Refusal | None]:
    live = [record for record in matched if record["IsDeleted"] != "true"]
    if len(live) > 1:
        ids = ", ".join(record["Id"] or "" for record in live)
        return None, Refusal(
            "DUPLICATE_EXTERNAL_ID",
            f"{key}: more than one record found for external id field: [{ids}]",
            (key,),
        )
    return (live[0] if live else None), None
