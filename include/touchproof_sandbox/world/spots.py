"""Which television spots run on a day, when, for how long and at what price.

Belongs here: the buying plan, drawn from the seed and the stations' local date alone. Doesn't
belong here: who visits because of a spot (television.py) and how agencies log it (media_files.py).

A spot is bought for a local date; one of an American evening is aired on the next day of the
world, which keeps UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

import numpy as np

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import CAMPAIGNS, numbers_of
from touchproof_sandbox.world.randomness import pick, stream
from touchproof_sandbox.world.stations import (
    DAYPARTS,
    LENGTHS,
    STATIONS,
    Daypart,
    Length,
    daypart_at,
)

ANSWER_SECONDS = 600
"""For how long a spot brings visits."""

_SPOTS_A_STATION = 3.2
"""Spots that a campaign buys from a station of its country a day, on average."""
_COMPANION_SHARE = 0.25
"""How many spots are followed within minutes by one on another station, on purpose."""
_COMPANION_SECONDS = (60, 360)
_LENGTH_EDGES = np.cumsum([length.share for length in LENGTHS])[:-1]
_LAST_SECOND = calendar.LAST_TOUCH_SECOND - ANSWER_SECONDS - 100
"""Second of the world's day after which no spot runs."""


@dataclass(frozen=True)
class Spot:
    """Describe one spot.

    Args:
        spot_id: Id in the agency's log: station, local date and number.
        station: Place in STATIONS.
        campaign: Campaign number.
        local: When it begins by the station's clock, to the second, without a zone.
        aired: The same as Unix seconds.
        length: Its length.
        daypart: Its daypart.
        program: What it runs in.
        cents: What it costs, in the campaign's currency.
    """

    spot_id: str
    station: int
    campaign: int
    local: datetime
    aired: int
    length: Length
    daypart: Daypart
    program: str
    cents: int

    @property
    def answer(self) -> float:
        """Return the chance that one viewer of the station visits us because of the spot."""
        return STATIONS[self.station].answer * self.daypart.pull * self.length.pull


def spots_of(seed: int, local_day: int) -> tuple[Spot, ...]:
    """Return the spots of a local date, in order of station and number.

    Args:
        seed: The world's seed.
        local_day: Day index of the stations' date; before the first day nothing runs.
    """
    if local_day < 0:
        return ()
    rng = stream(seed, "spots", local_day)
    spots: list[Spot] = []
    for campaign in numbers_of("tv"):
        if CAMPAIGNS[campaign].runs_on(local_day):
            country = CAMPAIGNS[campaign].country
            stations = [n for n, station in enumerate(STATIONS) if station.country == country]
            slots = [slot for station in stations for slot in _slots(rng, station, local_day)]
            slots += _companions(rng, slots, stations)
            bought = [_buy(rng, campaign, station, aired, local_day) for station, aired in slots]
            spots += [spot for spot in bought if spot is not None]
    ordered = sorted(spots, key=lambda spot: (spot.station, spot.aired, spot.campaign))
    return tuple(
        replace(spot, spot_id=f"{STATIONS[spot.station].name}-{spot.local:%Y%m%d}-{number:03d}")
        for number, spot in enumerate(ordered, start=1)
    )


def spots_aired_on(seed: int, day: int) -> tuple[Spot, ...]:
    """Return the spots that are aired on a day of the world, in order of time."""
    start = calendar.epoch_of(day)
    found = [
        spot
        for local_day in (day - 1, day)
        for spot in spots_of(seed, local_day)
        if start <= spot.aired < start + calendar.DAY_SECONDS
    ]
    return tuple(sorted(found, key=lambda spot: (spot.aired, spot.spot_id)))


def _slots(rng: np.random.Generator, station: int, local_day: int) -> list[tuple[int, int]]:
    """Return station and Unix second of the slots wanted on one station."""
    count = int(rng.poisson(_SPOTS_A_STATION))
    parts = pick(rng, count, [part.share for part in DAYPARTS])
    places = rng.random(count)
    midnight = datetime.combine(calendar.date_of(local_day), time())
    slots = []
    for part, place in zip(parts.tolist(), places.tolist(), strict=True):
        hours = DAYPARTS[part].start + place * (DAYPARTS[part].end - DAYPARTS[part].start)
        local = midnight + timedelta(seconds=int(hours * 3600))
        slots.append((station, STATIONS[station].utc_of(local)))
    return slots


def _companions(
    rng: np.random.Generator, slots: list[tuple[int, int]], stations: list[int]
) -> list[tuple[int, int]]:
    """Return slots on other stations that begin while the answers to the given ones still come."""
    followed = rng.random(len(slots)) < _COMPANION_SHARE
    steps = rng.integers(1, len(stations), len(slots))
    waits = rng.integers(*_COMPANION_SECONDS, len(slots))
    return [
        (stations[(stations.index(station) + int(step)) % len(stations)], aired + int(wait))
        for (station, aired), is_followed, step, wait in zip(
            slots, followed, steps, waits, strict=True
        )
        if is_followed
    ]


def _buy(
    rng: np.random.Generator, campaign: int, station: int, aired: int, local_day: int
) -> Spot | None:
    """Return the spot of a slot, None where the slot can't be had.

    That is outside the dayparts and the date, and in the evening hours in which the world sleeps:
    what a spot causes has to fit into the world's day.
    """
    draws = rng.random(3)
    local = STATIONS[station].local_of(aired)
    daypart = daypart_at(local)
    second = (aired - calendar.epoch_of(0)) % calendar.DAY_SECONDS
    if daypart is None or local.date() != calendar.date_of(local_day) or second >= _LAST_SECOND:
        return None
    length = LENGTHS[int(np.searchsorted(_LENGTH_EDGES, draws[0], side="right"))]
    program = daypart.programs[int(draws[1] * len(daypart.programs))]
    price = STATIONS[station].price * daypart.cost * length.cost * (0.9 + 0.2 * draws[2])
    return Spot("", station, campaign, local, aired, length, daypart, program, round(price * 100))
