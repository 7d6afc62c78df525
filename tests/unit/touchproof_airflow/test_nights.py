"""The night of a DAG run follows from what started it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from touchproof.errors import BadInputError
from touchproof.settings import Settings
from touchproof.world_clock import set_world_clock
from touchproof_airflow.nights import night_of_run


@dataclass
class Run:
    logical_date: datetime | None
    run_after: datetime = datetime(2026, 7, 10, 5, 0, tzinfo=UTC)


@dataclass
class Event:
    extra: dict[str, Any] = field(default_factory=dict)


def context(**given: Any) -> dict[str, Any]:
    return {"params": {"night": None}, "dag_run": Run(None), **given}


def test_the_param_wins(settings: Settings) -> None:
    events = {"asset": [Event({"night": "2026-07-01"})]}
    given = context(params={"night": "2026-06-28"}, triggering_asset_events=events)
    assert night_of_run(given, settings) == date(2026, 6, 28)


def test_else_the_newest_announced_night_counts(settings: Settings) -> None:
    nights = ("2026-06-28", "2026-06-30", "2026-06-29")
    events = {number: [Event({"night": night})] for number, night in enumerate(nights)}
    given = context(triggering_asset_events={**events, "other": [Event()]})
    assert night_of_run(given, settings) == date(2026, 6, 30)


@pytest.mark.parametrize(
    ("due", "night"),
    [
        (datetime(2026, 6, 29, 5, 0, tzinfo=UTC), date(2026, 6, 28)),  # 01:00 in New York
        (datetime(2026, 6, 29, 3, 59, tzinfo=UTC), date(2026, 6, 27)),  # 23:59 the day before
    ],
)
def test_else_it_is_the_business_day_before_the_run_was_due(
    settings: Settings, due: datetime, night: date
) -> None:
    assert night_of_run(context(dag_run=Run(due)), settings) == night


def test_a_run_without_a_logical_date_counts_from_when_it_may_run(settings: Settings) -> None:
    assert night_of_run(context(), settings) == date(2026, 7, 9)


def test_a_pretend_world_follows_its_own_time(settings: Settings) -> None:
    set_world_clock(settings, datetime(2026, 6, 29, 5, 0, tzinfo=UTC))
    assert night_of_run(context(), settings) == date(2026, 6, 28)


def test_a_night_that_isn_t_a_date_is_refused(settings: Settings) -> None:
    with pytest.raises(BadInputError, match="YYYY-MM-DD"):
        night_of_run(context(params={"night": "yesterday"}), settings)
