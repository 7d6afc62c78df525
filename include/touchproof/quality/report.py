"""The gate's report of a night, drawn from verdicts and quarantine entries.

Belongs here: counting, and the proof that rows in = loaded + quarantined. Doesn't belong here:
judging (judgement.py). Nothing is remembered but what lies on disk: a repeated night reports the
same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from touchproof.errors import GateFailedError
from touchproof.landing import Landing
from touchproof.quality.verdict import Verdict, read_verdict
from touchproof.quarantine import Reason, entries_of_night
from touchproof.settings import Settings
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.registry import entities


@dataclass(frozen=True)
class EntityGate:
    """Count what the gate saw of one entity; rows_in = rows_loaded + rows_quarantined.

    Rows of files that couldn't be read at all can't be counted: they show in
    `files_quarantined` only. `rules` counts faulty rows by value rule (a row may break several)
    and refused files by structural rule.
    """

    source: str
    entity: str
    batches: int
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    files_quarantined: int
    rules: dict[str, int]


@dataclass(frozen=True)
class GateReport:
    """Report one night's gate over all entities that had something new."""

    night: date
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    files_quarantined: int
    entities: tuple[EntityGate, ...]


def report_of(settings: Settings, night: date) -> GateReport:
    """Count what one night's gate saw.

    Raises:
        GateFailedError: If rows in aren't loaded plus quarantined.
    """
    landing = Landing(settings.paths.landing)
    structural: dict[tuple[str, str], list[Reason]] = defaultdict(list)
    for entry in entries_of_night(settings, night):
        was_released = entry.decision is not None and entry.decision.decision == "released"
        if entry.reason.kind == "structural" and not was_released:
            structural[(entry.reason.source, entry.reason.entity)].append(entry.reason)
    judged = {
        (entity.source, entity.entity): _judged_in(landing, entity, night) for entity in entities()
    }
    lines = [
        _line(key, judged.get(key, []), structural.get(key, []))
        for key in sorted({*judged, *structural})
        if judged.get(key) or structural.get(key)
    ]
    report = GateReport(
        night,
        sum(line.rows_in for line in lines),
        sum(line.rows_loaded for line in lines),
        sum(line.rows_quarantined for line in lines),
        sum(line.files_quarantined for line in lines),
        tuple(lines),
    )
    for line in lines:
        if line.rows_in != line.rows_loaded + line.rows_quarantined:
            raise GateFailedError(
                f"{line.rows_in} rows came in, but {line.rows_loaded} loaded and "
                f"{line.rows_quarantined} quarantined don't add up to them",
                where=f"{line.source} {line.entity}, night {night}",
                todo="This is a fault of the gate itself: keep the night's files and report it.",
            )
    return report


def _judged_in(landing: Landing, entity: EntityDefinition, night: date) -> list[Verdict]:
    """Return the verdicts that a night gave, the newest batch of each window only."""
    found = []
    for window in landing.newest(entity.source, entity.entity):
        of_night = [
            judged[0]
            for batch in landing.of_window(entity.source, entity.entity, window)
            if (judged := read_verdict(batch)) and judged[0].night == night.isoformat()
        ]
        found += of_night[-1:]
    return found


def _line(
    key: tuple[str, str], verdicts: Sequence[Verdict], refused: Sequence[Reason]
) -> EntityGate:
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts.update(dict(verdict.rules))
    counts.update(reason.rule for reason in refused)
    unlanded = sum(reason.row_count for reason in refused)
    return EntityGate(
        source=key[0],
        entity=key[1],
        batches=len(verdicts),
        rows_in=sum(verdict.rows_in for verdict in verdicts) + unlanded,
        rows_loaded=sum(verdict.rows_loaded for verdict in verdicts),
        rows_quarantined=sum(verdict.rows_quarantined for verdict in verdicts) + unlanded,
        files_quarantined=len(refused) + sum(len(verdict.excluded_files) for verdict in verdicts),
        rules=dict(sorted(counts.items())),
    )
