"""Which minutes a spot can have touched, and which spots share minutes.

Belongs here: windows, groups of overlapping spots, minutes free of all spots. Doesn't belong here:
visits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchproof.attribution.tv_series import Mask, Minutes

LARGEST_GROUP = 200
"""A longer chain of overlapping spots is cut, so that a group's matrices stay small."""


@dataclass(frozen=True)
class SpotGroup:
    """Hold spots whose windows are connected by shared minutes, and those minutes.

    Args:
        spots: Positions of the spots, in order of airing, shape (spots,).
        minutes: The minutes of all their windows, ascending, shape (minutes,). A minute belongs
            to one group only.
        lags: Minutes since each spot began, shape (minutes, spots); -1 outside its window.
        window_minutes: Length of a window beyond its first minute.
    """

    spots: Minutes
    minutes: Minutes
    lags: Minutes
    window_minutes: int


def group_spots(aired: Minutes, window_minutes: int) -> list[SpotGroup]:
    """Group the spots of one country.

    A spot's window is the minute in which it begins and the `window_minutes` after it.

    Args:
        aired: Minute in which each spot begins, ascending, shape (spots,).
        window_minutes: Length of the response.

    Returns:
        The groups in order of time. Where a chain of more than `LARGEST_GROUP` spots was cut,
        the minutes from the cut on belong to the later group.
    """
    starts = [0] if len(aired) else []
    for place in range(1, len(aired)):
        is_apart = aired[place] > aired[place - 1] + window_minutes
        is_long = place - starts[-1] >= LARGEST_GROUP and aired[place] > aired[place - 1]
        if is_apart or is_long:
            starts.append(place)
    groups = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(aired)
        members = aired[start:end]
        minutes = np.unique(members[:, None] + np.arange(window_minutes + 1))
        if end < len(aired):
            minutes = minutes[minutes < aired[end]]
        lags = minutes[:, None] - members[None, :]
        lags = np.where((lags >= 0) & (lags <= window_minutes), lags, -1)
        groups.append(SpotGroup(np.arange(start, end), minutes, lags, window_minutes))
    return groups


def free_minutes(start: int, count: int, aired: Minutes, touched_minutes: int) -> Mask:
    """Tell which of `count` minutes from `start` on no spot can have touched.

    Args:
        start: The first minute.
        count: How many.
        aired: Minute in which each spot begins.
        touched_minutes: Window and guard after it: how long a spot might be felt at all.
    """
    steps = np.zeros(count + 1, dtype=np.int64)
    np.add.at(steps, np.clip(aired - start, 0, count), 1)
    np.add.at(steps, np.clip(aired + touched_minutes + 1 - start, 0, count), -1)
    free: Mask = np.cumsum(steps)[:count] == 0
    return free
