"""In `make run` a DAG by the clock starts when its hour comes, as under a scheduler."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import CronTriggerTimetable

from touchproof_airflow.due import is_due


def dag(expression: str | None) -> Any:
    if expression is None:
        return SimpleNamespace(timetable=SimpleNamespace())
    return SimpleNamespace(timetable=CronTriggerTimetable(expression, timezone="America/New_York"))


@pytest.mark.parametrize(
    ("night", "is_first"),
    [
        (date(2026, 4, 30), True),
        (date(2026, 5, 1), False),
        (date(2026, 5, 31), True),
        (date(2026, 12, 31), True),
        (date(2027, 2, 27), False),
        (date(2027, 2, 28), True),
    ],
)
def test_a_monthly_dag_is_due_after_the_last_night_of_a_month(night: date, is_first: bool) -> None:
    assert is_due(dag("30 6 1 * *"), night) is is_first


@pytest.mark.parametrize("night", [date(2026, 3, 7), date(2026, 10, 31), date(2026, 6, 15)])
def test_a_nightly_dag_is_due_every_night_also_when_clocks_change(night: date) -> None:
    for expression in ("0 1 * * *", "30 6 * * *", "59 23 * * *"):
        assert is_due(dag(expression), night)


def test_a_dag_that_assets_start_is_due_whenever_they_are_there() -> None:
    assert is_due(dag(None), date(2026, 6, 15))
