"""Rule: spots run by the clocks of their own stations, some together, and only where they may."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb
import pytest

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import CAMPAIGNS, numbers_of
from touchproof_sandbox.world.spots import Spot, spots_aired_on, spots_of
from touchproof_sandbox.world.stations import DAYPARTS, STATIONS, daypart_at

SEED = 11
YEAR = range(365)


@pytest.fixture(scope="module")
def spots() -> list[Spot]:
    """Return the spots of a year, with both changes of DST in it."""
    return [spot for day in YEAR for spot in spots_of(SEED, day)]


def test_the_spots_of_a_date_follow_from_the_seed(spots: list[Spot]) -> None:
    again = [spot for day in YEAR for spot in spots_of(SEED, day)]
    assert again == spots
    assert [spot for day in YEAR for spot in spots_of(SEED + 1, day)] != spots
    assert len({spot.spot_id for spot in spots}) == len(spots)


def test_a_campaign_has_several_spots_on_every_day_of_its_flight_and_none_outside() -> None:
    for number in numbers_of("tv"):
        for day in YEAR:
            count = sum(spot.campaign == number for spot in spots_of(SEED, day))
            assert (count > 2) == CAMPAIGNS[number].runs_on(day)


def test_a_spot_runs_on_a_station_of_its_campaigns_country_in_a_daypart_of_its_date(
    spots: list[Spot],
) -> None:
    for spot in spots:
        assert STATIONS[spot.station].country == CAMPAIGNS[spot.campaign].country
        assert spot.daypart == daypart_at(spot.local)
        assert spot.cents > 0
    assert {spot.length.seconds for spot in spots} == {15, 30, 60}
    assert {spot.daypart for spot in spots} == set(DAYPARTS)
    assert {spot.station for spot in spots} == set(range(len(STATIONS)))


def test_stations_change_their_clocks_as_their_own_zones_do(spots: list[Spot]) -> None:
    offsets: dict[str, set[float]] = defaultdict(set)
    for spot in spots:
        local = spot.local.replace(tzinfo=UTC).timestamp()
        offsets[STATIONS[spot.station].name].add((local - spot.aired) / 3600)
    assert offsets["NBNE"] == {-5, -4}
    assert offsets["KPAC"] == {-8, -7}
    assert offsets["KPHX"] == {-7}
    assert offsets["CSKR"] == {-6}
    assert offsets["CSTJ"] == {-3.5, -2.5}


def test_the_warehouse_computes_the_same_moment_from_the_clock_and_its_zone(
    spots: list[Spot],
) -> None:
    with duckdb.connect() as connection:
        for spot in spots:
            zone = STATIONS[spot.station].zone
            row = connection.execute(
                "select timezone('UTC', timezone(?, cast(? as timestamp)))",
                [zone.key, spot.local.isoformat()],
            ).fetchone()
            assert row is not None
            assert row[0] == datetime.fromtimestamp(spot.aired, UTC).replace(tzinfo=None)


def test_no_clock_shows_the_time_of_a_spot_twice_or_skips_it(spots: list[Spot]) -> None:
    for spot in spots:
        zone = ZoneInfo(STATIONS[spot.station].zone.key)
        moments = {spot.local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
        assert len(moments) == 1


def test_every_spot_airs_on_one_day_of_the_world_and_early_enough_in_it(spots: list[Spot]) -> None:
    aired = [spot for day in range(366) for spot in spots_aired_on(SEED, day)]
    assert sorted(aired, key=lambda spot: spot.spot_id) == sorted(
        (spot for day in range(366) for spot in spots_of(SEED, day)),
        key=lambda spot: spot.spot_id,
    )
    for spot in spots:
        second = (spot.aired - calendar.epoch_of(0)) % calendar.DAY_SECONDS
        assert second + 600 < calendar.LAST_TOUCH_SECOND


def test_many_spots_begin_while_another_stations_spot_is_still_answered(spots: list[Spot]) -> None:
    by_time = sorted(spots, key=lambda spot: spot.aired)
    pairs = pairwise(by_time)
    near = sum(b.aired - a.aired < 600 and a.station != b.station for a, b in pairs)
    assert 0.2 < near / len(spots) < 0.6


def test_prime_time_and_long_spots_cost_more(spots: list[Spot]) -> None:
    def mean(**wanted: str | int) -> float:
        found = [
            spot.cents
            for spot in spots
            if spot.daypart.name == wanted["daypart"] and spot.length.seconds == wanted["seconds"]
        ]
        return sum(found) / len(found)

    assert mean(daypart="prime", seconds=30) > 2 * mean(daypart="daytime", seconds=30)
    assert mean(daypart="prime", seconds=15) < mean(daypart="prime", seconds=30)
    assert mean(daypart="prime", seconds=60) > 1.5 * mean(daypart="prime", seconds=30)
