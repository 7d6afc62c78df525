"""A pretend world has its own time, which never goes back; production never has one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from touchproof.clock import system_clock
from touchproof.errors import BadInputError
from touchproof.settings import Settings
from touchproof.world_clock import is_pretend, set_world_clock, world_clock

MORNING = datetime(2026, 6, 29, 5, 0, tzinfo=UTC)


def test_without_a_pretend_time_it_is_the_system_s(settings: Settings) -> None:
    assert world_clock(settings) is system_clock
    assert not is_pretend(settings)


def test_the_pretend_time_goes_on_from_where_it_was_set(settings: Settings) -> None:
    set_world_clock(settings, MORNING)
    first = world_clock(settings)()
    later = world_clock(settings)()
    assert MORNING <= first <= later < MORNING + timedelta(minutes=5)
    assert is_pretend(settings)


def test_it_never_goes_back(settings: Settings) -> None:
    set_world_clock(settings, MORNING)
    set_world_clock(settings, MORNING - timedelta(days=3))
    assert world_clock(settings)() >= MORNING


def test_production_is_never_pretend(settings: Settings) -> None:
    production = Settings(data_dir=settings.data_dir, world="main")
    with pytest.raises(BadInputError):
        set_world_clock(production, MORNING)
    production.paths.sandbox.mkdir(parents=True)
    (production.paths.sandbox / "clock.json").write_text('{"now": "2026-06-29T05:00:00+00:00"}')
    assert not is_pretend(production)
    assert world_clock(production) is system_clock
