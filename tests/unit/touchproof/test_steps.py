"""Each step of a night is recorded, also one that fails, and never with a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest

from touchproof.errors import PausedError, SourceUnavailableError
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.steps import as_json, run_step

NIGHT = date(2026, 6, 28)
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Report:
    night: date
    rows: int
    status: str = "ok"
    path: Path = Path("a/b")


def recorded(settings: Settings) -> tuple[str, dict[str, object]]:
    run = Ledger.of(settings).runs(NIGHT)[-1]
    return run.status, run.report


def test_the_report_is_returned_and_recorded(settings: Settings, fixed_clock: Clock) -> None:
    report = run_step(settings, NIGHT, "load", fixed_clock, lambda: Report(NIGHT, 3))
    assert report == Report(NIGHT, 3)
    status, content = recorded(settings)
    assert status == "ok"
    assert content == {
        "night": "2026-06-28",
        "rows": 3,
        "status": "ok",
        "path": "a/b",
        "seconds": 0.0,
    }


@pytest.mark.parametrize(("told", "kept"), [("waiting", "waiting"), ("fresh", "ok")])
def test_a_report_s_own_status_counts_where_the_ledger_knows_it(
    settings: Settings, fixed_clock: Clock, told: str, kept: str
) -> None:
    run_step(settings, NIGHT, "push:nightly", fixed_clock, lambda: Report(NIGHT, 1, told))
    assert recorded(settings)[0] == kept


def test_a_step_that_pauses_is_not_recorded_since_it_is_neither_over_nor_failed(
    settings: Settings, fixed_clock: Clock
) -> None:
    def pause() -> None:
        raise PausedError("It waits", seconds=90)

    with pytest.raises(PausedError):
        run_step(settings, NIGHT, "push:nightly", fixed_clock, pause)
    assert Ledger.of(settings).runs(NIGHT) == []


def test_our_own_error_is_recorded_in_its_words(settings: Settings, fixed_clock: Clock) -> None:
    def fail() -> None:
        raise SourceUnavailableError("The folder is gone", where="source app", todo="Mount it.")

    with pytest.raises(SourceUnavailableError):
        run_step(settings, NIGHT, "extract:app", fixed_clock, fail)
    status, content = recorded(settings)
    assert status == "failed"
    assert content["error"] == "The folder is gone (source app). Mount it."


def test_a_foreign_error_is_recorded_by_its_kind_alone(
    settings: Settings, fixed_clock: Clock
) -> None:
    def fail() -> None:
        raise ValueError("jane.doe@example.com isn't a number")

    with pytest.raises(ValueError, match="jane"):
        run_step(settings, NIGHT, "load", fixed_clock, fail)
    assert "jane" not in str(recorded(settings))
    assert "ValueError" in str(recorded(settings)[1]["error"])


def test_a_failed_push_keeps_what_it_did_all_the_same(
    settings: Settings, fixed_clock: Clock
) -> None:
    class PushFailedError(SourceUnavailableError):
        report = Report(NIGHT, 9)

    def fail() -> None:
        raise PushFailedError("Too much was refused")

    with pytest.raises(PushFailedError):
        run_step(settings, NIGHT, "push:nightly", fixed_clock, fail)
    assert recorded(settings)[1]["rows"] == 9


def test_lists_of_reports_become_items() -> None:
    assert as_json([Report(NIGHT, 1)])["items"][0]["night"] == "2026-06-28"
    assert as_json(None) == {}
