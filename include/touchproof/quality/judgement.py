"""Judging batches: from one Great Expectations run to verdicts and quarantine entries.

Belongs here: what becomes of faulty rows of a batch. Doesn't belong here: which batches are judged
(gate.py), the rules (suites.py), counting (report.py).
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchproof.landing import Batch
from touchproof.quality.frames import JudgedPart, build_frame, future_limit, parts_of
from touchproof.quality.suites import WHAT_TO_DO, Rule, suite_of
from touchproof.quality.thresholds import read_thresholds, threshold_of
from touchproof.quality.validation import judge
from touchproof.quality.verdict import (
    ExcludedFile,
    ExcludedRow,
    read_verdict,
    verdict_of,
    write_verdict,
)
from touchproof.quarantine import Reason, is_released, write_entry
from touchproof.settings import Settings
from touchproof.shape import shape_of
from touchproof.sources.definition import EntityDefinition

logger = logging.getLogger(__name__)


@dataclass
class Judgement:
    """Carry one run over the unjudged batches to their verdicts."""

    settings: Settings
    night: date
    moment: datetime

    def judge(self, unjudged: Mapping[EntityDefinition, Sequence[Batch]]) -> None:
        """Judge batches by entity and write their verdicts and quarantine entries."""
        placed = {entity: parts_of(batches) for entity, batches in unjudged.items()}
        rules = {entity: suite_of(entity.source, entity.entity) or () for entity in unjudged}
        frames = {
            entity.raw_table: (build_frame(parts, rules[entity]), rules[entity])
            for entity, parts in placed.items()
            if parts and parts[-1].offset + parts[-1].part.rows > 0
        }
        found = judge(frames, future_limit(self.night, self.settings.business_timezone))
        thresholds = read_thresholds()
        for entity, batches in unjudged.items():
            share = threshold_of(thresholds, entity.source, entity.entity)
            faults = _by_part(placed[entity], rules[entity], found.get(entity.raw_table, {}))
            for batch in batches:
                parts = [part for part in placed[entity] if part.batch is batch]
                self._conclude(entity, batch, parts, faults, share)

    def _conclude(
        self,
        entity: EntityDefinition,
        batch: Batch,
        parts: Sequence[JudgedPart],
        faults: Mapping[Path, Mapping[Rule, Sequence[int]]],
        share: Decimal,
    ) -> None:
        rows: list[ExcludedRow] = []
        files: list[ExcludedFile] = []
        counts: Counter[str] = Counter()
        for part in parts:
            broken = faults.get(part.path, {})
            counts.update({rule.name: len(numbers) for rule, numbers in broken.items()})
            faulty = {number for numbers in broken.values() for number in numbers}
            if not faulty:
                continue
            if Decimal(len(faulty)) > share * part.part.rows:
                worst = max(broken, key=lambda rule: len(broken[rule]))
                entry = self._quarantine(entity, part, worst, broken[worst], whole_file=True)
                files.append(
                    ExcludedFile(
                        part.part.name, part.part.source_file, part.part.rows, worst.name, entry
                    )
                )
                continue
            seen: set[int] = set()
            for rule, numbers in broken.items():
                own = sorted(set(numbers) - seen)  # a row is quarantined once, by its first rule
                seen.update(own)
                if not own:
                    continue
                entry = self._quarantine(entity, part, rule, own, whole_file=False)
                rows += [
                    ExcludedRow(part.part.name, part.part.source_file, number, rule.name, entry)
                    for number in own
                ]
        write_verdict(
            batch,
            verdict_of(
                batch,
                self.night.isoformat(),
                tuple(rows),
                tuple(files),
                tuple(sorted(counts.items())),
                (),
            ),
        )

    def _quarantine(
        self,
        entity: EntityDefinition,
        part: JudgedPart,
        rule: Rule,
        rows: Sequence[int],
        *,
        whole_file: bool,
    ) -> str:
        """Quarantine rows (from 1) of a part, or all of it; return the entry's id."""
        table = pq.read_table(part.path, partitioning=None)
        indices = pa.array([row - 1 for row in rows], pa.int64())
        first = table.column(rule.column)[rows[0] - 1].as_py()
        payload = table if whole_file else table.take(indices)
        reason = Reason(
            source=entity.source,
            entity=entity.entity,
            file=part.part.source_file,
            content=part.part.sha256,
            window=part.batch.window.name,
            kind="value",
            rule=rule.name,
            column=rule.column,
            rows=tuple(rows),
            row_count=payload.num_rows,
            shape=shape_of(first),
            rows_in=part.part.rows,
            night=self.night.isoformat(),
            what_to_do=WHAT_TO_DO[rule.check],
            whole_file=whole_file,
        )
        write_entry(
            self.settings.paths.quarantine,
            reason,
            partial(_write_rows, payload),
            self.moment.astimezone(UTC).isoformat(),
        )
        logger.warning(
            "quarantined %s rows of %s %s as %s: %s",
            payload.num_rows,
            entity.raw_table,
            part.part.source_file,
            reason.id,
            rule.name,
        )
        return reason.id


def _write_rows(table: pa.Table, folder: Path) -> None:
    pq.write_table(table, folder / "rows.parquet", compression="zstd")


def _by_part(
    parts: Sequence[JudgedPart], rules: Sequence[Rule], found: Mapping[str, Sequence[int]]
) -> dict[Path, dict[Rule, list[int]]]:
    """Turn a frame's row numbers (from 0) into rows (from 1) by part and rule, rules in order."""
    import numpy as np

    offsets = np.array([part.offset for part in parts if part.part.rows])
    filled = [part for part in parts if part.part.rows]
    placed: dict[Path, dict[Rule, list[int]]] = defaultdict(dict)
    for rule in rules:
        for number in found.get(rule.name, ()):
            part = filled[int(np.searchsorted(offsets, number, side="right")) - 1]
            placed[part.path].setdefault(rule, []).append(number - part.offset + 1)
    return placed


def let_released_pass(settings: Settings, batch: Batch) -> None:
    """Rewrite a verdict whose excluded rows a person has released since."""
    judged = read_verdict(batch)
    if judged is None or not (judged[0].excluded_rows or judged[0].excluded_files):
        return
    verdict, manifest = judged[0], batch.manifest
    refused = {row.entry for row in verdict.excluded_rows}
    refused |= {file.entry for file in verdict.excluded_files}
    released = {
        entry
        for entry in refused
        if is_released(settings.paths.quarantine, manifest.source, manifest.entity, entry)
    }
    if not released:
        return
    write_verdict(
        batch,
        verdict_of(
            batch,
            verdict.night,
            tuple(row for row in verdict.excluded_rows if row.entry not in released),
            tuple(file for file in verdict.excluded_files if file.entry not in released),
            verdict.rules,
            tuple(sorted({*verdict.released, *released})),
        ),
    )
