"""How revenue answers spend: the curves tried, and the one that a set of weeks shows.

Belongs here: fitting the curves to many re-weighted sets of the same weeks at once. Doesn't belong
here: which weeks are enough, and intervals (marginal.py).

Every curve has two free numbers, so that their squared errors compare as they are:

- constant returns: a + b s, the curve unless another is clearly better
- logarithm: a + b log(1 + s / m), m the median spend
- power: k s^e with 0 < e < 1, a constant elasticity e
- Hill of order 1: v s / (s + h), which levels off at v

The last three diminish. One counts as shown if n log(error of constant / its error), twice the
logarithm of the likelihood ratio under normal errors, is above a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CURVES = ("constant", "logarithm", "power", "hill")
_ELASTICITIES = tuple(step / 20 for step in range(1, 20))
_HALF_SATURATIONS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Half-saturation points tried, in multiples of the median spend."""
_TINY = 1e-9
"""Part of the squares below which a difference is rounding only."""


@dataclass(frozen=True)
class Responses:
    """Hold the curve chosen for each re-weighting, at one level of spend.

    Args:
        curve: Position in `CURVES`, (sets,).
        marginal: Revenue of one more unit of spend, (sets,); nan where no curve can be told.
        level: Fitted revenue at that spend, (sets,).
    """

    curve: IntArray
    marginal: FloatArray
    level: FloatArray


@dataclass(frozen=True)
class _Features:
    """All curves tried, up to their factors; the first is constant returns.

    Args:
        code: Position in `CURVES`, (curves,).
        values: At each week, (weeks, curves).
        value: At the level of spend that is read, (curves,).
        slope: Their derivative there, (curves,).
        has_base: Whether a base is added that needs no spend, (curves,).
    """

    code: IntArray
    values: FloatArray
    value: FloatArray
    slope: FloatArray
    has_base: NDArray[np.bool_]


def fit_responses(
    spend: FloatArray, revenue: FloatArray, weights: FloatArray, *, at: float, min_evidence: float
) -> Responses:
    """Choose a curve for each re-weighting of the weeks.

    Args:
        spend: Spend of each week in units of money, positive, (weeks,).
        revenue: Revenue of each week, (weeks,).
        weights: How often each week counts, (sets, weeks).
        at: Spend at which the curves are read, positive.
        min_evidence: What a diminishing curve must be better by than constant returns.
    """
    features = _features(spend, at)
    values = features.values
    count = weights.sum(axis=1)[:, None]
    sums = _weighed(weights, values)
    squares = _weighed(weights, values * values)
    products = _weighed(weights, values * revenue[:, None])
    earned, earned_squares = _weighed(weights, np.stack([revenue, revenue**2], axis=1)).T
    centre = np.where(features.has_base, sums / count, 0.0)
    mean = np.where(features.has_base, earned[:, None] / count, 0.0)
    spread = squares - count * centre * centre
    shared = products - count * centre * mean
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(spread > _TINY * squares, shared / spread, np.nan)
    error = earned_squares[:, None] - count * mean * mean - factor * shared
    # Weeks that lie on a curve exactly have an error of rounding only.
    floor = np.maximum(earned_squares * _TINY, np.finfo(np.float64).tiny)
    error = np.where(np.isfinite(error), np.maximum(error, floor[:, None]), np.inf)
    # A curve that falls isn't one of diminishing returns.
    error[:, 1:] = np.where(factor[:, 1:] > 0, error[:, 1:], np.inf)
    best = 1 + error[:, 1:].argmin(axis=1)
    rows = np.arange(len(weights))
    with np.errstate(invalid="ignore"):
        gain = count[:, 0] * np.log(error[:, 0] / error[rows, best])
    # Curves through nothing fit weeks of one spend too, and say nothing there: no slope, no curve.
    chosen = np.where(np.isfinite(error[:, 0]) & (gain > min_evidence), best, 0)
    factor = factor[rows, chosen]
    base = mean[rows, chosen] - factor * centre[rows, chosen]
    return Responses(
        features.code[chosen],
        factor * features.slope[chosen],
        base + factor * features.value[chosen],
    )


def _features(spend: FloatArray, at: float) -> _Features:
    middle = float(np.median(spend))
    powers = np.array(_ELASTICITIES)
    halves = np.array(_HALF_SATURATIONS) * middle
    column = spend[:, None]
    return _Features(
        code=np.repeat(np.arange(len(CURVES)), (1, 1, len(powers), len(halves))),
        values=np.hstack(
            [column, np.log1p(column / middle), column**powers, column / (column + halves)]
        ),
        value=np.hstack([at, np.log1p(at / middle), at**powers, at / (at + halves)]),
        slope=np.hstack(
            [1.0, 1 / (middle + at), powers * at ** (powers - 1), halves / (at + halves) ** 2]
        ),
        has_base=np.repeat([True, False], (2, len(powers) + len(halves))),
    )


def _weighed(weights: FloatArray, values: FloatArray) -> FloatArray:
    """Return each set's weighted sums; no BLAS, whose order of adding may depend on threads."""
    return np.asarray(np.einsum("sw,wc->sc", weights, values), dtype=np.float64)
