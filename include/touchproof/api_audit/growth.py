"""How fast a day's calls grow, and until when an allowance suffices.

Belongs here: the slope of daily calls with its interval, what the busiest weekday costs, and the
date on which it reaches the allowance. Doesn't belong here: reading the days (audit.py).

The slope is the seasonal Kendall one (Hirsch, Slack and Smith 1982): the median of the slopes
between any two days of the same weekday, so that neither weekends nor single storms move it. Its
interval counts ranks of these slopes (Gilbert 1987), without any assumption about their
distribution; it is wide while the logs are few weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, sqrt
from statistics import median

DAYS_A_WEEK = 7
MIN_PAIRS = 7
Z_95 = 1.959964
FAR_DAYS = 3_650


@dataclass(frozen=True)
class Growth:
    """Say how daily calls grow.

    Args:
        calls_a_day: Calls that each day has more than the day before.
        lower: Lower edge of its interval at 95 %.
        upper: Upper edge.
        days: Days that it comes from.
        busiest_weekday: 1 Monday to 7 Sunday: the one that costs most.
        busiest_calls: What that weekday costs now: the median of its days, moved to the newest
            day by the growth.
    """

    calls_a_day: float
    lower: float
    upper: float
    days: int
    busiest_weekday: int
    busiest_calls: int


@dataclass(frozen=True)
class Sufficiency:
    """Say until when an allowance suffices on the busiest weekday.

    Args:
        until: Last day on which it does, None for longer than ten years.
        earliest: The same at the upper edge of the growth.
        latest: At the lower edge.
        is_exceeded: Whether it doesn't suffice even now; then the dates say nothing.
    """

    until: date | None
    earliest: date | None
    latest: date | None
    is_exceeded: bool = False


def growth_of(calls_by_day: Mapping[date, int]) -> Growth | None:
    """Return the growth of daily calls, None with less than two weeks of days."""
    days = sorted(calls_by_day)
    by_weekday: dict[int, list[date]] = {}
    for day in days:
        by_weekday.setdefault(day.isoweekday(), []).append(day)
    slopes = sorted(
        (calls_by_day[late] - calls_by_day[early]) / (late - early).days
        for same in by_weekday.values()
        for place, early in enumerate(same)
        for late in same[place + 1 :]
    )
    if len(slopes) < MIN_PAIRS:
        return None
    slope = median(slopes)
    lower, upper = _interval(slopes, [len(same) for same in by_weekday.values()])
    newest = days[-1]
    levels = {
        weekday: median(calls_by_day[day] + slope * (newest - day).days for day in same)
        for weekday, same in by_weekday.items()
    }
    busiest = max(levels, key=lambda weekday: (levels[weekday], -weekday))
    return Growth(slope, lower, upper, len(days), busiest, round(levels[busiest]))


def sufficiency(growth: Growth, newest: date, max_calls: int, saved_calls: int = 0) -> Sufficiency:
    """Return until when the allowance suffices if so many calls a day are saved.

    Args:
        growth: Present growth; what the saved calls themselves grew by isn't taken off.
        newest: Day of the newest log.
        max_calls: The allowance.
        saved_calls: Calls a day that a change saves.
    """
    room = max_calls - (growth.busiest_calls - saved_calls)
    if room <= 0:
        return Sufficiency(None, None, None, is_exceeded=True)
    until, earliest, latest = (
        _reached(newest, room, slope) for slope in (growth.calls_a_day, growth.upper, growth.lower)
    )
    return Sufficiency(until, earliest, latest)


def _reached(newest: date, room: int, slope: float) -> date | None:
    days = floor(room / slope) if slope > 0 else FAR_DAYS + 1
    return newest + timedelta(days=days) if days <= FAR_DAYS else None


def _interval(slopes: Sequence[float], sizes: Sequence[int]) -> tuple[float, float]:
    """Return the slopes at the ranks between which the true one lies at 95 %."""
    variance = sum(size * (size - 1) * (2 * size + 5) for size in sizes) / 18
    half = Z_95 * sqrt(variance)
    first = floor((len(slopes) - half) / 2)
    last = ceil((len(slopes) + half) / 2)
    return slopes[max(first - 1, 0)], slopes[min(last, len(slopes) - 1)]
