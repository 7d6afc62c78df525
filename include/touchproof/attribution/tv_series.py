"""Visits by minute of one country, and what a local clock showed in each minute.

Belongs here: turning tables into dense minute arrays, and local time with daylight saving. Doesn't
belong here: what is normal (tv_baseline.py) and what a spot added (tv_allocation.py).

A minute is a whole number: minutes since 1970-01-01 00:00 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from touchproof.errors import TouchproofError

Minutes = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HOUR, DAY = 60, 1440
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""


class TvInputError(TouchproofError):
    """Report a table of visits or spots from which no lift can be estimated."""


@dataclass(frozen=True)
class MinuteSeries:
    """Hold one country's visits, minute after minute without a hole.

    Args:
        start: The first minute.
        counts: Visits by minute, shape (minutes,).
    """

    start: int
    counts: Floats

    @property
    def end(self) -> int:
        """The minute after the last one."""
        return self.start + len(self.counts)

    def between(self, start: int, end: int) -> MinuteSeries:
        """Return the part from `start` to before `end`, as far as it was observed."""
        first, last = max(start, self.start), min(end, self.end)
        return MinuteSeries(first, self.counts[first - self.start : max(last, first) - self.start])


@dataclass(frozen=True)
class LocalClock:
    """Hold what the wall clock of a time zone shows in consecutive minutes.

    Args:
        day: Days since 1970-01-01 by the local calendar, shape (minutes,).
        minute_of_day: 0 to 1439 by the local clock.
        weekday: 0 (Monday) to 6.
    """

    day: Minutes
    minute_of_day: Minutes
    weekday: Minutes


def minutes_of(moments: pa.ChunkedArray[pa.TimestampScalar[Any]]) -> Minutes:
    """Return the minute in which each UTC moment lies."""
    micros = pc.cast(moments, pa.timestamp("us")).cast(pa.int64()).to_numpy()
    return np.asarray(micros // 60_000_000, dtype=np.int64)


def moments_of(minutes: Minutes) -> pa.Array[Any]:
    """Return the UTC moment at which each minute begins."""
    return pa.array(minutes * 60_000_000, pa.int64()).cast(pa.timestamp("us"))


def series_by_country(visits: pa.Table) -> dict[str, MinuteSeries]:
    """Return each country's series from the first to the last minute that had any visit at all.

    What lies after the last visit of all countries has not been observed yet: a spot there is
    unmeasured, not without effect.

    Args:
        visits: `minute_at` (UTC), `country`, `visit_count`; several rows of a minute are added.

    Raises:
        TvInputError: If a row lacks its minute, country or count.
    """
    if any(visits.column(name).null_count for name in ("minute_at", "country", "visit_count")):
        raise TvInputError(
            "A row has no minute, country or count", where="visits by minute", todo="Leave it out."
        )
    if visits.num_rows == 0:
        return {}
    minutes = minutes_of(visits.column("minute_at"))
    counts = visits.column("visit_count").to_numpy().astype(np.float64)
    countries = np.asarray(visits.column("country").to_pylist(), dtype=object)
    start, end = int(minutes.min()), int(minutes.max()) + 1
    series = {}
    for country in sorted(set(countries.tolist())):
        of_country = countries == country
        dense = np.zeros(end - start)
        np.add.at(dense, minutes[of_country] - start, counts[of_country])
        series[country] = MinuteSeries(start, dense)
    return series


def local_clock(start: int, count: int, time_zone: str) -> LocalClock:
    """Return the local clock of `count` minutes from the minute `start` on.

    Args:
        start: The first minute.
        count: How many.
        time_zone: IANA name; its offset is looked up for every quarter of an hour, so days on
            which the clock changes are right.
    """
    zone = ZoneInfo(time_zone)
    quarter = 15
    first = start // quarter
    number = (start + count - 1) // quarter - first + 1 if count else 0
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    offsets = np.empty(number, dtype=np.int64)
    for place in range(number):
        moment = epoch + timedelta(minutes=(first + place) * quarter)
        offset = moment.astimezone(zone).utcoffset()
        offsets[place] = 0 if offset is None else int(offset.total_seconds()) // 60
    minutes = start + np.arange(count, dtype=np.int64)
    local = minutes + offsets[minutes // quarter - first]
    day = local // DAY
    return LocalClock(day, local % DAY, (day + _EPOCH_WEEKDAY) % 7)
