"""The reserve: what of the allowance a push leaves alone, for others and for new leads.

Belongs here: the use by others that is expected hour by hour, how far it rises above what expires,
and what the settings keep free on top. Doesn't belong here: what a push costs and what goes
(budget.py), asking Salesforce (client.py).

The allowance is a rolling one: while others make the calls of the coming hours, those of the same
hours a day ago drop out. So others need no room of their own, but for what they use above that.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median

import pyarrow as pa

HOURLY_USE_COLUMNS = ("log_date", "hour_of_day", "other_calls")
WINDOW_HOURS = 24
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class HourlyUse:
    """Hold the counted calls of others by hour, of each logged day all 24 (UTC)."""

    calls: Mapping[tuple[date, int], int] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: pa.Table) -> HourlyUse:
        """Read `HOURLY_USE_COLUMNS`."""
        columns = [table.column(name).to_pylist() for name in HOURLY_USE_COLUMNS]
        return cls({(day, hour): calls for day, hour, calls in zip(*columns, strict=True)})

    @property
    def newest(self) -> date | None:
        """Return the newest logged day, None without a log."""
        return max((day for day, _ in self.calls), default=None)

    def expected(self) -> Expected:
        """Return what this leads one to expect."""
        by_weekday: dict[tuple[int, int], list[int]] = defaultdict(list)
        by_hour: dict[int, list[int]] = defaultdict(list)
        for (day, hour), calls in self.calls.items():
            by_weekday[day.weekday(), hour].append(calls)
            by_hour[hour].append(calls)
        return Expected(
            self.calls,
            {key: median(calls) for key, calls in by_weekday.items()},
            {hour: median(calls) for hour, calls in by_hour.items()},
        )


@dataclass(frozen=True)
class Expected:
    """Tell the calls of others in an hour: logged, else usual on that weekday, else on any day.

    The usual is the median: an error storm of one day is no habit.
    """

    logged: Mapping[tuple[date, int], int]
    by_weekday: Mapping[tuple[int, int], float]
    by_hour: Mapping[int, float]

    def calls(self, hour: datetime) -> float:
        """Return the calls in the hour that begins then (UTC)."""
        logged = self.logged.get((hour.date(), hour.hour))
        if logged is not None:
            return logged
        usual = self.by_weekday.get((hour.weekday(), hour.hour))
        return self.by_hour.get(hour.hour, 0.0) if usual is None else usual


@dataclass(frozen=True)
class Reserve:
    """Say how many calls aren't ours to spend, and why.

    Args:
        others: The settings' share for other systems, against what nobody foresees.
        new_leads: The settings' share for the lane of new leads.
        rise: What others are expected to use above what expires, at the worst hour of the coming
            24; 0 without a log.
        log_date: The newest logged day that this is from, None where there is no log.
    """

    others: int
    new_leads: int
    rise: int
    log_date: date | None

    @property
    def calls(self) -> int:
        return self.others + self.new_leads + self.rise


def expected_rise(use: HourlyUse, now: datetime) -> int:
    """Return how far the use by others rises above today's within the coming 24 hours.

    In each coming hour their calls come and those of the same hour a day before expire; the rise is
    the largest that this balance reaches, never below 0. Hours are whole: the present one is
    counted as coming.

    Args:
        use: What the logs tell.
        now: A UTC moment.
    """
    expected = use.expected()
    hour = now.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    balance = highest = 0.0
    for _ in range(WINDOW_HOURS):
        balance += expected.calls(hour) - expected.calls(hour - _DAY)
        highest = max(highest, balance)
        hour += _HOUR
    return math.ceil(highest)


def share_of(allowance: int, share: float) -> int:
    """Return a share of the allowance in whole calls, rounded up."""
    return math.ceil(round(allowance * share, 6))


def reserve_of(
    allowance: int, others_share: float, lane_share: float, use: HourlyUse, now: datetime
) -> Reserve:
    """Return what a push leaves alone of an allowance of so many calls.

    The expected rise comes on top of the settings' shares: so at no hour until the next push is
    the expected use to reach into them.
    """
    return Reserve(
        others=share_of(allowance, others_share),
        new_leads=share_of(allowance, lane_share),
        rise=expected_rise(use, now),
        log_date=use.newest,
    )
