"""The arithmetic of one conversion, by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.attribution.arithmetic import (
    WEIGHT_UNITS,
    PathSettings,
    PathTouch,
    dealt,
    labels_of,
    raw_weights,
)

_START = datetime(2026, 6, 1, 12)
_SETTINGS = PathSettings(
    half_life_days=7,
    weights=(40, 20, 40),
    w_weights=(30, 30, 30, 10),
    direct_channel="Direct",
    lead_created_at=None,
    shares={"markov": {"TV": 250_000_000, "Email": 750_000_000}},
)


def _path(*channels: str) -> list[PathTouch]:
    return [
        PathTouch(channel, channel, _START + timedelta(days=7 * place), WEIGHT_UNITS, str(place))
        for place, channel in enumerate(channels)
    ]


@pytest.mark.parametrize(
    ("model", "channels", "expected"),
    [
        ("first_touch", ("TV", "Email", "Direct"), [1, 0, 0]),
        ("last_touch", ("TV", "Email", "Direct"), [0, 0, 1]),
        ("last_non_direct", ("TV", "Email", "Direct"), [0, 1, 0]),
        ("last_non_direct", ("Direct", "Direct"), [0, 1]),
        ("linear", ("TV", "Email"), [1, 1]),
        ("time_decay", ("TV", "TV", "TV"), [250_000_000, 500_000_000, 1_000_000_000]),
        ("position_based", ("TV",), [1]),
        ("position_based", ("TV", "TV"), [40, 40]),
        ("position_based", ("TV", "TV", "TV", "TV"), [80, 20, 20, 80]),
        ("w_shaped", ("TV", "TV"), [30, 30]),
        ("markov", ("TV", "Email", "Email"), [250_000_000_000, 375_000_000_000, 375_000_000_000]),
    ],
)
def test_raw_weights_follow_the_rule(
    model: str, channels: tuple[str, ...], expected: list[int]
) -> None:
    assert raw_weights(model, _path(*channels), _SETTINGS) == expected


@pytest.mark.parametrize(
    ("count", "lead", "expected"),
    [
        (5, 3, [60, 10, 60, 10, 60]),
        (4, 1, [120, 10, 10, 60]),
        (3, 3, [30, 10, 60]),
        (3, None, [30, 10, 30]),
        (3, 2, [30, 30, 30]),
        (2, 1, [60, 30]),
        (1, 1, [90]),
    ],
)
def test_w_shaped_gives_a_touch_the_weights_of_all_its_steps(
    count: int, lead: int | None, expected: list[int]
) -> None:
    path = _path(*["TV"] * count)
    made = None if lead is None else path[lead - 1].touched_at
    assert raw_weights("w_shaped", path, replace(_SETTINGS, lead_created_at=made)) == expected


def _with_television(*channels: str, of: int) -> list[PathTouch]:
    """Return a path of which the visit `of` has two touches of television before it."""
    path = _path(*channels)
    visit = path[of]
    inferred = replace(visit, channel="TV", label="TV", is_inferred=True)
    return [*path[:of], inferred, inferred, visit, *path[of + 1 :]]


@pytest.mark.parametrize(
    ("model", "channels", "of", "expected"),
    [
        ("first_touch", ("Direct", "Email"), 0, [1, 1, 1, 0]),
        ("last_touch", ("Email", "Direct"), 1, [0, 1, 1, 1]),
        ("last_non_direct", ("Email", "Direct", "Direct"), 1, [0, 1, 1, 0, 0]),
        ("last_non_direct", ("Email", "Push", "Direct"), 1, [0, 1, 1, 1, 0]),
        ("linear", ("Email", "Direct"), 1, [1, 1, 1, 1]),
        ("position_based", ("Email",), 0, [1, 1, 1]),
        ("position_based", ("Email", "Push"), 0, [40, 40, 40, 40]),
        ("position_based", ("Email", "Push", "Push"), 1, [40, 20, 20, 20, 40]),
        ("w_shaped", ("Email", "Push", "Push"), 1, [30, 10, 10, 10, 30]),
        ("w_shaped", ("Email", "Push"), 1, [30, 30, 30, 30]),
    ],
)
def test_a_visit_and_what_television_brought_of_it_are_one_step(
    model: str, channels: tuple[str, ...], of: int, expected: list[int]
) -> None:
    assert raw_weights(model, _with_television(*channels, of=of), _SETTINGS) == expected


def test_what_television_brought_is_never_direct() -> None:
    path = _with_television("Email", "Direct", of=1)
    named_direct = replace(_SETTINGS, direct_channel="TV")
    assert raw_weights("last_non_direct", path, named_direct) == [0, 1, 1, 1]


def test_a_decayed_touch_keeps_at_least_one() -> None:
    long_ago = _START - timedelta(days=3650)
    path = [PathTouch("TV", "TV", long_ago, WEIGHT_UNITS, "then"), *_path("TV")]
    assert raw_weights("time_decay", path, _SETTINGS)[0] == 1


def test_an_unknown_model_and_a_channel_without_a_share_are_refused() -> None:
    with pytest.raises(KeyError):
        raw_weights("shapley", _path("TV"), _SETTINGS)
    with pytest.raises(KeyError):
        raw_weights("markov", _path("Push"), _SETTINGS)


def test_only_frequency_changes_a_label() -> None:
    channels = ["Email", "Email", "TV", "Email"]
    assert labels_of(channels, "exposure") == channels
    assert labels_of(channels, "frequency") == ["Email(2)", "Email(2)", "TV(1)", "Email(1)"]


def test_cents_are_dealt_out_whole_half_away_from_zero() -> None:
    assert dealt(1, [1, 1, 1]) == [0, 1, 0]
    assert dealt(-100, [1, 1, 1]) == [-33, -34, -33]
    assert dealt(1, [1, 1]) == [1, 0]


@given(
    amount=st.integers(-(10**12), 10**12),
    shares=st.lists(st.integers(0, 10**21), min_size=1, max_size=200).filter(any),
)
def test_parts_sum_to_the_amount_and_have_its_sign(amount: int, shares: list[int]) -> None:
    parts = dealt(amount, shares)
    assert sum(parts) == amount
    assert all(part * amount >= 0 for part in parts)
