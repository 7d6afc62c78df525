"""Reconciling: what the ledger believes against what the org holds, by reading it.

Belongs here: the comparison and its report. Doesn't belong here: mending a difference; the next
extract finds the same drift without a call of its own, and the next push acts on it.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pa_csv

from touchproof.clock import Clock
from touchproof.ledger.store import Ledger
from touchproof.salesforce.canonical import canonical_sql
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.inputs import read_inputs
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.rules import FieldRule, written_fields
from touchproof.salesforce.tables import Rows, fetch_row, push_folder, scratch
from touchproof.settings import Settings


@dataclass(frozen=True)
class ObjectReconciliation:
    """Count one object's acknowledged records.

    Args:
        compared: Records that both sides have.
        equal: Those whose every acknowledged field agrees.
        differing: The others.
        missing: Acknowledged records that the org doesn't show (deleted or merged).
        fields: Records in which this field differs, by name, where there are any.
    """

    object: str
    compared: int
    equal: int
    differing: int
    missing: int
    fields: dict[str, int]


@dataclass(frozen=True)
class ReconcileReport:
    """Say whether ledger and org agree; `failed` if any record differs or is missing."""

    status: Literal["ok", "failed"]
    objects: tuple[ObjectReconciliation, ...]
    extraction_calls: int


def reconcile(
    settings: Settings,
    clock: Clock,
    *,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    client: Client | None = None,
) -> ReconcileReport:
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
    return ReconcileReport("ok" if agrees else "failed", objects, calls)


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
    sums = "".join(f", count(*) filter (is_shown and d{n})" for n in range(len(rules)))
    any_differs = " or ".join(f"d{n}" for n in range(len(rules)))
    with scratch(acknowledged.path.parent) as connection:
        connection.register("org", pa.concat_tables(pages))
        row = fetch_row(
            connection,
            f"""
            with compared as (
                select o."Id" is not null as is_shown{flags}
                from {acknowledged.sql} as a
                left join org as o on a.salesforce_id = o."Id"
                where a.object = '{name}'
            )
            select
                count(*) filter (is_shown),
                count(*) filter (is_shown and ({any_differs})),
                count(*) filter (not is_shown){sums}
            from compared
            """,  # noqa: S608
        )
    shown, differing, missing, *by_field = (int(count) for count in row)
    fields = {rule.field: count for rule, count in zip(rules, by_field, strict=True) if count}
    return ObjectReconciliation(name, shown, shown - differing, differing, missing, fields)
