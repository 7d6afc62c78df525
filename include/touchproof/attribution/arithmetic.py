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
        step_id: The same for neighbours that are one step: a visit and what was inferred from it.
        is_inferred: Whether it was inferred; then it isn't direct, whatever its channel.
    """

    channel: str
    label: str
    touched_at: datetime
    weight_units: int
    step_id: str
    is_inferred: bool = False


@dataclass(frozen=True)
class PathSettings:
    """Hold the settings of one conversion's path.

    Args:
        half_life_days: Days in which a touch of time_decay loses half its weight.
        weights: Weights of position_based: first step, all between, last step.
        w_weights: Weights of w_shaped: first step, lead, last step, all others.
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

    A rule gives every touch of a step what the step has; data-driven models know channels only.

    Args:
        model: One of the attribution models.
        path: The touches in their order, at least one.
        settings: The conversion's.

    Raises:
        KeyError: If there is no such model, or a data-driven one has no shares of this path.
    """
    steps = steps_of(path)
    last = steps[-1]
    if model == "first_touch":
        return [int(step == 0) for step in steps]
    if model == "last_touch":
        return [int(step == last) for step in steps]
    if model == "last_non_direct":
        places = last_non_direct(path, settings)
        return [int(place in places) for place in range(len(path))]
    if model == "linear":
        return [1] * len(path)
    if model == "time_decay":
        return [_decayed(touch, path[-1], settings.half_life_days) for touch in path]
    if model == "position_based":
        first_weight, middle_weight, last_weight = settings.weights
        named = _summed(((0, first_weight), (last, last_weight)))
        return _by_step(steps, named, middle_weight) if last else [1] * len(path)
    if model == "w_shaped":
        first_weight, lead_weight, last_weight, other_weight = settings.w_weights
        lead = lead_step(path, settings)
        weights = [(0, first_weight), (last, last_weight)]
        weights += [] if lead is None else [(lead, lead_weight)]
        return _by_step(steps, _summed(weights), other_weight)
    shares = settings.shares[model]
    labels = [touch.label for touch in path]
    return [_SHARE_DIGITS * shares[label] // labels.count(label) for label in labels]


def steps_of(path: Sequence[PathTouch]) -> list[int]:
    """Return the number of each touch's step, from 0."""
    steps: list[int] = []
    for place, touch in enumerate(path):
        begins = place == 0 or touch.step_id != path[place - 1].step_id
        steps.append((steps[-1] if steps else -1) + int(begins))
    return steps


def last_non_direct(path: Sequence[PathTouch], settings: PathSettings) -> set[int]:
    """Return the places that last_non_direct credits.

    They are those of the last step that has a touch that isn't direct, without what is direct in
    it; where all touches are direct, the last one's.
    """
    steps = steps_of(path)
    others = [
        place
        for place, touch in enumerate(path)
        if touch.is_inferred or touch.channel != settings.direct_channel
    ]
    if not others:
        return {len(path) - 1}
    return {place for place in others if steps[place] == steps[others[-1]]}


def lead_step(path: Sequence[PathTouch], settings: PathSettings) -> int | None:
    """Return the number of the last step up to the lead's creation; None without one."""
    if settings.lead_created_at is None:
        return None
    earlier = [
        step
        for step, touch in zip(steps_of(path), path, strict=True)
        if touch.touched_at <= settings.lead_created_at
    ]
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


def _decayed(touch: PathTouch, last: PathTouch, half_life_days: int) -> int:
    begin, end = touch.touched_at.replace(microsecond=0), last.touched_at.replace(microsecond=0)
    halves = (end - begin).total_seconds() / (half_life_days * 86400.0)
    return max(1, int(_DECAY_UNITS * 0.5**halves + 0.5))


def _summed(named: Sequence[tuple[int, int]]) -> dict[int, int]:
    weights: dict[int, int] = {}
    for step, weight in named:
        weights[step] = weights.get(step, 0) + weight
    return weights


def _by_step(steps: Sequence[int], named: Mapping[int, int], other_weight: int) -> list[int]:
    """Give named steps their weights, and the others one weight together, as whole numbers."""
    others = max(1, steps[-1] + 1 - len(named))
    return [named[step] * others if step in named else other_weight for step in steps]
