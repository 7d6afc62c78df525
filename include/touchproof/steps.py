"""Recording each step of a night in the ledger, whoever runs it.

Belongs here: running one step, timing it, and writing its report as the ledger's row of
(night, step). Doesn't belong here: what a step does, or retrying it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from touchproof.clock import Clock
from touchproof.errors import PausedError, TouchproofError
from touchproof.settings import Settings

logger = logging.getLogger(__name__)
T = TypeVar("T")
STATUSES = ("ok", "failed", "stale", "waiting")
"""What the ledger accepts; a report's other words (such as `fresh`) count as `ok`."""


def run_step(
    settings: Settings, night: date, step: str, clock: Clock, action: Callable[[], T]
) -> T:
    """Run one step and record its report, also when it fails; a step that pauses isn't over.

    Args:
        settings: The world's settings.
        night: The night that the step belongs to.
        step: `extract:<source>`, `gate`, `load`, `build`, `publish`, `push:<lane>`, ...
        clock: Tells when the step began and ended.
        action: Does the work and returns a frozen dataclass report.

    Returns:
        What `action` returned.
    """
    started = clock()
    try:
        report = action()
    except PausedError as pause:
        logger.info("step %s of night %s pauses: %s", step, night.isoformat(), pause)
        raise
    except Exception as error:
        record(settings, night, step, "failed", failure_report(error, started, clock()), clock)
        raise
    content = as_json(report)
    content["seconds"] = round((clock() - started).total_seconds(), 3)
    told = str(getattr(report, "status", None) or "ok")
    status = told if told in STATUSES else "ok"
    record(settings, night, step, status, content, clock)
    return report


def record(
    settings: Settings, night: date, step: str, status: str, report: dict[str, Any], clock: Clock
) -> None:
    """Write one (night, step) row; the newest one counts."""
    from touchproof.ledger.store import Ledger

    ledger = Ledger(settings.ledger_location, settings.world)
    ledger.record_run(night, step, status, report, clock())
    logger.info("step %s of night %s: %s", step, night.isoformat(), status)


def failure_report(error: BaseException, started: datetime, ended: datetime) -> dict[str, Any]:
    """Describe a failure without quoting data: only our own errors are worded value-free."""
    described = (
        {"error": str(error), "what": error.what, "where": error.where, "todo": error.todo}
        if isinstance(error, TouchproofError)
        else {"error": f"{type(error).__name__} (see the log of the step)"}
    )
    # What a failed push did all the same stands in its error.
    done = as_json(getattr(error, "report", None))
    return {**done, **described, "seconds": round((ended - started).total_seconds(), 3)}


def as_json(report: object) -> dict[str, Any]:
    """Turn a report into JSON-able content; dates become ISO texts, paths texts."""
    if is_dataclass(report) and not isinstance(report, type):
        return dict(_plain(asdict(report)))
    if isinstance(report, dict):
        return dict(_plain(report))
    if isinstance(report, (list, tuple)):
        return {"items": [_plain(as_json(item)) for item in report]}
    return {} if report is None else {"value": _plain(report)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Path):
        return value.as_posix()
    return str(value)
