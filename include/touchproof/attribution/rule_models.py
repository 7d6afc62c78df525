"""The seven rule models on a path table.

Belongs here: the rules as shares of a path's touches, and applying them to a whole table at once.
Doesn't belong here: the same models on dated touches of single conversions (dbt's
macros/attribution.sql), Markov and Shapley.

A rule gives a touch a share that depends on little: the path's length, the touch's distance from
its end, and for w_shaped where the lead step stands. So the table is first counted by channel and
these (position_counts.py), exactly and in any order of rows, and each model weighs the counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from touchproof.attribution.credits import Credits
from touchproof.attribution.exact_sums import limbs_of, summed
from touchproof.attribution.paths import Floats, PathTable, Positions
from touchproof.attribution.position_counts import (
    LEAD_AT_EDGE,
    LEAD_BETWEEN,
    NO_LEAD,
    Columns,
    PositionCounts,
    count_positions,
)

RULE_MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "w_shaped",
)


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
    crediting = paths.crediting()
    # A path may enter one sum as often as it has touches.
    longest = int(crediting.lengths.max(initial=1))
    columns = (limbs_of(crediting.conversions, longest), limbs_of(crediting.value, longest))
    leads = None if settings.lead_step is None else _Leads.of(crediting, settings.lead_step)
    counts = count_positions(crediting, columns, None if leads is None else leads.places)
    lengths, distances = counts.lengths, counts.distances
    shares = {
        "first_touch": (distances == lengths - 1).astype(np.float64),
        "last_touch": (distances == 0).astype(np.float64),
        "linear": 1.0 / lengths,
        "time_decay": _decay_shares(lengths, distances, settings.half_life_steps),
        "position_based": _position_shares(lengths, distances, settings.position_weights),
    }
    results = {model: Credits(model, *counts.weighed(share)) for model, share in shares.items()}
    results["last_non_direct"] = _last_non_direct(crediting, columns, settings.direct)
    if leads is not None:
        results["w_shaped"] = _w_shaped(crediting, columns, counts, leads, settings.w_weights)
    return tuple(results.get(model) for model in RULE_MODELS)


def _decay_shares(lengths: Positions, distances: Positions, half_life: float) -> Floats:
    """Halve a touch's weight for each half-life before the path's last touch."""
    weights = np.exp2(-np.arange(int(lengths.max(initial=1)), dtype=np.float64) / half_life)
    totals = np.cumsum(weights)
    return np.asarray(weights[distances] / totals[lengths - 1])


def _position_shares(
    lengths: Positions, distances: Positions, weights: tuple[float, float, float]
) -> Floats:
    """Give first and last touch their weights; those between share theirs.

    Without touches between, first and last have it all in proportion; a single touch is both.
    """
    first, between, last = weights
    is_last, is_first = distances == 0, distances == lengths - 1
    middle_count = np.maximum(lengths - 2, 1)
    raw = np.where(is_first | is_last, is_first * first + is_last * last, between / middle_count)
    return np.asarray(raw / (first + last + np.where(lengths > 2, between, 0.0)))


def _last_non_direct(paths: PathTable, columns: Columns, direct: str | None) -> Credits:
    """Give all to the last touch that isn't direct; to the last where all are direct."""
    touch = paths.offsets[1:] - 1
    code = None if direct is None else paths.code_of(direct)
    if code is not None and len(paths):
        ends_direct = np.flatnonzero(paths.steps.take(touch) == code)
        some = paths.rows_at(ends_direct)
        place = np.where(some.steps != code, np.arange(len(some.steps)), -1)
        found = np.maximum.reduceat(place, some.offsets[:-1]) if len(some) else place
        touch[ends_direct] -= np.where(found >= 0, some.offsets[1:] - 1 - found, 0)
    channel = paths.steps.take(touch).astype(np.int64)
    return Credits(
        "last_non_direct",
        *(summed(channel, len(paths.channels), limbs, None) for limbs in columns),
    )


@dataclass(frozen=True, eq=False)
class _Leads:
    """Hold where the lead step stands: its first touch in each path.

    Args:
        code: The lead step's channel; None if no path has it.
        rows: The paths that have it.
        places: By path: `NO_LEAD`, `LEAD_AT_EDGE` or `LEAD_BETWEEN`.
    """

    code: int | None
    rows: Positions
    places: Positions

    @classmethod
    def of(cls, paths: PathTable, lead_step: str) -> _Leads:
        code, places = paths.code_of(lead_step), np.full(len(paths), NO_LEAD)
        if code is None:
            return cls(None, np.empty(0, np.int64), places)
        touches = np.flatnonzero(paths.steps == code)
        rows, first = np.unique(
            np.searchsorted(paths.offsets, touches, side="right") - 1, return_index=True
        )
        leads = touches[first]
        is_edge = (leads == paths.offsets[rows]) | (leads == paths.offsets[rows + 1] - 1)
        places[rows] = np.where(is_edge, LEAD_AT_EDGE, LEAD_BETWEEN)
        return cls(code, rows, places)


def _w_shaped(
    paths: PathTable,
    columns: Columns,
    counts: PositionCounts,
    leads: _Leads,
    weights: tuple[float, float, float, float],
) -> Credits:
    """Give three steps of a path their weights: first touch, lead step, last touch.

    The others share the fourth weight. A touch that is several of the three has the weights of all
    of them. Where a path has no lead step, or no other touch, the weights of what it has are the
    whole. The lead step is its first touch in the path.
    """
    first_weight, lead_weight, last_weight, other_weight = weights

    def other_and_total(lead_places: Positions, lengths: Positions) -> tuple[Floats, Floats]:
        others = lengths - np.minimum(lengths, 2) - (lead_places == LEAD_BETWEEN)
        total = first_weight + last_weight + (lead_places != NO_LEAD) * lead_weight
        total = total + (others > 0) * other_weight
        return other_weight * (others > 0) / np.maximum(others, 1), total

    # First every touch as if it weren't the lead step, then what the lead step has more than that.
    other, total = other_and_total(counts.lead_places, counts.lengths)
    is_first, is_last = counts.distances == counts.lengths - 1, counts.distances == 0
    edge = is_first * first_weight + is_last * last_weight
    credit = counts.weighed(np.where(is_first | is_last, edge, other) / total)
    if leads.code is not None and len(leads.rows):
        places, lengths = leads.places[leads.rows], paths.lengths[leads.rows]
        kinds, kind = np.unique(places * (lengths.max() + 1) + lengths, return_inverse=True)
        places, lengths = np.divmod(kinds, lengths.max() + 1)
        other, total = other_and_total(places, lengths)
        more = (lead_weight - (places == LEAD_BETWEEN) * other) / total
        for column, limbs in zip(credit, columns, strict=True):
            column[leads.code] += summed(kind, len(kinds), limbs, leads.rows) @ more
    return Credits("w_shaped", *credit)
