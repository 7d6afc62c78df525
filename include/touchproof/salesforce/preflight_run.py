"""Running the preflight: asking the org, and keeping in the ledger that it let us through.

Belongs here: the calls (a describe an object, two tooling queries, `/limits`), the report, and
whether a push needs one. Doesn't belong here: the judgement (preflight.py).

A passed preflight holds for the org and the fields that it looked at: another org or another field
in the seed asks for a new one, which the next push then runs by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from touchproof.clock import Clock
from touchproof.errors import CheckFailedError
from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.call_journal import LedgerJournal
from touchproof.salesforce.client import Client
from touchproof.salesforce.inputs import PushInputs, read_inputs
from touchproof.salesforce.outbox import NIGHTLY, Outbox
from touchproof.salesforce.preflight import (
    Asked,
    Finding,
    ObjectWish,
    fields_sha256,
    judge,
    wishes,
)
from touchproof.salesforce.rules import KEY_FIELD
from touchproof.salesforce.storage import LIMIT as STORAGE_LIMIT
from touchproof.salesforce.tables import Rows, push_folder, scratch
from touchproof.settings import Settings

STEP = "preflight"
_VALIDATION_RULES = (
    "SELECT ValidationName, EntityDefinition.QualifiedApiName, ErrorDisplayField"
    " FROM ValidationRule WHERE Active = true"
)


@dataclass(frozen=True)
class ObjectChecked:
    """Say what was looked at of one object, and how it stands."""

    object: str
    fields: int
    creates: bool
    edits: bool
    stops: int
    looks: int


@dataclass(frozen=True)
class PreflightReport:
    """Say whether the org takes what we want to send.

    Args:
        status: `failed` with any finding that stops.
        fields_sha256: The fields that this holds for.
        new_records: Records that the night wants to make.
        storage_megabytes: Data storage that is left; None where the org doesn't tell.
        push_calls: What the preflight cost.
    """

    night: date
    org_id: str
    status: Literal["ok", "failed"]
    objects: tuple[ObjectChecked, ...]
    findings: tuple[Finding, ...]
    fields_sha256: str
    new_records: int
    storage_megabytes: int | None
    push_calls: int

    @property
    def stops(self) -> int:
        return sum(finding.level == "stop" for finding in self.findings)


def run_preflight(settings: Settings, night: date, clock: Clock, client: Client) -> PreflightReport:
    """Look at the org by the newest committed handoff, and count the calls in the ledger.

    Raises:
        BadInputError: If no night was published yet.
        SalesforceError: If Salesforce doesn't answer.
    """
    ledger = Ledger.of(settings)
    with push_folder(settings) as folder:
        inputs = read_inputs(settings, folder)
        ledger.require_org(client.org_id)
        journal = LedgerJournal(ledger, NIGHTLY, night, clock)
        with journal.keeping(client.counter):
            return preflight(inputs, Outbox(ledger, client.org_id, clock), client, night, folder)


def preflight(
    inputs: PushInputs, outbox: Outbox, client: Client, night: date, folder: Path
) -> PreflightReport:
    """Ask the org and judge what it answers; the folder is for what is read of the ledger."""
    before = client.counter.push_calls
    wanted = wishes(inputs.desired, inputs.rules)
    asked = _ask(client, wanted)
    new_records = _new_records(wanted, outbox.acknowledged(folder), folder)
    findings = judge(wanted, asked, new_records)
    by_object: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        by_object[finding.object].append(finding.level)
    return PreflightReport(
        night=night,
        org_id=client.org_id,
        status="failed" if any(one.level == "stop" for one in findings) else "ok",
        objects=tuple(
            ObjectChecked(
                wish.object,
                len(wish.rules),
                wish.creates,
                wish.edits,
                by_object[wish.object].count("stop"),
                by_object[wish.object].count("look"),
            )
            for wish in wanted
        ),
        findings=findings,
        fields_sha256=fields_sha256(inputs.rules),
        new_records=sum(new_records.values()),
        storage_megabytes=asked.storage_megabytes,
        push_calls=client.counter.push_calls - before,
    )


def require_preflight(
    settings: Settings,
    inputs: PushInputs,
    outbox: Outbox,
    client: Client,
    night: date,
    clock: Clock,
    folder: Path,
) -> None:
    """Let a push go on only where a preflight of this org and these fields was passed.

    Without one it is run now and recorded.

    Raises:
        CheckFailedError: If anything stops it.
    """
    from touchproof.steps import as_json, record

    wanted = fields_sha256(inputs.rules)
    if has_passed(outbox.ledger, outbox.org_id, wanted):
        return
    report = preflight(inputs, outbox, client, night, folder)
    record(settings, night, STEP, report.status, as_json(report), clock)
    require_passed(report)


def require_passed(report: PreflightReport) -> None:
    """Fail with the number of things in the way and the first of them.

    Raises:
        CheckFailedError: If the org would refuse records.
    """
    if report.status == "ok":
        return
    first = report.findings[0]
    place = ".".join(name for name in (first.object, first.field) if name)
    raise CheckFailedError(
        f"The org isn't ready: {report.stops} things would refuse our records, "
        f"the first: {place or 'the org'} {first.what}",
        where=f"org {report.org_id}",
        todo="Nothing was sent. See `touchproof push preflight` and mend what it lists.",
    )


def has_passed(ledger: Ledger, org_id: str, fields: str) -> bool:
    """Tell whether the last preflight of an org and these fields let us through."""
    found = [
        run.status
        for run in ledger.runs(step=STEP)
        if run.report.get("org_id") == org_id and run.report.get("fields_sha256") == fields
    ]
    return bool(found) and found[-1] == "ok"


def _ask(client: Client, wanted: Sequence[ObjectWish]) -> Asked:
    names = [wish.object for wish in wanted]
    listed = ", ".join(f"'{name}'" for name in names)
    sharing = _readable(
        client,
        "SELECT QualifiedApiName, InternalSharingModel FROM EntityDefinition"  # noqa: S608  seed
        f" WHERE QualifiedApiName IN ({listed})",
    )
    rules = _readable(client, _VALIDATION_RULES)
    limit = client.limits().get(STORAGE_LIMIT)
    return Asked(
        describes={name: _describe(client, name) for name in names},
        validation_rules=None if rules is None else _by_object(rules),
        sharing=None
        if sharing is None
        else {row["QualifiedApiName"]: str(row["InternalSharingModel"]) for row in sharing},
        storage_megabytes=None if limit is None else limit.remaining,
    )


def _describe(client: Client, name: str) -> Mapping[str, Any] | None:
    try:
        return client.describe(name)
    except SalesforceCallError as error:
        if error.status != 404:
            raise
        return None


def _readable(client: Client, soql: str) -> list[dict[str, Any]] | None:
    """Return the rows of a tooling query, None where the user may not make it."""
    try:
        return client.tooling_query(soql)
    except SalesforceCallError as error:
        if not error.is_denied:
            raise
        return None


def _by_object(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        place = str(row["EntityDefinition"]["QualifiedApiName"])
        found[place].append((str(row["ValidationName"]), str(row["ErrorDisplayField"] or "")))
    return dict(found)


def _new_records(wanted: Sequence[ObjectWish], acknowledged: Rows, folder: Path) -> dict[str, int]:
    """Count the records of each object that a night wants to make and the ledger doesn't know."""
    keys = " union ".join(
        f"select '{wish.object}' as object, record_key as name from {rows.sql} where is_creation"  # noqa: S608
        for wish in wanted
        for rows in wish.tables
    )
    if not keys:
        return {}
    with scratch(folder) as connection:
        found = connection.execute(
            f"""
            select object, count(*) from ({keys}) as k where not exists (
                select 1 from {acknowledged.sql} as a
                where a.object = k.object and a.fields_json ->> '$.{KEY_FIELD}' = k.name
            )
            group by object
            order by object
            """  # noqa: S608
        ).fetchall()
    return {str(name): int(count) for name, count in found}
