"""The arithmetic of one conversion's credit, model by model, in whole numbers.

Belongs here: each model's raw weights on one path, as a person can recompute them, and how an
amount is dealt out by them. Doesn't belong here: crediting all conversions (dbt_project, whose
macros/attribution.sql says the same in SQL), reading a conversion and showing it (explain.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

WEIGHT_UNITS = 10**12
"""A weight of 1, in the units in which weights are whole."""

_DECAY_UNITS = 10**9
_SHARE_DIGITS = 1000


@dataclass(frozen=True)
class PathTouch:
    """Describe one touch of a path, in its order.

    Args:
        channel: Its channel.
        label: The channel as the journey's path lists it; another text only by `frequency`.
        touched_at: UTC, naive.
        weight_units: The touch's own weight, of `WEIGHT_UNITS`; less where television took a part.
    """

    channel: str
    label: str
    touched_at: datetime
    weight_units: int


@dataclass(frozen=True)
class PathSettings:
    """Hold the settings of one conversion's path.

    Args:
        half_life_days: Days in which a touch of time_decay loses half its weight.
        weights: Weights of position_based: first touch, all between, last touch.
        w_weights: Weights of w_shaped: first touch, lead, last touch, all others.
        direct_channel: Channel that last_non_direct passes over.
        lead_created_at: When the person became a lead, if that was before the application.
        shares: By data-driven model and label, the label's part of 1e9.
    """

    half_life_days: int
    weights: tuple[int, int, int]
    w_weights: tuple[int, int, int, int]
    direct_channel: str
    lead_created_at: datetime | None
    shares: Mapping[str, Mapping[str, int]]


def raw_weights(model: str, path: Sequence[PathTouch], settings: PathSettings) -> list[int]:
    """Return what each touch has before its own weight and before normalising.

    Args:
        model: One of the attribution models.
        path: The touches in their order, at least one.
        settings: The conversion's.

    Raises:
        KeyError: If there is no such model, or a data-driven one has no shares of this path.
    """
    last = len(path) - 1
    if model == "first_touch":
        return _all_to(0, path)
    if model == "last_touch":
        return _all_to(last, path)
    if model == "last_non_direct":
        return _all_to(last_non_direct(path, settings), path)
    if model == "linear":
        return [1] * len(path)
    if model == "time_decay":
        return [_decayed(touch, path[last], settings.half_life_days) for touch in path]
    if model == "position_based":
        first_weight, middle_weight, last_weight = settings.weights
        steps = _summed_steps(((0, first_weight), (last, last_weight)))
        return _by_steps(len(path), steps, middle_weight) if last else [1]
    if model == "w_shaped":
        first_weight, lead_weight, last_weight, other_weight = settings.w_weights
        lead = lead_step(path, settings)
        named = [(0, first_weight), (last, last_weight)]
        named += [] if lead is None else [(lead, lead_weight)]
        return _by_steps(len(path), _summed_steps(named), other_weight)
    shares = settings.shares[model]
    labels = [touch.label for touch in path]
    return [_SHARE_DIGITS * shares[label] // labels.count(label) for label in labels]


def last_non_direct(path: Sequence[PathTouch], settings: PathSettings) -> int:
    """Return the place of the last touch that isn't direct; of the last where all are."""
    others = [i for i, touch in enumerate(path) if touch.channel != settings.direct_channel]
    return others[-1] if others else len(path) - 1


def lead_step(path: Sequence[PathTouch], settings: PathSettings) -> int | None:
    """Return the place of the last touch up to the lead's creation; None without one."""
    if settings.lead_created_at is None:
        return None
    earlier = [i for i, touch in enumerate(path) if touch.touched_at <= settings.lead_created_at]
    return earlier[-1] if earlier else None


def dealt(amount: int, shares: Sequence[int]) -> list[int]:
    """Deal a whole amount out by rounded running sums of shares, half away from zero.

    Args:
        amount: Cents or units; may be negative.
        shares: Not negative, their sum positive.

    Returns:
        Parts that sum to the amount exactly.
    """
    total, running, before, parts = sum(shares), 0, 0, []
    for share in shares:
        running += share
        now = int(Fraction(abs(amount) * running, total) + Fraction(1, 2))
        parts.append((now - before) * (1 if amount >= 0 else -1))
        before = now
    return parts


def labels_of(channels: Sequence[str], path_transform: str) -> list[str]:
    """Return the labels under which a path lists its touches.

    Args:
        channels: The touches' channels in order.
        path_transform: Only `frequency` changes a label: neighbours of one channel are written
            with their number.
    """
    if path_transform != "frequency":
        return list(channels)
    labels: list[str] = []
    start = 0
    for place in range(1, len(channels) + 1):
        if place == len(channels) or channels[place] != channels[start]:
            labels += [f"{channels[start]}({place - start})"] * (place - start)
            start = place
    return labels


def _all_to(place: int, path: Sequence[PathTouch]) -> list[int]:
    return [int(index == place) for index in range(len(path))]


def _decayed(touch: PathTouch, last: PathTouch, half_life_days: int) -> int:
    begin, end = touch.touched_at.replace(microsecond=0), last.touched_at.replace(microsecond=0)
    halves = (end - begin).total_seconds() / (half_life_days * 86400.0)
    return max(1, int(_DECAY_UNITS * 0.5**halves + 0.5))


def _summed_steps(named: Sequence[tuple[int, int]]) -> dict[int, int]:
    steps: dict[int, int] = {}
    for place, weight in named:
        steps[place] = steps.get(place, 0) + weight
    return steps


def _by_steps(count: int, steps: Mapping[int, int], other_weight: int) -> list[int]:
    """Give the steps their weights, and the others one weight together, as whole numbers."""
    others = max(1, count - len(steps))
    return [steps[i] * others if i in steps else other_weight for i in range(count)]
