"""The alert says which night, how far it came and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from touchproof.deadline import require_published
from touchproof.errors import CheckFailedError
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

NIGHT = date(2026, 6, 28)
Clock = Callable[[], datetime]


def commit(settings: Settings, night: date, now: datetime) -> None:
    Ledger.of(settings).commit_night(
        night,
        published_at=now,
        published_sha256="0f" * 32,
        handoff_hashes={},
        mart_hashes={},
        ledger_batch={},
    )


def test_a_published_night_is_no_alert(settings: Settings, fixed_clock: Clock) -> None:
    commit(settings, NIGHT, fixed_clock())
    assert "2026-06-28" in require_published(settings, NIGHT)


def test_a_night_of_which_nothing_ran_points_at_the_scheduler(settings: Settings) -> None:
    with pytest.raises(CheckFailedError, match="scheduler runs"):
        require_published(settings, NIGHT)


def test_it_names_what_readers_see_and_the_step_that_failed(
    settings: Settings, fixed_clock: Clock
) -> None:
    commit(settings, date(2026, 6, 27), fixed_clock())
    ledger = Ledger.of(settings)
    ledger.record_run(NIGHT, "gate", "ok", {}, fixed_clock())
    ledger.record_run(NIGHT, "build", "failed", {}, fixed_clock())
    with pytest.raises(CheckFailedError) as alert:
        require_published(settings, NIGHT)
    told = str(alert.value)
    assert "readers still see 2026-06-27" in told
    assert "last step that succeeded: gate; failed: build" in told
    assert "failed model" in told
