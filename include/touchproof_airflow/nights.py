"""Which night a DAG run works on.

Belongs here: deriving the night from what started the run, the same for each of its tasks and
each retry. Doesn't belong here: reading the present time (a run's own times are used), or the
choice of `make run` (planning.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from touchproof.clock import night_of
from touchproof.errors import BadInputError
from touchproof.settings import Settings
from touchproof.world_clock import is_pretend, world_clock


def night_of_run(context: Mapping[str, Any], settings: Settings) -> date:
    """Return the night of a DAG run.

    The param `night` wins; else the newest night among the asset events that started the run;
    else the business day before the run was due (in a pretend world: before its own time).

    Args:
        context: Airflow's task context.
        settings: The world.

    Raises:
        BadInputError: If the param isn't a date.
    """
    asked = dict(context.get("params") or {}).get("night")
    if asked:
        return parse_night(str(asked))
    announced = [
        str(extra["night"])
        for extra in _event_extras(context.get("triggering_asset_events") or {})
        if extra.get("night")
    ]
    if announced:
        return max(parse_night(night) for night in announced)
    due = world_clock(settings)() if is_pretend(settings) else _due(context)
    return night_of(due, settings.business_timezone)


def parse_night(text: str) -> date:
    """Read a night as `YYYY-MM-DD`.

    Raises:
        BadInputError: If it isn't a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInputError(
            "A night is a date", where=f"night {text!r}", todo="Give it as YYYY-MM-DD."
        ) from None


def _event_extras(events: Mapping[Any, Iterable[Any]]) -> list[Mapping[str, Any]]:
    return [event.extra or {} for triggering in events.values() for event in triggering]


def _due(context: Mapping[str, Any]) -> datetime:
    run = context["dag_run"]
    due: datetime = run.logical_date or run.run_after
    return due
