"""The seven rule models on a path table.

Belongs here: the rules as shares of a path's touches, and applying them to a whole table at once.
Doesn't belong here: the same models on dated touches of single conversions (dbt's
macros/attribution.sql), Markov and Shapley.

A rule gives a touch a share that depends on little: the path's length, the touch's distance from
its end, and for w_shaped where the lead step stands. So the table is first counted by channel and
these, exactly and in any order of rows, and each model is a weighting of the counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from touchproof.attribution.credits import Credits
from touchproof.attribution.exact_sums import (
    Limb,
    joined,
    limbs_of,
    part_of,
    summed,
    sums_by,
    whole_sums,
)
from touchproof.attribution.paths import Floats, PathTable, Positions

RULE_MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "w_shaped",
)
_BLOCK_TOUCHES = 1 << 18
_DENSE_CELLS = 1 << 22


@dataclass(frozen=True)
class RuleSettings:
    """Hold what the rules leave open.

    Args:
        direct: The channel that is direct; None if none is.
        lead_step: The step at which a person became a lead; None: w_shaped can't be said.
        half_life_steps: After how many steps towards the path's begin a share is half.
        position_weights: First touch, all between together, last touch.
        w_weights: First touch, lead step, last touch, all others together.
    """

    direct: str | None = None
    lead_step: str | None = None
    half_life_steps: float = 1.0
    position_weights: tuple[float, float, float] = (0.4, 0.2, 0.4)
    w_weights: tuple[float, float, float, float] = (0.3, 0.3, 0.3, 0.1)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.half_life_steps) and self.half_life_steps > 0):
            raise ValueError("half_life_steps is a number above 0")


def rule_credits(
    paths: PathTable, settings: RuleSettings | None = None
) -> tuple[Credits | None, ...]:
    """Credit every channel by each of `RULE_MODELS`.

    Consecutive touches of one channel count as they stand: merge them first
    (`PathTable.merged`), unless each is meant to count.

    Returns:
        One result a model, in order; None for w_shaped where the settings name no lead step.
    """
    settings = settings or RuleSettings()
    # A path that brought neither conversion nor value gives nobody anything.
    crediting = paths.rows((paths.conversions != 0) | (paths.value != 0))
    # A path may enter one sum as often as it has touches.
    longest = int(crediting.lengths.max(initial=1))
    columns = (limbs_of(crediting.conversions, longest), limbs_of(crediting.value, longest))
    counts = _PositionCounts.of(crediting, columns)
    lengths, distances = counts.lengths, counts.distances
    first, between, last = settings.position_weights
    shares = {
        "first_touch": (distances == lengths - 1).astype(np.float64),
        "last_touch": (distances == 0).astype(np.float64),
        "linear": 1.0 / lengths,
        "time_decay": _decay_shares(lengths, distances, settings.half_life_steps),
        "position_based": _position_shares(lengths, distances, first, between, last),
    }
    results = {model: counts.credits(model, share) for model, share in shares.items()}
    results["last_non_direct"] = _last_non_direct(crediting, columns, settings.direct)
    lead = None if settings.lead_step is None else crediting.code_of(settings.lead_step)
    w_shaped = (
        None
        if settings.lead_step is None
        else _w_shaped(crediting, columns, lead, settings.w_weights)
    )
    return tuple(results.get(model, w_shaped) for model in RULE_MODELS)


@dataclass(frozen=True)
class _PositionCounts:
    """Hold sums by (channel, path length, steps before the path's end), one entry a cell."""

    channel_count: int
    channels: Positions
    lengths: Positions
    distances: Positions
    conversions: Floats
    value: Floats

    @classmethod
    def of(cls, paths: PathTable, columns: tuple[tuple[Limb, ...], ...]) -> _PositionCounts:
        longest = int(paths.lengths.max(initial=1))
        channel_count = len(paths.channels)
        cell_count = channel_count * (longest + 1) * longest
        if cell_count <= _DENSE_CELLS:
            wholes = [np.zeros((len(limbs), cell_count)) for limbs in columns]
            for block, row, cell in _cells(paths, longest, max(_BLOCK_TOUCHES, 8 * cell_count)):
                for whole, limbs in zip(wholes, columns, strict=True):
                    whole += whole_sums(cell, cell_count, part_of(limbs, block), row)
            found = [joined(*column) for column in zip(columns, wholes, strict=True)]
            cells = np.flatnonzero(np.any(found, axis=0))
            sums = np.stack(found)[:, cells]
        else:
            _, row, cell = next(_cells(paths, longest, len(paths.steps)))
            cells, place = np.unique(cell, return_inverse=True)
            sums = np.stack([summed(place, len(cells), limbs, row) for limbs in columns])
        ends, distances = np.divmod(cells, longest)
        channels, lengths = np.divmod(ends, longest + 1)
        return cls(channel_count, channels, lengths, distances, sums[0], sums[1])

    def credits(self, model: str, share: Floats) -> Credits:
        """Weigh the cells by a touch's share in each."""
        return Credits(
            model,
            sums_by(self.channels, self.conversions * share, self.channel_count),
            sums_by(self.channels, self.value * share, self.channel_count),
        )


def _cells(
    paths: PathTable, longest: int, block_touches: int
) -> Iterator[tuple[slice, NDArray[np.intp], Positions]]:
    """Yield blocks of rows, and for each touch its row in the block and its cell."""
    offsets, count = paths.offsets, len(paths)
    begin = 0
    while begin < count:
        after = int(np.searchsorted(offsets, offsets[begin] + block_touches, side="right")) - 1
        end = min(max(after, begin + 1), count)
        lengths = np.diff(offsets[begin : end + 1])
        row = np.repeat(np.arange(end - begin), lengths)
        steps = paths.steps[offsets[begin] : offsets[end]]
        cell = steps.astype(np.int64)
        cell *= longest + 1
        cell += lengths.take(row)
        cell *= longest
        cell += (offsets[begin + 1 : end + 1] - offsets[begin] - 1).take(row)
        cell -= np.arange(len(steps))
        yield slice(begin, end), row, cell
        begin = end


def _decay_shares(lengths: Positions, distances: Positions, half_life: float) -> Floats:
    """Halve a touch's weight for each half-life before the path's last touch."""
    weights = np.exp2(-np.arange(int(lengths.max(initial=1)), dtype=np.float64) / half_life)
    totals = np.cumsum(weights)
    return np.asarray(weights[distances] / totals[lengths - 1])


def _position_shares(
    lengths: Positions, distances: Positions, first: float, between: float, last: float
) -> Floats:
    """Give first and last touch their weights; those between share theirs.

    Without touches between, first and last have it all in proportion; a single touch is both.
    """
    is_last, is_first = distances == 0, distances == lengths - 1
    middle_count = np.maximum(lengths - 2, 1)
    raw = np.where(is_first | is_last, is_first * first + is_last * last, between / middle_count)
    return np.asarray(raw / (first + last + np.where(lengths > 2, between, 0.0)))


def _last_non_direct(
    paths: PathTable, columns: tuple[tuple[Limb, ...], ...], direct: str | None
) -> Credits:
    """Give all to the last touch that isn't direct; to the last where all are direct."""
    last = paths.offsets[1:] - 1
    code = None if direct is None else paths.code_of(direct)
    if code is not None and len(paths):
        place = np.where(paths.steps != code, np.arange(len(paths.steps)), -1)
        found = np.maximum.reduceat(place, paths.offsets[:-1])
        last = np.where(found >= 0, found, last)
    return _by_touch("last_non_direct", paths, columns, last)


def _by_touch(
    model: str, paths: PathTable, columns: tuple[tuple[Limb, ...], ...], touch: Positions
) -> Credits:
    """Give each path's all to one touch of it."""
    channel = paths.steps.take(touch).astype(np.int64)
    conversions, value = (summed(channel, len(paths.channels), limbs, None) for limbs in columns)
    return Credits(model, conversions, value)


def _w_shaped(
    paths: PathTable,
    columns: tuple[tuple[Limb, ...], ...],
    lead: int | None,
    weights: tuple[float, float, float, float],
) -> Credits:
    """Give three steps of a path their weights: first touch, lead step, last touch.

    The others share the fourth weight. A touch that is several of the three has the weights of all
    of them. Where a path has no lead step, or no other touch, the weights of what it has are the
    whole. The lead step is its first touch in the path.
    """
    first_weight, lead_weight, last_weight, other_weight = weights
    lengths, starts, ends = paths.lengths, paths.offsets[:-1], paths.offsets[1:] - 1
    lead_touch = np.full(len(paths), -1)
    if lead is not None and len(paths):
        never = len(paths.steps)
        place = np.where(paths.steps == lead, np.arange(never), never)
        found = np.minimum.reduceat(place, starts)
        lead_touch = np.where(found < never, found, -1)
    has_lead = lead_touch >= 0
    apart = has_lead & (lead_touch > starts) & (lead_touch < ends)
    others = lengths - np.where(lengths > 1, 2, 1) - apart
    # Paths of one kind (is there a lead step, a touch of its own, how many others) share alike.
    kind = (others * 2 + has_lead) * 2 + apart
    kinds = np.arange(int(kind.max(initial=0)) + 1)
    other_counts, has_lead_step = kinds // 4, kinds // 2 % 2
    total = first_weight + last_weight + has_lead_step * lead_weight
    total = total + (other_counts > 0) * other_weight
    channel_count = len(paths.channels)

    def by_kind(touch: Positions, rows: Positions, limbs: tuple[Limb, ...]) -> Floats:
        cell = paths.steps.take(touch).astype(np.int64) * len(kinds) + kind.take(rows)
        return summed(cell, channel_count * len(kinds), limbs, rows).reshape(channel_count, -1)

    every = np.arange(len(paths))
    with_lead, between = np.flatnonzero(has_lead), np.flatnonzero(apart)
    touches, row = np.arange(len(paths.steps)), np.repeat(every, lengths)
    results = []
    for limbs in columns:
        first, last = by_kind(starts, every, limbs), by_kind(ends, every, limbs)
        leads = by_kind(lead_touch.take(with_lead), with_lead, limbs)
        longer = np.flatnonzero(lengths > 1)
        steps = first + by_kind(ends.take(longer), longer, limbs)
        steps += by_kind(lead_touch.take(between), between, limbs)
        rest = by_kind(touches, row, limbs) - steps
        credit = first * first_weight + last * last_weight + leads * lead_weight
        credit += rest * other_weight / np.maximum(other_counts, 1)
        results.append((credit / total).sum(axis=1))
    return Credits("w_shaped", results[0], results[1])
