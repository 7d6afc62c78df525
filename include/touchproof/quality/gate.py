"""Gate 1: judge what landed, quarantine what is wrong, and say so.

Belongs here: which batches are judged, and the order of the steps. Doesn't belong here: the rules
(suites.py), what becomes of faulty rows (judgement.py), counting (report.py), structural faults
(found while reading, sources/), loading (load.py).

A batch is judged once: its verdict lies beside its manifest and names the night.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import date

from touchproof.clock import Clock
from touchproof.durable import write_atomically
from touchproof.errors import GateFailedError
from touchproof.landing import Landing
from touchproof.quality.judgement import Judgement, let_released_pass
from touchproof.quality.report import EntityGate, GateReport, report_of
from touchproof.quality.suites import suite_of
from touchproof.quality.verdict import read_verdict
from touchproof.settings import Settings
from touchproof.sources.registry import entities

__all__ = ["EntityGate", "GateReport", "run_gate"]

logger = logging.getLogger(__name__)


def run_gate(settings: Settings, night: date, clock: Clock) -> GateReport:
    """Judge every newest batch that has no verdict yet, in one Great Expectations run.

    Args:
        settings: Settings of the world.
        night: The night; values after the end of the next business day are in the future.
        clock: Tells the moment that quarantine entries carry.

    Returns:
        The night's counts; also written to `gate/<night>.json`.

    Raises:
        GateFailedError: If nothing ever landed, or the counts don't add up.
    """
    landing = Landing(settings.paths.landing)
    newest = {
        entity: list(landing.newest(entity.source, entity.entity).values())
        for entity in entities()
        if suite_of(entity.source, entity.entity) is not None
    }
    if not any(newest.values()):
        raise GateFailedError(
            "Nothing has landed from any source",
            where=f"night {night}",
            todo="Look at the extracts: at least one source must have delivered once.",
        )
    unjudged = {
        entity: [batch for batch in batches if read_verdict(batch) is None]
        for entity, batches in newest.items()
    }
    unjudged = {entity: batches for entity, batches in unjudged.items() if batches}
    if unjudged:
        Judgement(settings, night, clock()).judge(unjudged)
    for batches in newest.values():
        for batch in batches:
            let_released_pass(settings, batch)
    report = report_of(settings, night)
    content = asdict(report) | {"night": night.isoformat()}
    write_atomically(
        settings.paths.gate / f"{night.isoformat()}.json", json.dumps(content, indent=1).encode()
    )
    logger.info(
        "gate night %s: %s rows in, %s loaded, %s quarantined, %s files quarantined",
        night,
        report.rows_in,
        report.rows_loaded,
        report.rows_quarantined,
        report.files_quarantined,
    )
    return report
