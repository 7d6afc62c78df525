"""Generated weeks of visits and spots whose lifts are known.

Belongs here: the generator. Doesn't belong here: what the estimate makes of it (the tests).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

DAY = 1440
HOURS = np.array([3, 2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 9, 9, 8, 8, 9, 10, 12, 14, 15, 13, 9, 5.0])
"""Relative visits by hour of the local day, with steps at the full hours."""


@dataclass(frozen=True)
class PlantedTv:
    """Hold what `estimate_lift` reads, and the truth.

    Args:
        visits: Visits by minute.
        spots: The spots.
        brought: Visits that each spot really brought, by spot_id.
        tv_visits: Visits that spots brought, by (spot_id, minute since 1970).
    """

    visits: pa.Table
    spots: pa.Table
    brought: dict[str, int]
    tv_visits: dict[tuple[str, int], int]


def moment(minute: int) -> datetime:
    """Return the UTC moment of a minute since 1970."""
    return datetime(1970, 1, 1) + timedelta(minutes=minute)


def minute(year: int, month: int, day: int, hour: int = 0, minutes: int = 0) -> int:
    """Return the minute since 1970 of a UTC moment."""
    since = datetime(year, month, day, hour, minutes) - datetime(1970, 1, 1)
    return int(since.total_seconds()) // 60


def background(
    rng: np.random.Generator,
    start: int,
    days: int,
    per_day: float,
    time_zone: str,
    day_spread: float = 0.1,
) -> np.ndarray:
    """Return visits without television by minute: time of day, weekday, trend, good and bad days.

    Args:
        rng: Where chance comes from.
        start: The first minute, UTC.
        days: How many days.
        per_day: Visits on an ordinary day.
        time_zone: The clock of the day's curve; the clock change is in it.
        day_spread: Standard deviation of the logarithm of days' effects.
    """
    zone, count = ZoneInfo(time_zone), days * DAY
    local = [
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=start + at)).astimezone(zone)
        for at in range(0, count, 60)
    ]
    hour = np.repeat([when.hour for when in local], 60)
    weekend = np.repeat([when.weekday() >= 5 for when in local], 60)
    day = np.repeat([when.toordinal() for when in local], 60)
    effects = np.exp(rng.normal(0, day_spread, days + 2))[day - day[0]]
    rate = per_day * HOURS[hour] / HOURS.sum() / 60 * np.where(weekend, 0.8, 1.05) * effects
    return rng.poisson(rate * np.linspace(0.9, 1.2, count))


def plant_tv(
    seed: int,
    *,
    spots: int = 200,
    days: int = 56,
    per_day: float = 1500.0,
    start: int = minute(2026, 2, 22),
    country: str = "US",
    time_zone: str = "America/New_York",
    window: int = 10,
    strength: float = 1.0,
) -> PlantedTv:
    """Return generated weeks with spots: many in the evening, some at the same minute, some dead.

    Args:
        seed: Decides everything.
        spots: How many.
        days: How many days, across the change to daylight saving time.
        per_day: Visits without television on an ordinary day.
        start: The first minute.
        country: Country of visits and spots.
        time_zone: Clock of the country's days.
        window: Minutes within which people respond.
        strength: Multiplies all responses.
    """
    rng = np.random.default_rng(seed)
    counts = background(rng, start, days, per_day, time_zone)
    usual = {"N1": 25.0, "N2": 12.0, "N3": 6.0, "N4": 3.0}
    stations = rng.choice(sorted(usual), spots)
    evening = rng.random(spots) < 0.6
    in_day = np.where(evening, rng.integers(0, 180, spots), rng.integers(780, 1380, spots))
    aired = start + DAY + rng.integers(0, days - 2, spots) * DAY + in_day
    # A tenth of the spots begins with another one, to the minute.
    twins = rng.choice(spots, spots // 10, replace=False)
    aired[twins] = aired[(twins + 1) % spots]
    seconds = rng.integers(0, 60, spots)
    brought: dict[str, int] = {}
    tv_visits: dict[tuple[str, int], int] = {}
    for number in range(spots):
        spot_id = f"s{number:03d}"
        expected = usual[str(stations[number])] * rng.gamma(4, 0.25) * strength
        expected *= rng.random() >= 0.2
        delays = rng.gamma(1.5, 2.0, rng.poisson(expected)) * 60 + seconds[number]
        delays = delays[delays < window * 60 + seconds[number]]
        for at in (aired[number] + delays // 60).astype(int).tolist():
            counts[at - start] += 1
            tv_visits[spot_id, at] = tv_visits.get((spot_id, at), 0) + 1
        brought[spot_id] = len(delays)
    return PlantedTv(
        visits=visits_table(counts, start, country),
        spots=pa.table(
            {
                "spot_id": [f"s{number:03d}" for number in range(spots)],
                "country": [country] * spots,
                "station": stations.tolist(),
                "aired_at": pa.array(
                    [
                        moment(at) + timedelta(seconds=second)
                        for at, second in zip(aired.tolist(), seconds.tolist(), strict=True)
                    ],
                    pa.timestamp("us"),
                ),
            }
        ),
        brought=brought,
        tv_visits=tv_visits,
    )


def visits_table(counts: np.ndarray, start: int, country: str = "US") -> pa.Table:
    """Return visits by minute as a table, minutes without visits left out."""
    seen = np.flatnonzero(counts)
    return pa.table(
        {
            "minute_at": pa.array([moment(start + at) for at in seen.tolist()], pa.timestamp("us")),
            "country": [country] * len(seen),
            "visit_count": counts[seen].astype(np.int64),
        }
    )
