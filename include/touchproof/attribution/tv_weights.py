"""How likely each visit of a minute came by a spot.

Belongs here: the weights of inferred touches. Doesn't belong here: which visits and persons these
are (the model int_tv_touches_inferred).

A visit of a minute with baseline b and expected responses l_s came by spot s with probability
l_s / (b + sum of l). The responses have the common shape, and their sizes are such that the
probabilities of a spot's visits sum to what it is expected to have brought: its lift, drawn towards
what its station's spots usually bring, since only spots with a high lift have weights at all.
"""

from __future__ import annotations

import numpy as np

from touchproof.attribution.tv_baseline import Baseline
from touchproof.attribution.tv_response import Response
from touchproof.attribution.tv_series import Floats, Mask, MinuteSeries
from touchproof.attribution.tv_windows import SpotGroup

_ROUNDS, _TOLERANCE = 200, 1e-9
_LARGEST_WEIGHT = 1.0 - 1e-6
"""No visit is television's alone."""


def visit_weights(
    group: SpotGroup,
    expected: Floats,
    is_counted: Mask,
    series: MinuteSeries,
    baseline: Baseline,
    response: Response,
) -> Floats:
    """Return the weight of each spot in each visit of a minute.

    Args:
        group: The spots.
        expected: Visits that each is expected to have brought, shape (spots,).
        is_counted: Which of them have a lift to speak of; the others get no weight.
        series: Visits.
        baseline: What they would have been.
        response: What spots usually do.

    Returns:
        Shape (minutes, spots); rows sum to less than 1. A spot's weights over all visits of its
        window sum to what is expected of it, unless no weights below 1 can.
    """
    counts = series.counts[group.minutes - series.start]
    rate = baseline.rate[group.minutes - baseline.start]
    target = np.where(is_counted, np.maximum(expected, 0.0), 0.0)
    spread = response.spread(group.lags)
    size = target.copy()
    weights = np.zeros_like(spread)
    for _ in range(_ROUNDS if target.any() else 0):
        due = spread * size
        weights = due / (rate + due.sum(axis=1))[:, None]
        reached = counts @ weights
        # What can't be reached would grow for ever.
        grown = np.minimum(size * target / np.maximum(reached, 1e-12), 1e6 * target)
        is_settled = np.abs(grown - size).max() <= _TOLERANCE * size.max()
        size = np.where(reached > 0, grown, 0.0)
        if is_settled:
            break
    largest = weights.sum(axis=1, keepdims=True)
    return np.asarray(
        weights * np.minimum(1.0, _LARGEST_WEIGHT / np.maximum(largest, _LARGEST_WEIGHT)),
        dtype=np.float64,
    )
