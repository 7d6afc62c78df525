"""Quarantine: what the pipeline refused, why, and what a person decided.

Belongs here: the entry's format on disk, writing one, listing, and the recorded decisions.
Doesn't belong here: finding faults (sources/ for structural ones, quality/ for values) and acting
on a decision: the next extract lands a released file, the next gate lets released rows pass.

Layout: `quarantine/<source>/<entity>/<id>/` with the original (`<file>` or `rows.parquet`) and,
written last, `_reason.json`; after a decision also `_decision.json`. An entry's id follows from
what was refused and why, so that the same fault found again is the same entry.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date
from pathlib import Path
from typing import Literal

from touchproof.clock import Clock
from touchproof.durable import write_atomically
from touchproof.errors import BadInputError
from touchproof.settings import Settings

REASON = "_reason.json"
DECISION = "_decision.json"
UNKNOWN_ENTITY = "unknown"
_MAX_ROWS_NAMED = 1000


@dataclass(frozen=True)
class Decision:
    """Record what a person decided about an entry; `decided_at` is a UTC ISO text."""

    decision: Literal["released", "discarded"]
    by: str
    note: str
    decided_at: str


@dataclass(frozen=True)
class Reason:
    """Say why a file or rows of it were refused; never holds a value from the data.

    Args:
        source: Source system.
        entity: Entity, or `unknown` for a file whose name tells none.
        file: Name of the source file.
        content: Digest of what was refused; part of the id, so that other content is another entry.
        window: `<start>_<end>`, None where the name tells none.
        kind: `structural` refuses the file, `value` rows of it or, above the threshold, all.
        rule: Name of the rule.
        column: Our name of the column concerned.
        rows: Row numbers concerned, from 1; the first 1000; empty when the whole file is refused.
        row_count: Rows refused; 0 where they can't be counted.
        shape: Shape of what was found.
        rows_in: Data rows of the file where they could be counted.
        night: Night that found it.
        what_to_do: One sentence for ops.
        whole_file: Whether all rows of the file are refused.
    """

    source: str
    entity: str
    file: str
    content: str
    window: str | None
    kind: Literal["structural", "value"]
    rule: str
    column: str | None
    rows: tuple[int, ...]
    row_count: int
    shape: str | None
    rows_in: int | None
    night: str
    what_to_do: str
    whole_file: bool = True

    @property
    def id(self) -> str:
        """Return the entry's id: the same for the same fault of the same content."""
        named = [self.source, self.entity, self.file, self.content, self.kind, self.rule]
        named += [self.column or "", "file" if self.whole_file else "rows"]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class QuarantineEntry:
    """Show one entry: its reason, where it lies and what was decided."""

    id: str
    reason: Reason
    found_at: str
    path: Path
    decision: Decision | None

    @property
    def payload(self) -> Path | None:
        """Return the refused original, None once it was discarded."""
        found = [path for path in self.path.iterdir() if not path.name.startswith(("_", "."))]
        return found[0] if found else None


def entry_folder(root: Path, reason: Reason) -> Path:
    """Return where an entry lies below the quarantine's root."""
    return root / reason.source / reason.entity / reason.id


def write_entry(
    root: Path, reason: Reason, write_payload: Callable[[Path], None], found_at: str
) -> bool:
    """Quarantine something once.

    Args:
        root: `quarantine/` of the world.
        reason: Why.
        write_payload: Writes the original into the folder that it is given.
        found_at: UTC ISO text.

    Returns:
        Whether the entry is new.
    """
    folder = entry_folder(root, reason)
    if (folder / REASON).exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    write_payload(folder)
    content = {"id": reason.id, **asdict(reason), "found_at": found_at}
    content["rows"] = list(reason.rows[:_MAX_ROWS_NAMED])
    write_atomically(folder / REASON, json.dumps(content, indent=1).encode())
    return True


def copy_original(original: Path) -> Callable[[Path], None]:
    """Return a payload writer that keeps a file's own bytes under its own name."""

    def write(folder: Path) -> None:
        # A leading dot or underscore would hide the original among our own files.
        target = folder / original.name.lstrip("._")
        temporary = folder / ".original.tmp"
        shutil.copyfile(original, temporary)
        temporary.replace(target)

    return write


def list_entries(settings: Settings, *, include_decided: bool = False) -> list[QuarantineEntry]:
    """Return the entries by source, entity and file; decided ones only when asked for."""
    entries = [_read(path) for path in settings.paths.quarantine.glob(f"*/*/*/{REASON}")]
    if not include_decided:
        entries = [entry for entry in entries if entry.decision is None]
    return sorted(
        entries,
        key=lambda entry: (
            entry.reason.source,
            entry.reason.entity,
            entry.reason.window or "",
            entry.reason.file,
            entry.id,
        ),
    )


def entries_of_night(settings: Settings, night: date) -> list[QuarantineEntry]:
    """Return every entry that one night found, whatever was decided since."""
    found = list_entries(settings, include_decided=True)
    return [entry for entry in found if entry.reason.night == night.isoformat()]


def show(settings: Settings, entry_id: str) -> QuarantineEntry:
    """Return one entry.

    Args:
        settings: Settings of the world.
        entry_id: The id or an unambiguous beginning of it.

    Raises:
        BadInputError: If there is none, or more than one, of that id.
    """
    found = [
        entry
        for entry in list_entries(settings, include_decided=True)
        if entry_id and entry.id.startswith(entry_id)
    ]
    if len(found) != 1:
        raise BadInputError(
            f"{'No' if not found else 'More than one'} quarantine entry has the id {entry_id!r}",
            todo="See `touchproof quarantine list`.",
        )
    return found[0]


def release(
    settings: Settings, entry_id: str, clock: Clock, *, by: str, note: str = ""
) -> QuarantineEntry:
    """Let an entry into the warehouse: the next extract, gate and load carry it past the rule.

    Raises:
        BadInputError: If it is unknown, was discarded, or its file still can't be read.
    """
    entry = show(settings, entry_id)
    if entry.decision is not None and entry.decision.decision == "discarded":
        raise BadInputError(
            "The entry was discarded", where=entry.id, todo="Ask the sender for the file again."
        )
    if entry.reason.kind == "structural":
        _require_readable(settings, entry)
    return _decide(entry, Decision("released", by, note, _now(clock)))


def discard(
    settings: Settings, entry_id: str, clock: Clock, *, by: str, note: str = ""
) -> QuarantineEntry:
    """Give an entry up: the original goes, its reason and the decision stay.

    Raises:
        BadInputError: If it is unknown or was released.
    """
    entry = show(settings, entry_id)
    if entry.decision is not None and entry.decision.decision == "released":
        raise BadInputError(
            "The entry was released", where=entry.id, todo="Have the sender correct the file."
        )
    decided = _decide(entry, Decision("discarded", by, note, _now(clock)))
    if decided.payload is not None:
        decided.payload.unlink()
    return decided


def decision_of(root: Path, reason: Reason) -> Decision | None:
    """Return what was decided about an entry, None if nothing or there is no such entry."""
    return _read_decision(entry_folder(root, reason))


def is_released(root: Path, source: str, entity: str, entry_id: str) -> bool:
    """Tell whether a person released an entry."""
    decision = _read_decision(root / source / entity / entry_id)
    return decision is not None and decision.decision == "released"


def _require_readable(settings: Settings, entry: QuarantineEntry) -> None:
    # Readers quarantine through this module; importing them above would be a circle.
    from touchproof.sources.faults import StructuralFaultError
    from touchproof.sources.registry import SOURCES

    source = SOURCES.get(entry.reason.source)
    candidates = source.entities if source else ()
    reader = next((e.reader for e in candidates if e.entity == entry.reason.entity), None)
    payload = entry.payload
    if reader is None or payload is None:
        raise BadInputError(
            "No source knows how to read the entry's file",
            where=entry.id,
            todo=entry.reason.what_to_do,
        )
    try:
        reader(payload, settings.max_unpacked_megabytes * 1024 * 1024)
    except StructuralFaultError as fault:
        raise BadInputError(
            f"The entry's file still can't be read: {fault.rule.replace('_', ' ')}",
            where=entry.id,
            todo=entry.reason.what_to_do,
        ) from fault


def _decide(entry: QuarantineEntry, decision: Decision) -> QuarantineEntry:
    if entry.decision is not None and entry.decision.decision == decision.decision:
        return entry
    write_atomically(entry.path / DECISION, json.dumps(asdict(decision), indent=1).encode())
    return replace(entry, decision=decision)


def _read(path: Path) -> QuarantineEntry:
    content = json.loads(path.read_bytes())
    entry_id, found_at = content.pop("id"), content.pop("found_at")
    content["rows"] = tuple(content["rows"])
    return QuarantineEntry(
        entry_id, Reason(**content), found_at, path.parent, _read_decision(path.parent)
    )


def _read_decision(folder: Path) -> Decision | None:
    try:
        return Decision(**json.loads((folder / DECISION).read_bytes()))
    except FileNotFoundError:
        return None


def _now(clock: Clock) -> str:
    return clock().astimezone(UTC).isoformat()
