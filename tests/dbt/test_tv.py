"""Rules of television in the build: lifts, inferred touches, local times and exact weights."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_built import Built
from dbt_planted import NIGHT, Row, ga4_event, plant

from touchproof.settings import Settings
from touchproof.transform import build

FIRST, DAYS = datetime(2026, 3, 4), 8
SPOTS = {
    # 20:00 in New York is 01:00 UTC in winter; from 8 March 2026 on it is 00:00 UTC.
    "winter": ("2026-03-07T20:00:00", datetime(2026, 3, 8, 1)),
    "summer": ("2026-03-08T20:00:00", datetime(2026, 3, 9, 0)),
    "dead": ("2026-03-06T12:00:00", datetime(2026, 3, 6, 17)),
    "leading": ("2026-03-09T20:00:00", datetime(2026, 3, 10, 0)),
    "following": ("2026-03-09T20:04:00", datetime(2026, 3, 10, 0, 4)),
    "too_late": ("2026-03-20T20:00:00", datetime(2026, 3, 21, 0)),
}


def _event(moment: datetime, cookie: str | None, **more: Any) -> Row:
    session = None if cookie is None else 1
    row = ga4_event(moment, cookie, session=session, **more)
    return row | {"geo": {"country": "United States"}}


def _responses(spot: str, seconds: list[int]) -> list[Row]:
    begin = SPOTS[spot][1]
    return [_event(begin + timedelta(seconds=second), f"{spot}.{second}") for second in seconds]


def _world() -> dict[str, list[Row]]:
    ordinary = [
        _event(FIRST + timedelta(minutes=minute, seconds=10), f"ordinary.{minute}")
        for minute in range(0, DAYS * 1440, 12)
    ]
    answers = [20, 45, 70, 80, 100, 110, 130, 150, 170, 200, 240, 300]
    anonymous = _event(SPOTS["winter"][1] + timedelta(seconds=90), None, name="session_start")
    form = _event(SPOTS["winter"][1] + timedelta(seconds=200), "winter.70", name="generate_lead")
    spots = [
        {"spot_id": spot, "station": "WENY", "country": "US", "campaign_code": "tv_1",
         "aired_local": local, "time_zone": "America/New_York", "length_seconds": "30",
         "daypart": "prime", "program": "Drama", "cost": "120.00", "currency": "USD"}
        for spot, (local, _) in SPOTS.items()
    ]  # fmt: skip
    return {
        "ga4__events": [
            *ordinary,
            *_responses("winter", answers),
            *_responses("summer", answers),
            *_responses("leading", answers),
            *_responses("following", answers),
            anonymous,
            form,
        ],
        "media__spots": spots,
    }


@pytest.fixture(scope="module")
def television(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build a week of visits and six spots, up to the marts of spots and touchpoints."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("tv"), world="tiny")
    plant(settings.paths.warehouse, _world())
    select = ["+mart_tv_spots", "+mart_tv_performance", "+fct_touchpoints", "path:tests/tv"]
    return Built(settings, build(settings, NIGHT, select=select))


def _lifts(built: Built) -> dict[object, dict[str, Any]]:
    names = ("spot_id", "aired_at", "unmeasured_reason", "overlapping_spots", "observed_visits",
             "baseline_visits", "lift_visits", "lift_visits_lower", "lift_visits_upper",
             "is_significant", "inferred_touchpoints", "cost_per_incremental_visit")  # fmt: skip
    rows = built.rows(f"select {', '.join(names)} from marts.mart_tv_spots")
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def test_a_spots_local_time_counts_on_both_sides_of_the_change_of_the_clock(
    television: Built,
) -> None:
    lifts = _lifts(television)
    for spot in ("winter", "summer"):
        assert lifts[spot]["aired_at"] == SPOTS[spot][1]
        assert lifts[spot]["is_significant"]
        assert lifts[spot]["lift_visits_lower"] <= 12 <= lifts[spot]["lift_visits_upper"] + 1
    assert lifts["winter"]["observed_visits"] == lifts["summer"]["observed_visits"] + 1


def test_a_spot_without_lift_gives_no_touch_and_one_not_yet_observed_no_lift(
    television: Built,
) -> None:
    lifts = _lifts(television)
    assert not lifts["dead"]["is_significant"]
    assert lifts["dead"]["lift_visits"] < 1
    assert lifts["dead"]["inferred_touchpoints"] == 0
    assert lifts["too_late"]["unmeasured_reason"] == "not_observed"
    assert lifts["too_late"]["lift_visits"] is None
    touched = television.rows(
        "select distinct split_part(source_event_key, '/', 1)"
        " from intermediate.int_touchpoints_unioned where interaction = 'inferred' order by 1"
    )
    assert touched == [("following",), ("leading",), ("summer",), ("winter",)]


def test_two_overlapping_spots_lifts_sum_to_the_whole(television: Built) -> None:
    lifts = _lifts(television)
    assert lifts["leading"]["overlapping_spots"] == lifts["following"]["overlapping_spots"] == 1
    whole = television.rows(
        "select sum(observed_visits - baseline_visits) from (select distinct minute_at,"
        " observed_visits, baseline_visits from intermediate.int_tv_minutes_listed"
        " where spot_id in ('leading', 'following'))"
    )[0][0]
    shared = lifts["leading"]["lift_visits"] + lifts["following"]["lift_visits"]
    assert shared == pytest.approx(whole, abs=Decimal("0.00002"))
    assert 20 < shared < 25


def test_weights_of_a_session_sum_to_1_whether_visit_or_form_remains(television: Built) -> None:
    rows = television.rows(
        "select session_key, sum(touch_weight), count(*), min(touch_weight)"
        " from intermediate.int_touchpoints_unioned where session_key in ("
        "  select session_key from intermediate.int_touchpoints_unioned"
        "  where interaction = 'inferred') group by session_key"
    )
    assert len(rows) > 30
    assert {row[1] for row in rows} == {Decimal(1)}
    assert min(row[3] for row in rows) > 0  # type: ignore[type-var]
    assert {row[2] for row in rows} == {2, 3}
    form = television.rows(
        "select fct_touchpoints.interaction from marts.fct_touchpoints"
        " inner join intermediate.int_touchpoints_unioned using (touchpoint_id)"
        " where int_touchpoints_unioned.session_key = 'winter.70.1' order by 1"
    )
    assert form == [("form_submit",), ("inferred",)]


def test_an_inferred_touch_is_one_step_with_its_visit_and_never_before_its_spot(
    television: Built,
) -> None:
    rows = television.rows(
        "select touches.touched_at, visits.touched_at, spots.aired_at, touches.step_id,"
        " visits.step_id, visits.touchpoint_id, touches.session_key = visits.session_key"
        " from marts.fct_touchpoints as published"
        " inner join intermediate.int_touchpoints_unioned as touches using (touchpoint_id)"
        " inner join intermediate.int_touchpoints_unioned as visits"
        " on published.step_id = visits.touchpoint_id"
        " inner join staging.stg_media__spots as spots"
        " on split_part(touches.source_event_key, '/', 1) = spots.spot_id"
        " where touches.interaction = 'inferred'"
    )
    assert len(rows) > 30
    for touched_at, visited_at, aired_at, step, visit_step, visit, is_one_session in rows:
        assert touched_at == visited_at >= aired_at  # type: ignore[operator]
        assert step == visit_step == visit
        assert is_one_session
    alone = television.rows(
        "select count(*) from marts.fct_touchpoints where step_id <> touchpoint_id"
        " and interaction <> 'inferred'"
    )
    assert alone == [(0,)]


def test_the_performance_of_spots_sums_their_costs_and_lifts(television: Built) -> None:
    rows = television.rows(
        "select spots, measured_spots, cost_cents, measured_cost_cents, lift_visits,"
        " lift_visits_lower < lift_visits and lift_visits < lift_visits_upper,"
        " cost_per_incremental_visit, linear_customers from marts.mart_tv_performance"
    )
    lift = sum(row["lift_visits"] for row in _lifts(television).values() if row["lift_visits"])
    assert [row[:4] for row in rows] == [(6, 5, 72000, 60000)]
    assert rows[0][4] == lift
    assert rows[0][5] is True
    assert rows[0][6] == pytest.approx(Decimal(600) / lift, abs=Decimal("0.000002"))
    assert rows[0][7] == 0


@pytest.mark.parametrize(
    "corruption",
    [
        "update intermediate.int_touchpoints_unioned set touch_weight = 1"
        " where source_system = 'ga4'",
        "update intermediate.int_tv_touches_inferred set tv_weight = tv_weight - 0.000000000001",
        "delete from intermediate.int_touchpoints_unioned where interaction = 'form_submit'",
        "update intermediate.int_touchpoints_unioned set touched_at = touched_at - to_seconds(1)"
        " where interaction = 'inferred'",
        "update intermediate.int_touchpoints_unioned set step_weight_before = 0",
        "update intermediate.int_touchpoints_unioned set window_kind = 'view'"
        " where interaction = 'visit'",
    ],
    ids=[
        "a_visit_that_kept_all",
        "a_unit_that_is_missing",
        "a_form_that_is_missing",
        "a_touch_a_second_before_its_visit",
        "a_step_without_its_order",
        "a_step_of_two_windows",
    ],
)
def test_the_projects_test_of_whole_visits_fails_on(
    corruption: str, television: Built, tmp_path: Path
) -> None:
    test = television.compiled("tests", "tv", "a_visit_and_its_inferred_touches_sum_to_one.sql")
    with duckdb.connect(str(television.copy(tmp_path))) as connection:
        assert connection.execute(test).fetchall() == []
        connection.execute(corruption)
        assert connection.execute(test).fetchall() != []
