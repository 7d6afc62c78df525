"""How the newest night stands: what `touchproof status`, the summary and the page in Airflow show.

Belongs here: collecting it from the ledger, the gate's report and the quarantine, and its JSON
(docs/schemas/status.json). Doesn't belong here: showing it (summary.py, plugins/), or anything
that opens the warehouse: the status is there while a build runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

from touchproof.ledger.claims import claims_by_status
from touchproof.ledger.records import RunRecord
from touchproof.ledger.store import Ledger
from touchproof.quarantine import QuarantineEntry, list_entries
from touchproof.settings import Settings
from touchproof.skips.waiting import count_open_items, count_overdue
from touchproof.sources.definition import SourceKind
from touchproof.sources.registry import SOURCES

SCHEMA_VERSION = 1
_PUSH = "push:"
NEW_LEADS = "new-leads"


@dataclass(frozen=True)
class SourceStatus:
    """Say how one source stands.

    Args:
        source: Its name.
        status: `fresh` if its newest extract succeeded, `stale` if it failed, `never` without one.
        last_success_at: End of its last successful extract.
        last_success_night: That extract's night.
        rows_in: Rows that the gate of the shown night saw; loaded + quarantined.
        rows_loaded: Rows that may be loaded.
        rows_quarantined: Rows left out.
        files_quarantined: Files that couldn't be read, found in that night.
        error: Why the newest extract failed.
    """

    source: str
    status: str
    last_success_at: datetime | None
    last_success_night: date | None
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    files_quarantined: int
    error: str | None


@dataclass(frozen=True)
class GateStatus:
    """Say how one gate went: `landing` before the load, `models` in dbt, `marts` before publish.

    `status` is passed, failed or not_run; `failures` names what failed.
    """

    gate: str
    status: str
    checks: int
    failures: tuple[str, ...]


@dataclass(frozen=True)
class PublishedStatus:
    """Name the night that readers see."""

    night: date
    sha256: str
    published_at: datetime


@dataclass(frozen=True)
class PushStatus:
    """Count the last push of one lane; `dead` are the dead letters open after it."""

    lane: str
    night: date
    status: str
    pushed: int
    refused: int
    deferred: int
    dead: int
    calls: int
    error: str | None


@dataclass(frozen=True)
class AllowanceStatus:
    """Say what the last push saw of the org's daily allowance of calls; None if unknown."""

    used: int | None
    max: int | None


@dataclass(frozen=True)
class NewLeadsStatus:
    """Say how long the lane's leads took, from creation to acknowledgement; None without any.

    `leads` were acknowledged in the 24 hours before the lane's last tick.
    `waiting` weren't by then, `waiting_refused` of them because Salesforce refused them.
    """

    leads: int = 0
    p50_seconds: float | None = None
    p99_seconds: float | None = None
    waiting: int = 0
    waiting_refused: int = 0
    oldest_waiting_seconds: float | None = None


@dataclass(frozen=True)
class QuarantineStatus:
    """Name one open quarantine entry; never a value from the data."""

    id: str
    source: str
    entity: str
    file: str
    rule: str
    rows: int
    night: str
    what_to_do: str


@dataclass(frozen=True)
class StepStatus:
    """Say how the newest run of one step of the night went; `seconds` None if not measured."""

    step: str
    status: str
    seconds: float | None
    error: str | None


@dataclass(frozen=True)
class StatusReport:
    """Hold everything; `night` is the newest night of which any step ran.

    `claims_overdue` counts the claims whose bank should have answered by that night,
    `claims_open_items` the lines of banks that a person has to look at.
    """

    world: str
    night: date | None
    sources: tuple[SourceStatus, ...]
    gates: tuple[GateStatus, ...]
    published: PublishedStatus | None
    push: tuple[PushStatus, ...]
    allowance: AllowanceStatus
    claims: Mapping[str, int]
    quarantine: tuple[QuarantineStatus, ...]
    steps: tuple[StepStatus, ...]
    claims_overdue: int = 0
    claims_open_items: int = 0
    new_leads: NewLeadsStatus = field(default_factory=NewLeadsStatus)

    @property
    def stale_sources(self) -> tuple[str, ...]:
        return tuple(source.source for source in self.sources if source.status != "fresh")


def collect_status(settings: Settings, night: date | None = None) -> StatusReport:
    """Collect the status of a world.

    Args:
        settings: The world; one in which nothing ran yet has an empty status.
        night: The night to show; the newest one without it.
    """
    if settings.ledger_url is None and not settings.paths.ledger.exists():
        return _empty(settings)
    ledger = Ledger.of(settings)
    runs = ledger.runs()
    shown = night or max((run.night for run in runs), default=None)
    of_night = [run for run in runs if run.night == shown]
    published = ledger.last_published_night()
    return StatusReport(
        world=settings.world,
        night=shown,
        sources=tuple(_source(name, runs, of_night) for name in _source_names()),
        gates=_gates(of_night),
        published=PublishedStatus(
            published.night, published.published_sha256, published.published_at
        )
        if published
        else None,
        push=_pushes(runs),
        allowance=_allowance(runs),
        claims={name: count for name, count in sorted(claims_by_status(ledger).items()) if count},
        quarantine=tuple(_quarantined(entry) for entry in list_entries(settings)),
        steps=tuple(_step(run) for run in of_night),
        claims_overdue=count_overdue(settings, ledger, shown) if shown else 0,
        claims_open_items=count_open_items(ledger),
        new_leads=_new_leads(runs),
    )


def status_json(report: StatusReport) -> dict[str, Any]:
    """Return the status as docs/schemas/status.json describes it; times end in Z."""
    return {"schema_version": SCHEMA_VERSION, **_plain(asdict(report))}


def _empty(settings: Settings) -> StatusReport:
    sources = tuple(_source(name, [], []) for name in _source_names())
    nothing = AllowanceStatus(None, None)
    return StatusReport(settings.world, None, sources, _gates([]), None, (), nothing, {}, (), ())


def _source_names() -> list[str]:
    return [name for name, source in SOURCES.items() if source.kind is not SourceKind.LEDGER]


def _source(name: str, runs: list[RunRecord], of_night: list[RunRecord]) -> SourceStatus:
    extracts = [run for run in runs if run.step == f"extract:{name}"]
    good = [run for run in extracts if run.status == "ok"]
    newest = extracts[-1] if extracts else None
    status = "never" if newest is None else "fresh" if newest.status == "ok" else "stale"
    gate = next((run for run in of_night if run.step == "gate"), None)
    seen = [
        entity
        for entity in (gate.report.get("entities", []) if gate else [])
        if entity["source"] == name
    ]
    return SourceStatus(
        source=name,
        status=status,
        last_success_at=good[-1].recorded_at if good else None,
        last_success_night=good[-1].night if good else None,
        rows_in=sum(entity["rows_in"] for entity in seen),
        rows_loaded=sum(entity["rows_loaded"] for entity in seen),
        rows_quarantined=sum(entity["rows_quarantined"] for entity in seen),
        files_quarantined=sum(entity["files_quarantined"] for entity in seen),
        error=newest.report.get("error") if newest and newest.status != "ok" else None,
    )


def _gates(of_night: list[RunRecord]) -> tuple[GateStatus, ...]:
    by_step = {run.step: run for run in of_night}
    return (
        _gate("landing", by_step.get("gate"), _landing_checks),
        _gate("models", by_step.get("build"), _model_checks),
        _gate("marts", by_step.get("publish"), _mart_checks),
    )


def _gate(name: str, run: RunRecord | None, checks_of: Any) -> GateStatus:
    if run is None:
        return GateStatus(name, "not_run", 0, ())
    checks, failures = checks_of(run.report)
    if run.status == "failed" and not failures:
        failures = (str(run.report.get("error", "it failed")),)
    return GateStatus(name, "failed" if failures else "passed", checks, tuple(failures))


def _landing_checks(report: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """Count the batches judged; quarantined rows don't fail the gate, they are left out."""
    return sum(entity["batches"] for entity in report.get("entities", [])), ()


def _model_checks(report: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    counts = report.get("counts", {})
    tests = sum(counts.get(status, 0) for status in ("pass", "fail", "warn"))
    return tests, tuple(report.get("failed", ()))


def _mart_checks(report: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    checks = report.get("checks", [])
    return len(checks), tuple(
        f"{check['name']}: {check['failures']}" for check in checks if check["failures"]
    )


def _pushes(runs: list[RunRecord]) -> tuple[PushStatus, ...]:
    newest = {run.step.removeprefix(_PUSH): run for run in runs if run.step.startswith(_PUSH)}
    return tuple(
        PushStatus(
            lane=lane,
            night=run.night,
            status=run.status,
            pushed=run.report.get("pushed", 0),
            refused=run.report.get("refused", 0),
            deferred=run.report.get("deferred", 0),
            dead=run.report.get("dead_letters", 0),
            calls=run.report.get("push_calls", 0),
            error=run.report.get("error") or run.report.get("waiting_reason"),
        )
        for lane, run in sorted(newest.items())
    )


def _new_leads(runs: list[RunRecord]) -> NewLeadsStatus:
    ticks = [run for run in runs if run.step == f"{_PUSH}{NEW_LEADS}"]
    told = ticks[-1].report.get("latency", {}) if ticks else {}
    names = [one.name for one in fields(NewLeadsStatus)]
    return NewLeadsStatus(**{name: told[name] for name in names if name in told})


def _allowance(runs: list[RunRecord]) -> AllowanceStatus:
    for run in reversed(runs):
        if run.step.startswith(_PUSH) and run.report.get("allowance_max") is not None:
            return AllowanceStatus(run.report.get("allowance_used"), run.report["allowance_max"])
    return AllowanceStatus(None, None)


def _quarantined(entry: QuarantineEntry) -> QuarantineStatus:
    reason = entry.reason
    return QuarantineStatus(
        entry.id,
        reason.source,
        reason.entity,
        reason.file,
        reason.rule,
        reason.row_count,
        reason.night,
        reason.what_to_do,
    )


def _step(run: RunRecord) -> StepStatus:
    return StepStatus(run.step, run.status, run.report.get("seconds"), run.report.get("error"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return value
