"""What the org holds without any client's doing: seeded records and its own users' changes.

Belongs here: loading `<Object>.parquet` and applying CRM users' changes, each once. Doesn't belong
here: making them (touchproof_sandbox.world).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from touchproof_sandbox.salesforce.errors import ApiError, Refusal
from touchproof_sandbox.salesforce.merging import merge
from touchproof_sandbox.salesforce.rules import Check, check_of
from touchproof_sandbox.salesforce.schema import OBJECTS, SObject
from touchproof_sandbox.salesforce.storage import Storage, format_moment
from touchproof_sandbox.salesforce.writer import Operation, Writer, sobject_of

_OPERATIONS: dict[str, Operation] = {
    "create": "insert",
    "insert": "insert",
    "update": "update",
    "upsert": "upsert",
    "delete": "delete",
    "undelete": "undelete",
}


def seed_folder(storage: Storage, folder: Path) -> dict[str, Any]:
    """Load the folder's `<Object>.parquet` files, unless the same files were loaded already.

    Rows come as they are: the rules of writes don't hold for an org's history. Records are
    matched by Id; those without one get one.

    Raises:
        ApiError: 400 for a file of an unknown object, or a column that the object doesn't have.
    """
    files = sorted(folder.glob("*.parquet"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    if storage.get("seeded", None) == digest.hexdigest():
        return {"seeded": False, "records": {}}
    counts = {}
    with storage.transaction():
        for path in files:
            if path.stem not in OBJECTS:
                raise ApiError(400, "INVALID_TYPE", f"there is no object {path.stem}")
            counts[path.stem] = _seed(storage, OBJECTS[path.stem], pq.read_table(path))
        storage.put("seeded", digest.hexdigest())
    return {"seeded": True, "records": counts}


def _seed(storage: Storage, sobject: SObject, table: pa.Table) -> int:
    unknown = [name for name in table.column_names if name not in sobject.by_name]
    if unknown:
        raise ApiError(400, "INVALID_FIELD", f"{sobject.name} has no field {', '.join(unknown)}")
    count = int(table.num_rows)
    if count == 0:
        return 0
    columns: dict[str, list[str | None]] = {}
    for field in sobject.fields:
        default = "false" if field.type == "boolean" else None
        if field.name in table.column_names:
            check = check_of(field)
            values = table.column(field.name).to_pylist()
            columns[field.name] = [_stored(check, value) for value in values]
        else:
            columns[field.name] = [default] * count
    ids = columns["Id"]
    missing = [number for number, value in enumerate(ids) if value is None]
    new_ids = storage.next_ids(sobject.prefix, len(missing)) if missing else []
    for number, name in zip(missing, new_ids, strict=True):
        ids[number] = name
    now = format_moment(storage.now)
    for name in ("CreatedDate", "SystemModstamp"):
        columns[name] = [value or now for value in columns[name]]
    names = list(columns)
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    storage.write(sobject, rows)
    storage.seen_stamp(max(value or now for value in columns["SystemModstamp"]))
    return count


def _stored(check: Check, value: Any) -> str | None:
    text = text_of(value)
    stored = check(text)
    return text if isinstance(stored, Refusal) else stored


def text_of(value: Any) -> str | None:
    """Return a Parquet or JSON value as the text that a row carries."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_moment(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def apply_changes(
    storage: Storage, changes: Sequence[Mapping[str, Any]], key: str | None
) -> dict[str, Any]:
    """Apply the CRM users' own changes in order, all or none.

    Args:
        storage: The org's state.
        changes: Each `{op, object, record}`; op is create (insert), update, upsert, delete or
            undelete; or `{op: merge, object, record, losers}`, where the record is the master with
            the values that it takes from the losers (their Ids). A record may set read-only fields
            (that is how a lead is converted), its Id and its SystemModstamp, which is the clock's
            otherwise; one before the clock becomes the clock's, because no org shows a change
            later as made earlier.
        key: Name of this set of changes; a set that was applied isn't applied again.

    Returns:
        `{applied: bool, ids: [...]}`, of a merge the master's; the ids empty if the set was
        applied before.

    Raises:
        ApiError: 400 for an operation, object or field that isn't, or a row that is refused.
    """
    if key is not None:
        row = storage.db.execute("select 1 from applied where key = ?", (key,)).fetchone()
        if row is not None:
            return {"applied": False, "ids": []}
    ids = []
    with storage.transaction():
        for number, change in enumerate(changes, start=1):
            ids.append(_apply_one(storage, number, change))
        if key is not None:
            storage.db.execute("insert into applied values (?, ?)", (key, json.dumps(ids)))
    return {"applied": True, "ids": ids}


def _apply_one(storage: Storage, number: int, change: Mapping[str, Any]) -> str:
    operation = _OPERATIONS.get(str(change.get("op")))
    if operation is None and change.get("op") != "merge":
        raise ApiError(400, "INVALID_OPERATION", f"change {number}: no op {change.get('op')}")
    sobject = sobject_of(str(change.get("object")))
    row = {name: text_of(value) for name, value in change["record"].items()}
    unknown = [name for name in row if name not in sobject.by_name]
    if unknown:
        raise ApiError(400, "INVALID_FIELD", f"change {number}: no field {', '.join(unknown)}")
    if operation is None:
        return merge(storage, sobject, row, [str(loser) for loser in change["losers"]])
    at = row.pop("SystemModstamp", None)
    stamp = None if at is None else format_moment(max(storage.now, datetime.fromisoformat(at)))
    writer = Writer(storage, sobject.name, privileged=True)
    outcome = writer.apply(
        operation, [row], str(change.get("external_id_field", "Id")), stamp=stamp
    )[0]
    if outcome.refusal is not None:
        refusal = outcome.refusal
        raise ApiError(400, refusal.code, f"change {number}: {refusal.message}")
    return outcome.id
