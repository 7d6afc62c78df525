"""The growth of daily calls: weekends and storms don't move it, and a date follows from it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.api_audit.growth import Growth, growth_of, sufficiency

MONDAY = date(2026, 6, 1)


def days(count: int, slope: float = 10.0, weekend: int = -3_000) -> dict[date, int]:
    dates = [MONDAY + timedelta(days=number) for number in range(count)]
    return {
        day: round(18_000 + slope * number) + (weekend if day.isoweekday() > 5 else 0)
        for number, day in enumerate(dates)
    }


def test_the_growth_of_weeks_with_weekends_is_what_each_day_has_more() -> None:
    growth = growth_of(days(28))
    assert growth is not None
    assert (growth.calls_a_day, growth.lower, growth.upper) == (10.0, 10.0, 10.0)
    assert growth.busiest_calls == 18_000 + 10 * 27
    assert growth.busiest_weekday <= 5


def test_single_storms_move_neither_growth_nor_the_usual_day() -> None:
    calls = days(28)
    for number in (5, 8, 17):
        calls[MONDAY + timedelta(days=number)] += 9_000
    growth = growth_of(calls)
    assert growth is not None
    assert growth.calls_a_day == 10.0
    assert growth.lower <= 10.0 <= growth.upper
    assert growth.busiest_calls == 18_000 + 10 * 27


@pytest.mark.parametrize(("count", "is_known"), [(1, False), (13, False), (14, True)])
def test_growth_needs_every_weekday_twice(count: int, is_known: bool) -> None:
    assert (growth_of(days(count)) is not None) is is_known


@given(st.lists(st.integers(0, 30_000), min_size=14, max_size=60))
def test_the_growth_lies_within_its_interval(calls: list[int]) -> None:
    growth = growth_of({MONDAY + timedelta(days=n): value for n, value in enumerate(calls)})
    assert growth is not None
    assert growth.lower <= growth.calls_a_day <= growth.upper


def test_the_interval_holds_the_true_growth_of_noisy_weeks_about_as_often_as_it_says() -> None:
    import numpy as np

    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        noise = rng.normal(0, 150, 28)
        calls = {day: value + round(noise[n]) for n, (day, value) in enumerate(days(28).items())}
        growth = growth_of(calls)
        assert growth is not None
        held += growth.lower <= 10.0 <= growth.upper
    assert held >= 180


GROWTH = Growth(10.0, 5.0, 20.0, 28, 1, 18_000)
NEWEST = date(2026, 6, 28)


def test_the_allowance_suffices_while_the_room_lasts() -> None:
    found = sufficiency(GROWTH, NEWEST, 20_000)
    assert found.until == NEWEST + timedelta(days=200)
    assert found.earliest == NEWEST + timedelta(days=100)
    assert found.latest == NEWEST + timedelta(days=400)


def test_saved_calls_are_room_and_no_slower_growth() -> None:
    assert sufficiency(GROWTH, NEWEST, 20_000, 1_000).until == NEWEST + timedelta(days=300)


def test_calls_that_do_not_grow_suffice_for_ever_and_a_full_day_never() -> None:
    still = Growth(0.0, -5.0, 5.0, 28, 1, 18_000)
    found = sufficiency(still, NEWEST, 20_000)
    assert (found.until, found.latest) == (None, None)
    assert found.earliest == NEWEST + timedelta(days=400)
    assert sufficiency(GROWTH, NEWEST, 18_000).is_exceeded
    assert not sufficiency(GROWTH, NEWEST, 18_000, 100).is_exceeded
