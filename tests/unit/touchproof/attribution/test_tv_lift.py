"""Rules of television's lift: true in its interval, unbiased in sum, exact where spots overlap."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tv_planted import DAY, PlantedTv, background, minute, moment, plant_tv, visits_table

from touchproof.attribution.tv_allocation import GroupLift
from touchproof.attribution.tv_lift import (
    NO_VISITS,
    NOT_OBSERVED,
    TOO_FEW,
    TvSettings,
    estimate_lift,
)
from touchproof.attribution.tv_result import TvLift
from touchproof.attribution.tv_series import TvInputError, local_clock

SETTINGS = TvSettings(time_zones={"US": "America/New_York"})
START = minute(2026, 5, 4)


def _rows(lift: TvLift) -> dict[str, dict[str, Any]]:
    return {row["spot_id"]: row for row in lift.spots.to_pylist()}


def _spots(*aired: int, station: str = "N1", country: str = "US") -> pa.Table:
    return pa.table(
        {
            "spot_id": [f"s{number}" for number in range(len(aired))],
            "country": [country] * len(aired),
            "station": [station] * len(aired),
            "aired_at": pa.array([moment(at) for at in aired], pa.timestamp("us")),
        }
    )


def _quiet_weeks(days: int = 20, per_day: float = 1500.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return background(rng, START, days, per_day, "America/New_York", day_spread=0.0)


@pytest.fixture(scope="module", params=[101, 102, 103])
def planted(request: pytest.FixtureRequest) -> tuple[PlantedTv, TvLift]:
    """Generate 200 spots and estimate their lifts."""
    world = plant_tv(request.param)
    return world, estimate_lift(world.visits, world.spots, SETTINGS)


def test_at_least_nine_of_ten_of_200_true_lifts_lie_in_their_intervals(
    planted: tuple[PlantedTv, TvLift],
) -> None:
    world, lift = planted
    rows = _rows(lift)
    assert len(rows) == 200
    held = [
        row["lift_visits_lower"] <= world.brought[spot_id] <= row["lift_visits_upper"]
        for spot_id, row in rows.items()
    ]
    assert np.mean(held) >= 0.9
    # Wide intervals would hold anything: the typical one is narrower than a strong spot's lift.
    widths = [row["lift_visits_upper"] - row["lift_visits_lower"] for row in rows.values()]
    assert np.median(widths) < 25


def test_lifts_are_unbiased_in_sum_although_single_ones_are_negative() -> None:
    estimated, true, margin_squared = 0.0, 0, 0.0
    for seed in range(4):
        world = plant_tv(seed, per_day=600.0)
        rows = _rows(estimate_lift(world.visits, world.spots, SETTINGS)).values()
        estimated += sum(row["lift_visits"] for row in rows)
        true += sum(world.brought.values())
        margin_squared += sum(row["own_margin_squared"] for row in rows)
        margin_squared += sum(row["baseline_margin"] for row in rows) ** 2
        assert min(row["lift_visits"] for row in rows) < 0
    assert abs(estimated - true) < np.sqrt(margin_squared)
    assert abs(estimated - true) / true < 0.03


def test_overlapping_spots_share_exactly_what_they_overlap(
    planted: tuple[PlantedTv, TvLift],
) -> None:
    world, lift = planted
    rows = _rows(lift)
    groups = _groups(world.spots)
    assert sum(len(group) > 1 for group in groups) >= 10
    minutes = lift.minutes.to_pylist()
    for group in groups:
        seen = {row["minute_at"]: row for row in minutes if row["spot_id"] in group}
        whole = sum(row["observed_visits"] - row["baseline_visits"] for row in seen.values())
        assert sum(rows[spot]["lift_visits"] for spot in group) == pytest.approx(whole, abs=1e-4)
        if len(group) == 1:
            row = rows[group[0]]
            assert row["lift_visits"] == pytest.approx(
                row["observed_visits"] - row["baseline_visits"], abs=1e-6
            )


def test_weights_of_visits_sum_to_what_is_credited_and_stay_below_one(
    planted: tuple[PlantedTv, TvLift],
) -> None:
    _, lift = planted
    rows = _rows(lift)
    by_spot: dict[str, float] = {}
    by_minute: dict[datetime, float] = {}
    for row in lift.minutes.to_pylist():
        assert row["visit_weight"] >= 0
        by_minute[row["minute_at"]] = by_minute.get(row["minute_at"], 0) + row["visit_weight"]
        got = row["visit_weight"] * row["observed_visits"]
        assert got == pytest.approx(row["expected_tv_visits"], abs=1e-5)
        by_spot[row["spot_id"]] = by_spot.get(row["spot_id"], 0) + got
    assert max(by_minute.values()) < 1
    significant = [spot for spot, row in rows.items() if row["is_significant"]]
    assert len(significant) > 40
    for spot in significant:
        assert by_spot[spot] == pytest.approx(rows[spot]["credited_visits"], abs=1e-4)
    assert all(row["credited_visits"] == 0 for spot, row in rows.items() if spot not in significant)


def test_spots_chosen_for_their_lifts_are_not_credited_more_than_they_brought() -> None:
    """Many worlds, because one choice proves little: the winner's curse is a mean."""
    lift = credited = brought = 0.0
    for seed in range(200, 208):
        world = plant_tv(seed, spots=120, days=28, per_day=900.0)
        for spot, row in _rows(estimate_lift(world.visits, world.spots, SETTINGS)).items():
            if row["is_significant"]:
                lift += row["lift_visits"]
                credited += row["credited_visits"]
                brought += world.brought[spot]
    assert lift / brought > 1.04
    assert 0.97 < credited / brought < 1.02
    assert abs(credited - brought) < abs(lift - brought) / 3


def test_an_unsure_lift_is_drawn_towards_the_usual_one() -> None:
    nothing = np.zeros(3)
    variance = np.array([0.0, 4.0, 1e9])
    lifts = GroupLift(np.array([9.0, 9.0, 9.0]), nothing, variance, nothing, nothing)
    expected = lifts.expected_beside(np.full(3, 5.0), np.full(3, 2.0))
    assert expected == pytest.approx([9.0, 7.0, 5.0], abs=1e-6)


def test_spots_without_significant_lift_give_no_visit_a_weight(
    planted: tuple[PlantedTv, TvLift],
) -> None:
    world, lift = planted
    rows = _rows(lift)
    weighted = {row["spot_id"] for row in lift.minutes.to_pylist() if row["visit_weight"] > 0}
    assert weighted <= {spot for spot, row in rows.items() if row["is_significant"]}
    without = {spot for spot, brought in world.brought.items() if brought == 0}
    assert len(without & weighted) <= 0.1 * len(without)


def test_where_no_spot_works_hardly_any_is_significant() -> None:
    world = plant_tv(7, strength=0.0)
    rows = _rows(estimate_lift(world.visits, world.spots, SETTINGS)).values()
    assert sum(row["is_significant"] for row in rows) <= 10
    assert abs(sum(row["lift_visits"] for row in rows)) < 200


def test_two_spots_of_one_station_in_the_same_minute_share_alike() -> None:
    counts = _quiet_weeks()
    aired = START + 10 * DAY + 900
    counts[aired - START : aired - START + 6] += [5, 9, 8, 5, 2, 1]
    first, second = _rows(
        estimate_lift(visits_table(counts, START), _spots(aired, aired), SETTINGS)
    ).values()
    assert first["overlapping_spots"] == second["overlapping_spots"] == 1
    assert first["lift_visits"] == pytest.approx(second["lift_visits"], abs=2e-6)
    whole = first["observed_visits"] - first["baseline_visits"]
    assert first["lift_visits"] + second["lift_visits"] == pytest.approx(whole, abs=1e-6)
    assert first["lift_visits_lower"] < first["lift_visits"] < first["lift_visits_upper"]


def test_a_later_spot_gets_what_only_it_can_have_brought() -> None:
    counts = _quiet_weeks()
    aired = START + 10 * DAY + 900
    at = aired - START
    counts[at + 8 : at + 14] += [4, 12, 10, 6, 4, 2]
    strong_is_second = _rows(
        estimate_lift(visits_table(counts, START), _spots(aired, aired + 8), SETTINGS)
    )
    assert strong_is_second["s1"]["lift_visits"] > 25
    assert strong_is_second["s0"]["lift_visits"] < 10


def test_another_spots_visits_change_no_lift_outside_its_window() -> None:
    counts = _quiet_weeks()
    aired = (START + 5 * DAY + 800, START + 5 * DAY + 900, START + 9 * DAY + 800)
    counts[aired[2] - START : aired[2] - START + 5] += 4
    calm = _rows(estimate_lift(visits_table(counts, START), _spots(*aired), SETTINGS))
    counts[aired[0] - START : aired[0] - START + 30] += 300
    loud = _rows(estimate_lift(visits_table(counts, START), _spots(*aired), SETTINGS))
    for spot in ("s1", "s2"):
        # What is credited leans on what spots usually bring, and so on other spots.
        assert loud[spot] | {"credited_visits": 0} == calm[spot] | {"credited_visits": 0}
    assert loud["s0"]["lift_visits"] == pytest.approx(calm["s0"]["lift_visits"] + 3300)


def test_days_around_the_change_of_the_clock_follow_the_local_clock() -> None:
    # Visits rise steeply before 20:00 local time: 01:00 UTC until 7 March 2026, then 00:00 UTC.
    start, days = minute(2026, 3, 1), 14
    clock = local_clock(start, days * DAY, "America/New_York")
    rate = 4 * np.exp(3 * np.cos((clock.minute_of_day - 1200) / DAY * 2 * np.pi) - 3)
    counts = np.random.default_rng(3).poisson(rate)
    before, after = start + 6 * DAY + 22 * 60, start + 8 * DAY + 21 * 60
    due = [float(rate[at - start : at - start + 11].sum()) for at in (before, after)]
    assert due[0] == pytest.approx(due[1])
    spots, visits = _spots(before, after), visits_table(counts, start)
    local = _rows(estimate_lift(visits, spots, SETTINGS))
    in_utc = _rows(estimate_lift(visits, spots, TvSettings()))
    for spot, expected in zip(("s0", "s1"), due, strict=True):
        assert local[spot]["baseline_visits"] == pytest.approx(expected, rel=0.08)
    assert in_utc["s1"]["baseline_visits"] < 0.85 * due[1]


def test_the_local_clock_skips_and_repeats_the_hour_of_the_change() -> None:
    spring = local_clock(minute(2026, 3, 8), 2 * DAY, "America/New_York")
    shown = spring.minute_of_day[spring.day == minute(2026, 3, 8) // DAY]
    assert len(shown) == 23 * 60
    assert not ((shown >= 120) & (shown < 180)).any()
    autumn = local_clock(minute(2026, 11, 1), 2 * DAY, "America/Toronto")
    shown = autumn.minute_of_day[autumn.day == minute(2026, 11, 1) // DAY]
    assert len(shown) == 25 * 60
    assert ((shown >= 60) & (shown < 120)).sum() == 120
    assert local_clock(minute(2026, 3, 9), 1, "UTC").weekday.tolist() == [0]


def test_the_order_of_rows_changes_nothing_and_two_runs_give_the_same() -> None:
    world = plant_tv(5, spots=40, days=21)
    expected = estimate_lift(world.visits, world.spots, SETTINGS)
    again = estimate_lift(world.visits, world.spots, SETTINGS)
    order = np.random.default_rng(0).permutation(world.visits.num_rows)
    mixed = estimate_lift(world.visits.take(order), world.spots.take(order[order < 40]), SETTINGS)
    for other in (again, mixed):
        assert other.spots.equals(expected.spots)
        assert other.minutes.equals(expected.minutes)


def test_a_spots_lift_no_longer_changes_once_its_stretch_is_over() -> None:
    settings = TvSettings(baseline_span_days=14, time_zones=SETTINGS.time_zones)
    world = plant_tv(6, spots=80, days=56)
    border = (minute(2026, 2, 22) // (14 * DAY) + 2) * 14 * DAY
    # What was known two days after the stretch, against what was known in the end.
    early = [
        table.filter(pa.array([at < moment(border + 2 * DAY) for at in table[name].to_pylist()]))
        for table, name in ((world.visits, "minute_at"), (world.spots, "aired_at"))
    ]
    final = _rows(estimate_lift(world.visits, world.spots, settings))
    known = _rows(estimate_lift(*early, settings))
    aired = dict(
        zip(world.spots["spot_id"].to_pylist(), world.spots["aired_at"].to_pylist(), strict=True)
    )
    over = [spot for spot in known if aired[spot] < moment(border)]
    assert len(over) > 20
    assert {spot: known[spot] for spot in over} == {spot: final[spot] for spot in over}


def test_what_was_not_observed_is_unmeasured_instead_of_without_effect() -> None:
    counts = _quiet_weeks()
    counts[12 * DAY : 13 * DAY] = 0
    last = int(np.flatnonzero(counts)[-1])
    lost, after, fine = START + 12 * DAY + 900, START + last - 5, START + 5 * DAY + 900
    rows = _rows(estimate_lift(visits_table(counts, START), _spots(lost, after, fine), SETTINGS))
    assert [rows[spot]["unmeasured_reason"] for spot in ("s0", "s1", "s2")] == [
        NOT_OBSERVED,
        NOT_OBSERVED,
        None,
    ]
    assert rows["s0"]["lift_visits"] is None
    elsewhere = estimate_lift(visits_table(counts, START), _spots(fine, country="CA"), SETTINGS)
    assert _rows(elsewhere)["s0"]["unmeasured_reason"] == NO_VISITS
    few = estimate_lift(visits_table(_quiet_weeks(3, 5.0), START), _spots(START + 900), SETTINGS)
    assert _rows(few)["s0"]["unmeasured_reason"] == TOO_FEW


def test_countries_do_not_hear_each_others_spots() -> None:
    counts = _quiet_weeks()
    aired = START + 5 * DAY + 900
    loud = counts.copy()
    loud[aired - START : aired - START + 10] += 50
    visits = pa.concat_tables([visits_table(counts, START), visits_table(loud, START, "CA")])
    row = _rows(estimate_lift(visits, _spots(aired), SETTINGS))["s0"]
    assert row["lift_visits"] < 20


def test_minutes_nest_in_their_spots_and_settings_come_from_rows() -> None:
    counts = visits_table(_quiet_weeks(), START)
    rows = pa.table(
        {
            "country": ["US", "CA"],
            "clock_time_zone": ["America/New_York", "America/Toronto"],
            "response_window_minutes": [5, 5],
            "guard_minutes": [15, 15],
            "baseline_span_days": [14, 14],
            "interval_level": [0.9, 0.9],
            "min_significance": [0.99, 0.99],
        }
    )
    settings = TvSettings.from_rows(rows)
    assert settings == TvSettings(
        5, 15, 14, 0.9, 0.99, {"US": "America/New_York", "CA": "America/Toronto"}
    )
    aired = START + 5 * DAY + 900
    nested = estimate_lift(counts, _spots(aired, START - 60), settings).with_nested_minutes()
    measured, unmeasured = nested.to_pylist()
    assert [entry["minute_at"] for entry in measured["minutes"]] == [
        moment(aired + lag) for lag in range(6)
    ]
    assert unmeasured["minutes"] is None
    with pytest.raises(TvInputError, match="No country"):
        TvSettings.from_rows(rows.slice(0, 0))


def test_without_spots_or_visits_there_is_nothing() -> None:
    counts = visits_table(_quiet_weeks(2), START)
    assert estimate_lift(counts, _spots(), SETTINGS).spots.num_rows == 0
    nothing = estimate_lift(counts.slice(0, 0), _spots(START), SETTINGS)
    assert _rows(nothing)["s0"]["unmeasured_reason"] == NO_VISITS
    assert nothing.minutes.num_rows == 0


def test_a_spot_twice_or_without_time_is_refused() -> None:
    counts = visits_table(_quiet_weeks(2), START)
    twice = pa.concat_tables([_spots(START), _spots(START)])
    with pytest.raises(TvInputError, match="more than once"):
        estimate_lift(counts, twice, SETTINGS)
    without = _spots(START).set_column(3, "aired_at", pa.array([None], pa.timestamp("us")))
    with pytest.raises(TvInputError, match="no id, country, station or time"):
        estimate_lift(counts, without, SETTINGS)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8),
    st.lists(st.integers(0, 30), min_size=80, max_size=80),
)
def test_lifts_of_any_spots_sum_to_what_came_beyond_the_baseline(
    offsets: list[int], extra: list[int]
) -> None:
    counts = _quiet_weeks(6, 400.0)
    at = 3 * DAY + 900
    counts[at : at + 80] += extra
    spots = _spots(*(START + at + offset for offset in offsets))
    lift = estimate_lift(visits_table(counts, START), spots, SETTINGS)
    rows = _rows(lift)
    minutes = {row["minute_at"]: row for row in lift.minutes.to_pylist()}
    whole = sum(row["observed_visits"] - row["baseline_visits"] for row in minutes.values())
    assert sum(row["lift_visits"] for row in rows.values()) == pytest.approx(whole, abs=1e-4)
    for row in rows.values():
        assert row["lift_visits_lower"] <= row["lift_visits"] <= row["lift_visits_upper"]


def _groups(spots: pa.Table) -> list[list[str]]:
    """Return ids of spots whose windows are connected, by a walk of their own."""
    rows = sorted(
        (int((at - datetime(1970, 1, 1)).total_seconds()) // 60, spot)
        for at, spot in zip(
            spots["aired_at"].to_pylist(), spots["spot_id"].to_pylist(), strict=True
        )
    )
    groups: list[list[str]] = []
    last = -(10**9)
    for at, spot in rows:
        if at > last + 10:
            groups.append([])
        groups[-1].append(spot)
        last = at
    return groups
