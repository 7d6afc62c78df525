"""Rule: spots visibly cause visits, the truth says which, and TV's own effect is counted for TV."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from touchproof_sandbox.world import calendar, contacts, generate, television
from touchproof_sandbox.world.campaigns import DIRECT, INDEX
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.people import make_people
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.simulation import Simulation
from touchproof_sandbox.world.spots import spots_aired_on
from touchproof_sandbox.world.state import State

_KINDS = {(None, None): "direct", (None, "organic"): "organic"}
_BRAND = {"ps_brand_us", "ps_brand_ca"}


def truth(world: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a truth table."""
    return pq.read_table(world / "truth" / f"{name}.parquet").to_pylist()


@pytest.fixture(scope="module")
def sessions(small_world: Path) -> dict[tuple[str, int], tuple[datetime, str | None, str]]:
    """Return begin, campaign and medium of every session of GA4 that tells who it is."""
    found: dict[tuple[str, int], tuple[datetime, str | None, str]] = {}
    for path in sorted(small_world.glob("drops/*/ga4/*.parquet")):
        table = pq.read_table(
            path,
            columns=[
                "event_name",
                "event_timestamp",
                "user_pseudo_id",
                "event_params",
                "collected_traffic_source",
            ],
        )
        for row in table.to_pylist():
            if row["event_name"] != "session_start" or row["user_pseudo_id"] is None:
                continue
            params = {item["key"]: item["value"] for item in row["event_params"]}
            tags = row["collected_traffic_source"] or {}
            key = (row["user_pseudo_id"], params["ga_session_id"]["int_value"])
            moment = datetime.fromtimestamp(row["event_timestamp"] // 1_000_000, UTC)
            found[key] = (moment, tags.get("manual_campaign_id"), tags.get("manual_medium"))
    return found


def test_more_people_come_in_the_minutes_after_a_spot_than_before(
    small_world: Path, sessions: dict[tuple[str, int], tuple[datetime, str | None, str]]
) -> None:
    direct = sorted(at for at, campaign, medium in sessions.values() if not campaign and not medium)
    spots = [row["aired_at"] for row in truth(small_world, "tv_spots")]

    def between(first: timedelta, last: timedelta) -> int:
        places = ((bisect_left(direct, at + last), bisect_left(direct, at + first)) for at in spots)
        return sum(end - start for end, start in places)

    minutes = timedelta(minutes=1)
    before = between(-20 * minutes, -10 * minutes)
    after, at_once = between(0 * minutes, 10 * minutes), between(0 * minutes, 5 * minutes)
    assert after > 1.5 * before
    assert at_once > 0.65 * after


def test_the_truth_names_a_real_session_for_every_visit_within_ten_minutes_of_its_spot(
    small_world: Path, sessions: dict[tuple[str, int], tuple[datetime, str | None, str]]
) -> None:
    aired = {row["spot_id"]: row["aired_at"] for row in truth(small_world, "tv_spots")}
    visits = truth(small_world, "tv_visits")
    seen = [row for row in visits if row["user_pseudo_id"] is not None]
    assert 0 < len(visits) - len(seen) < 0.1 * len(visits)
    missing = 0
    for row in seen:
        assert timedelta(seconds=10) <= row["started_at"] - aired[row["spot_id"]]
        assert row["started_at"] - aired[row["spot_id"]] < timedelta(minutes=10)
        session = sessions.get((row["user_pseudo_id"], row["ga_session_id"]))
        if session is None:  # of the last day, whose late rows haven't come
            missing += 1
            continue
        at, campaign, medium = session
        assert at == row["started_at"]
        nature = "branded_search" if campaign in _BRAND else _KINDS.get((campaign, medium))
        assert nature == row["nature"]
    assert missing < 0.01 * len(seen)


def test_the_visits_of_each_spot_sum_to_its_count_and_dead_hours_cause_none(
    small_world: Path,
) -> None:
    visits = Counter((row["spot_id"], row["nature"]) for row in truth(small_world, "tv_visits"))
    spots = truth(small_world, "tv_spots")
    for row in spots:
        parts = [
            row[f"{nature}_visits_caused"] for nature in ("direct", "organic", "branded_search")
        ]
        assert sum(parts) == row["visits_caused"]
        assert parts == [visits[row["spot_id"], nature] for nature in television.NATURES]
    assert sum(row["visits_caused"] for row in spots) == sum(visits.values())
    seed = 11
    dead = [
        spot
        for day in range(40)
        for spot in spots_aired_on(seed, day)
        if spot.daypart.name == "overnight"
    ]
    assert dead
    caused = {row["spot_id"]: row["visits_caused"] for row in spots}
    assert {caused[spot.spot_id] for spot in dead} == {0}


def test_most_visits_are_direct_and_television_adds_less_than_a_sixth_of_all_sessions(
    small_world: Path, sessions: dict[tuple[str, int], tuple[datetime, str | None, str]]
) -> None:
    natures = Counter(row["nature"] for row in truth(small_world, "tv_visits"))
    assert natures["direct"] > natures["organic"] > natures["branded_search"] > 0
    total = sum(natures.values())
    assert natures["direct"] > total / 2
    assert total < 0.15 * (len(sessions) - total)


def test_a_good_spot_brings_many_visits_among_twenty_thousand_people() -> None:
    people = make_people(3, 20_000)
    viewers = television.viewers_of(3, people)
    state = State.before_the_first_day(people)
    visits = []
    for day in range(35, 40):
        spots = spots_aired_on(3, day)
        drafts = SessionDrafts(people, stream(3, "device", day))
        television.answer_spots(3, day, viewers, state, drafts, spots)
        counts = np.bincount(drafts.columns()["spot"], minlength=len(spots))
        visits += [
            int(count)
            for spot, count in zip(spots, counts, strict=True)
            if spot.daypart.name == "prime" and spot.length.seconds >= 30
        ]
    assert 5 < np.mean(visits) < 25
    assert min(visits) > 0


def test_who_came_because_of_a_spot_owes_more_of_a_registration_to_television(
    small_world: Path,
) -> None:
    person_of = {
        row["identifier"]: row["true_person"]
        for row in truth(small_world, "people")
        if row["identifier_type"] == "registration"
    }
    came = {row["true_person"] for row in truth(small_world, "tv_visits")}
    shares: dict[str, float] = defaultdict(float)
    for row in truth(small_world, "causes"):
        if row["conversion_kind"] == "registration":
            is_tv = row["campaign_code"] in {"tv_spring_us", "tv_hockey_ca"}
            shares[row["conversion"]] += row["share"] if is_tv else 0.0
    by_group: dict[bool, list[float]] = {True: [], False: []}
    for conversion, share in shares.items():
        by_group[person_of[conversion] in came].append(share)
    assert np.mean(by_group[True]) > 1.5 * np.mean(by_group[False])


def test_a_brand_ad_that_takes_a_spots_visitor_gets_the_click_and_no_effect() -> None:
    people = make_people(3, 50)
    state = State.before_the_first_day(people)
    drafts = SessionDrafts(people, stream(3, "device", 0))
    brand = INDEX["ps_brand_us"]
    at = calendar.epoch_of(0) + 3600
    drafts.add(1, at, brand)
    drafts.add(2, at, brand, spot=0)
    drafts.add(3, at, DIRECT, spot=0)
    contacts.note_contacts(3, 0, state, drafts)
    assert state.exposure[[1, 2, 3], brand].tolist() == [1.0, 0.0, 0.0]
    assert (state.first_contact[[1, 2, 3]] > 0).tolist() == [True, True, False]


def test_only_viewers_of_the_station_answer_its_spots_and_their_exposure_rises() -> None:
    people = make_people(3, 20_000)
    simulation = Simulation(3, people)
    viewers = television.viewers_of(3, people)
    for station, who in enumerate(viewers):
        assert len(who) > 100, station
        assert people.watches_tv[who].all()
    [day] = [day for day in simulation.days(8) if day.day == 8]
    answered = np.flatnonzero(day.sessions.spot >= 0)
    assert len(answered) > 20
    for place in answered:
        spot = day.spots[int(day.sessions.spot[place])]
        person = int(day.sessions.person[place])
        assert person in viewers[spot.station]
        assert simulation.state.exposure[person, spot.campaign] >= 7.0


def test_days_with_television_do_not_depend_on_how_many_days_are_made(tmp_path: Path) -> None:
    generate(tmp_path / "ten", 400, 10, 5)
    generate(tmp_path / "twelve", 400, 12, 5)
    for folder in ("ga4", "media"):
        ten = {
            path.relative_to(tmp_path / "ten"): path.read_bytes()
            for path in tmp_path.glob(f"ten/drops/*/{folder}/*")
        }
        assert any("tv_agency" in str(name) for name in ten) == (folder == "media")
        assert all((tmp_path / "twelve" / name).read_bytes() == ten[name] for name in ten)
