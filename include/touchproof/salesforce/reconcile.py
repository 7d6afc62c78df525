"""Reconciling: what the ledger believes against what the org holds.

Belongs here: both comparisons, with what the newest extract read and with what the org answers now,
and their reports. Doesn't belong here: mending a difference; the next extract finds the same drift
without a call of its own, and the next push acts on it.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv

from touchproof.clock import Clock
from touchproof.ledger.store import Ledger
from touchproof.salesforce.canonical import canonical_sql
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.inputs import read_inputs
from touchproof.salesforce.lane_view import known_org
from touchproof.salesforce.observe import compare_observed
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.rules import FieldRule, written_fields
from touchproof.salesforce.tables import Rows, fetch_row, push_folder, scratch
from touchproof.settings import Settings

STEP = "reconcile_org"
MAX_NAMED = 20
"""Records that are named; the others are counted."""


@dataclass(frozen=True)
class NamedRecord:
    """Name one record and what of it differs; without fields it is missing on one side."""

    object: str
    salesforce_id: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExtractReconciliation:
    """Say how the newest extract and the ledger differ; the first of both kinds are named.

    Args:
        handoff_night: The committed night whose extract is compared.
        status: `failed` if somebody changed a field of ours.
        drifted_records: Records in which someone changed a field of ours, and the seed lets us act.
        unknown_records: Records that the ledger doesn't know yet.
    """

    handoff_night: date
    status: Literal["ok", "failed"]
    drifted_records: int
    unknown_records: int
    drifted: tuple[NamedRecord, ...]
    unknown: tuple[NamedRecord, ...]


@dataclass(frozen=True)
class ObjectReconciliation:
    """Count one object's acknowledged records.

    Args:
        compared: Records that both sides have.
        equal: Those whose every acknowledged field agrees.
        differing: The others.
        missing: Acknowledged records that the org doesn't show (deleted or merged).
        fields: Records in which this field differs, by name, where there are any.
        records: The first of those that differ or are missing.
    """

    object: str
    compared: int
    equal: int
    differing: int
    missing: int
    fields: dict[str, int]
    records: tuple[NamedRecord, ...]


@dataclass(frozen=True)
class OrgReconciliation:
    """Say whether ledger and org agree; `failed` if any record differs or is missing."""

    status: Literal["ok", "failed"]
    objects: tuple[ObjectReconciliation, ...]
    extraction_calls: int


def reconcile_with_extract(settings: Settings, clock: Clock) -> ExtractReconciliation:
    """Compare the acknowledged values with what the newest extract read; no call, no change.

    Args:
        settings: The world's settings.
        clock: Passed to the outbox, which is only read.

    Raises:
        BadInputError: If no night was published yet.
    """
    with push_folder(settings) as folder:
        inputs = read_inputs(settings, folder)
        ledger = Ledger.of(settings)
        acknowledged = Outbox(ledger, known_org(ledger), clock).acknowledged(folder)
        found = compare_observed(inputs.observed, acknowledged, inputs.rules, folder)
        # What is taken over though the ledger knows the field has changed.
        fields = (
            "list_filter(json_keys(o.fields_json), "
            "lambda name: list_contains(json_keys(a.fields_json), name))"
        )
        both = f"{found.rows.sql} as o join {acknowledged.sql} as a using (object, salesforce_id)"
        with scratch(folder) as connection:
            changed = f"select *, {fields} as fields from {both}"  # noqa: S608
            drifted = _named(connection, changed, "is_drifted")
            read = f"select *, [] as fields from {found.rows.sql}"  # noqa: S608
            unknown = _named(connection, read, "not is_known")
    return ExtractReconciliation(
        handoff_night=inputs.night,
        status="failed" if found.drifted_records else "ok",
        drifted_records=found.drifted_records,
        unknown_records=found.baseline_records,
        drifted=drifted,
        unknown=unknown,
    )


def reconcile_with_org(
    settings: Settings,
    clock: Clock,
    *,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    client: Client | None = None,
) -> OrgReconciliation:
    """Read the managed fields of every acknowledged object and compare them.

    Nothing is written anywhere. The calls are counted as extraction.

    Args:
        settings: The world's settings.
        clock: Passed to the outbox, which is only read.
        sleep: Waits between polls; seconds.
        jitter: Returns a number in [0, 1).
        client: Client of the org; made from the settings by default.
    """
    with push_folder(settings) as folder:
        rules = read_inputs(settings, folder).rules
        connected = client or Client(
            connection_from_settings(settings), purpose="extraction", sleep=sleep, jitter=jitter
        )
        outbox = Outbox(Ledger.of(settings), connected.org_id, clock)
        acknowledged = outbox.acknowledged(folder)
        (known,) = acknowledged.aggregate("list(distinct object)")
        objects = tuple(
            _reconcile_object(name, written_fields(rules, name), acknowledged, connected)
            for name in sorted({rule.object for rule in rules})
            if name in (known or ()) and written_fields(rules, name)
        )
    agrees = not any(found.differing or found.missing for found in objects)
    calls = connected.counter.extraction_calls
    return OrgReconciliation("ok" if agrees else "failed", objects, calls)


def _reconcile_object(
    name: str, rules: Sequence[FieldRule], acknowledged: Rows, client: Client
) -> ObjectReconciliation:
    columns = ["Id", *(rule.field for rule in rules)]
    as_text = pa_csv.ConvertOptions(
        column_types={column: pa.string() for column in columns},
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=[""],
    )
    multiline = pa_csv.ParseOptions(newlines_in_values=True)
    pages = [
        pa_csv.read_csv(io.BytesIO(page.content), parse_options=multiline, convert_options=as_text)
        for page in client.query_csv(f"SELECT {', '.join(columns)} FROM {name}")  # noqa: S608
    ]
    known = "(json_extract(a.fields_json, '$.\"{0}\"') is not null)"
    differences = [
        "({} and {} is distinct from {})".format(
            known.format(rule.field),
            canonical_sql(f'o."{rule.field}"', rule.type),
            canonical_sql(f"json_extract_string(a.fields_json, '$.\"{rule.field}\"')", rule.type),
        )
        for rule in rules
    ]
    flags = "".join(f", {difference} as d{n}" for n, difference in enumerate(differences))
    names = ", ".join(
        f"case when is_shown and d{n} then '{rule.field}' end" for n, rule in enumerate(rules)
    )
    sums = "".join(f", count(*) filter (is_shown and d{n})" for n in range(len(rules)))
    any_differs = " or ".join(f"d{n}" for n in range(len(rules)))
    with scratch(acknowledged.path.parent) as connection:
        connection.register("org", pa.concat_tables(pages))
        connection.execute(
            f"""
            create temp table compared as
            select a.object, a.salesforce_id, o."Id" is not null as is_shown{flags}
            from {acknowledged.sql} as a
            left join org as o on a.salesforce_id = o."Id"
            where a.object = '{name}'
            """  # noqa: S608
        )
        row = fetch_row(
            connection,
            f"""
            select
                count(*) filter (is_shown),
                count(*) filter (is_shown and ({any_differs})),
                count(*) filter (not is_shown){sums}
            from compared
            """,  # noqa: S608
        )
        told = f"select *, list_filter([{names}], lambda f: f is not null) as fields from compared"  # noqa: S608
        records = _named(connection, told, f"not is_shown or {any_differs}")
    shown, differing, missing, *by_field = (int(count) for count in row)
    fields = {rule.field: count for rule, count in zip(rules, by_field, strict=True) if count}
    return ObjectReconciliation(name, shown, shown - differing, differing, missing, fields, records)


def _named(
    connection: duckdb.DuckDBPyConnection, query: str, condition: str
) -> tuple[NamedRecord, ...]:
    """Return the first records of a query by object and Id, with their fields sorted."""
    rows = connection.execute(
        f"select object, salesforce_id, list_sort(fields) from ({query}) where {condition}"  # noqa: S608
        f" order by object, salesforce_id limit {MAX_NAMED}"
    ).fetchall()
    return tuple(NamedRecord(name, record, tuple(fields)) for name, record, fields in rows)
