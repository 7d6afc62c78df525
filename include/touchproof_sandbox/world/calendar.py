"""The world's calendar: day indexes, dates and times of day.

Belongs here: the first day, and conversions between day index, date, seconds and ISO texts. Every
time is UTC and the pretend GA4 property keeps UTC too, so that an event's day is its file's day.
Doesn't belong here: what happens on a day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

START = date(2026, 3, 1)
DAY_SECONDS = 86_400
LAST_TOUCH_SECOND = 81_000
"""Touches happen before 22:30, so that what they cause the same day still fits into it."""

_HOUR_WEIGHTS = np.array(
    [5, 4, 3, 2, 1, 0.5, 0.4, 0.4, 0.6, 1, 2, 3.5, 5, 6, 6.5, 7, 7.5, 7, 6.5, 6.5, 7, 7.5, 4]
)
_EDGES = np.concatenate([[0.0], np.cumsum(_HOUR_WEIGHTS)]) / _HOUR_WEIGHTS.sum()
_SECONDS = np.append(np.arange(len(_HOUR_WEIGHTS)) * 3600.0, LAST_TOUCH_SECOND)


def date_of(day: int) -> date:
    """Return the date of a day index."""
    return START + timedelta(days=day)


def day_of(moment: date) -> int:
    """Return the day index of a date."""
    return (moment - START).days


def epoch_of(day: int) -> int:
    """Return the Unix second at which a day begins."""
    return int(datetime.combine(date_of(day), datetime.min.time(), UTC).timestamp())


def second_of_day(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Draw seconds of the day as North Americans use the web, all before `LAST_TOUCH_SECOND`."""
    seconds: NDArray[np.int64] = np.interp(rng.random(count), _EDGES, _SECONDS).astype(np.int64)
    return seconds


def iso_utc(second: int) -> str:
    """Format a Unix second like `2026-03-01T14:22:11Z`."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_salesforce(second: int) -> str:
    """Format a Unix second as Salesforce writes it, with milliseconds."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
