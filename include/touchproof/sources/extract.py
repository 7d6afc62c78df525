"""Extract: bring what a source has into landing.

Belongs here: the one entry for all sources, and how arrived files become batches: per window the
newest readable arrival of each file. Doesn't belong here: formats (the source modules), judging
values (quality/), Salesforce's own extract (sources/salesforce.py).

A night never forgets: files that arrived later than the night but were landed already still
count, so repeating an older night doesn't take newer data away.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from touchproof import quarantine
from touchproof.clock import Clock
from touchproof.errors import SourceUnavailableError
from touchproof.landing import Landing, PartTable, Window
from touchproof.quarantine import UNKNOWN_ENTITY, Reason
from touchproof.settings import Settings
from touchproof.sources.arrivals import (
    Arrival,
    arrival_path,
    list_arrivals,
    placed,
    read_memory,
    write_memory,
)
from touchproof.sources.definition import EntityDefinition, ExtractReport, SourceKind
from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.registry import source_named
from touchproof.sources.source_lock import source_lock

logger = logging.getLogger(__name__)


def extract(
    source: str,
    night: date,
    settings: Settings,
    clock: Clock,
    from_: date | None = None,
    to: date | None = None,
) -> ExtractReport:
    """Land what is new in one source up to a night.

    Args:
        source: Name of the source.
        night: The night; arrivals of later days don't count.
        settings: Settings of the world.
        clock: Tells the moment of landing.
        from_: First data date to read again even if it was seen before; None without one.
        to: Last data date (inclusive) to read again.

    Raises:
        BadInputError: If the source is unknown.
        SourceUnavailableError: If it doesn't answer; nothing half-landed stays visible.
        LockTimeoutError: If another extract of the same source doesn't end.
    """
    definition = source_named(source)
    if definition.kind is SourceKind.SERVICE:
        if definition.extract is None:
            raise SourceUnavailableError("The source has no extract", where=source)
        return definition.extract(night, settings, clock, from_, to)
    with source_lock(settings.paths.landing, source, timeout_seconds=settings.lock_timeout_seconds):
        run = _FileRun(source, definition.entities, night, settings, clock())
        return run.execute(_reread(from_, to))


def _reread(from_: date | None, to: date | None) -> Callable[[Window], bool]:
    if from_ is None and to is None:
        return lambda window: False
    first, last = from_ or date.min, to or date.max
    return lambda window: first <= window.start <= last


@dataclass
class _FileRun:
    """Carry one extract of a file source from the drop folder to landing."""

    source: str
    entities: tuple[EntityDefinition, ...]
    night: date
    settings: Settings
    moment: datetime
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    same_content: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    quarantined_files: int = 0

    @property
    def max_unpacked_bytes(self) -> int:
        return self.settings.max_unpacked_megabytes * 1024 * 1024

    def execute(self, reread: Callable[[Window], bool]) -> ExtractReport:
        landing_root = self.settings.paths.landing
        remembered = read_memory(landing_root, self.source)
        listed = list_arrivals(
            self.settings.drops, self.source, self.night, remembered, self.max_unpacked_bytes
        )
        self.arrivals = {**remembered, **listed}
        for key, arrival in self.arrivals.items():
            self.same_content[arrival.sha256].append(key)
        looked_at = sum(arrival.outcome == "new" for arrival in self.arrivals.values())
        landed = batches = 0
        for (entity, window), files in sorted(
            self._by_window().items(), key=lambda item: (item[0][0].entity, item[0][1])
        ):
            if not (reread(window) or any(map(self._is_due, files))):
                continue
            rows = self._land(entity, window, files)
            landed += rows
            batches += rows > 0
        write_memory(landing_root, self.source, self.arrivals)
        logger.info(
            "extract %s night %s: %s new files, %s batches, %s rows, %s files quarantined",
            self.source,
            self.night,
            looked_at,
            batches,
            landed,
            self.quarantined_files,
        )
        return ExtractReport(
            source=self.source,
            night=self.night,
            status="fresh",
            batches=batches,
            rows=landed,
            quarantined_files=self.quarantined_files,
            files=looked_at,
        )

    def _by_window(self) -> dict[tuple[EntityDefinition, Window], list[Arrival]]:
        """Group the files by entity and window; quarantine those whose name tells neither."""
        found: dict[tuple[EntityDefinition, Window], list[Arrival]] = defaultdict(list)
        for arrival in sorted(self.arrivals.values(), key=lambda arrival: arrival.order):
            place = placed(self.entities, arrival.name)
            if place is not None:
                found[place].append(arrival)
            elif arrival.outcome == "new":
                self._quarantine(None, None, arrival, StructuralFaultError("unknown_file_name"))
        return found

    def _is_due(self, arrival: Arrival) -> bool:
        if arrival.outcome != "quarantined" or arrival.quarantine_id is None:
            return arrival.outcome == "new"
        place = placed(self.entities, arrival.name)
        return place is not None and self._is_released(place[0], arrival.quarantine_id)

    def _is_released(self, entity: EntityDefinition, entry_id: str) -> bool:
        return quarantine.is_released(
            self.settings.paths.quarantine, self.source, entity.entity, entry_id
        )

    def _land(self, entity: EntityDefinition, window: Window, files: list[Arrival]) -> int:
        """Commit the window's newest readable files; return the rows of a new batch, else 0."""
        chosen: list[tuple[Arrival, pa.Table]] = []
        by_stem: dict[str, list[Arrival]] = defaultdict(list)
        for arrival in files:
            by_stem[arrival.stem].append(arrival)
        for stem in sorted(by_stem):
            newest_first = sorted(by_stem[stem], key=lambda arrival: arrival.order, reverse=True)
            taken = False
            for arrival in newest_first:
                if taken:
                    if arrival.outcome != "quarantined" or self._is_due(arrival):
                        self._remember(replace(arrival, outcome="superseded"))
                    continue
                table = self._read(entity, window, arrival)
                if table is not None:
                    chosen.append((arrival, table))
                    taken = True
        if not chosen:
            return 0
        batch, is_new = Landing(self.settings.paths.landing).write(
            self.source,
            entity.entity,
            window,
            [PartTable(arrival.name, table) for arrival, table in chosen],
            content_sha256=_content_of(arrival for arrival, _ in chosen),
            landed_at=self.moment,
        )
        for arrival, _ in chosen:
            self._remember(replace(arrival, outcome="landed"))
        return batch.manifest.rows if is_new else 0

    def _read(self, entity: EntityDefinition, window: Window, arrival: Arrival) -> pa.Table | None:
        """Read one file, or quarantine it and return None."""
        path = arrival_path(self.settings.drops, self.source, arrival)
        if not path.exists():
            return self._landed_before(entity, window, arrival)
        if entity.reader is None:
            return None
        try:
            table = entity.reader(path, self.max_unpacked_bytes)
            if self._is_duplicate(entity, arrival):
                fault = StructuralFaultError("duplicate_file", rows_in=table.num_rows)
                if not self._is_released(entity, self._reason(entity, window, arrival, fault).id):
                    raise fault
        except StructuralFaultError as fault:
            self._quarantine(entity, window, arrival, fault)
            return None
        except OSError as error:
            raise SourceUnavailableError(
                "A dropped file can't be read",
                where=f"source {self.source}, {arrival.key}",
                todo="Correct its permissions or its mount, then run the extract again.",
            ) from error
        return table

    def _landed_before(
        self, entity: EntityDefinition, window: Window, arrival: Arrival
    ) -> pa.Table | None:
        """Return the rows of a file that left the drop folder after it had landed."""
        if arrival.outcome != "landed":
            return None
        batches = Landing(self.settings.paths.landing).of_window(self.source, entity.entity, window)
        for batch in reversed(batches):
            for part in batch.manifest.parts:
                if part.source_file == arrival.name:
                    return pq.read_table(
                        batch.path / part.name, columns=entity.schema.names, partitioning=None
                    )
        return None

    def _is_duplicate(self, entity: EntityDefinition, arrival: Arrival) -> bool:
        """Tell whether an earlier file of another name has the same content."""
        return any(
            other.stem != arrival.stem
            and other.order < arrival.order
            and other.outcome != "quarantined"
            and (place := placed(self.entities, other.name)) is not None
            and place[0].entity == entity.entity
            for other in (self.arrivals[key] for key in self.same_content[arrival.sha256])
        )

    def _reason(
        self,
        entity: EntityDefinition | None,
        window: Window | None,
        arrival: Arrival,
        fault: StructuralFaultError,
    ) -> Reason:
        return Reason(
            source=self.source,
            entity=entity.entity if entity else UNKNOWN_ENTITY,
            file=arrival.name,
            content=arrival.sha256,
            window=window.name if window else None,
            kind="structural",
            rule=fault.rule,
            column=fault.column,
            rows=(fault.row,) if fault.row else (),
            row_count=fault.rows_in or 0,
            shape=fault.shape,
            rows_in=fault.rows_in,
            night=self.night.isoformat(),
            what_to_do=fault.todo,
        )

    def _quarantine(
        self,
        entity: EntityDefinition | None,
        window: Window | None,
        arrival: Arrival,
        fault: StructuralFaultError,
    ) -> None:
        reason = self._reason(entity, window, arrival, fault)
        is_new = quarantine.write_entry(
            self.settings.paths.quarantine,
            reason,
            quarantine.copy_original(arrival_path(self.settings.drops, self.source, arrival)),
            self.moment.astimezone(UTC).isoformat(),
        )
        self.quarantined_files += is_new
        self._remember(replace(arrival, outcome="quarantined", quarantine_id=reason.id))
        logger.warning(
            "quarantined %s of %s as %s: %s", arrival.key, self.source, reason.id, fault.rule
        )

    def _remember(self, arrival: Arrival) -> None:
        self.arrivals[arrival.key] = arrival


def _content_of(arrivals: Iterable[Arrival]) -> str:
    """Return the digest that names a batch: the file's own, or that of the list of digests."""
    digests = [(arrival.name, arrival.sha256) for arrival in arrivals]
    if len(digests) == 1:
        return digests[0][1]
    return hashlib.sha256("\n".join(f"{name}:{sha}" for name, sha in digests).encode()).hexdigest()
