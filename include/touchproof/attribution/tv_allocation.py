"""The lift of each spot: alone it is observed less expected, overlapping spots share exactly.

Belongs here: estimates, their errors and intervals for one group of spots. Doesn't belong here:
the baseline (tv_baseline.py) and what spots usually do (tv_response.py).

Let x be the excess of the group's minutes, and H the spots' response by minute (columns sum to 1).
With x = H k + noise and lifts k around their usual values m the best linear estimate is
k' = m + P H' D^-1 (x - H m), P = (T^-1 + H' D^-1 H)^-1 (Rasmussen and Williams, Gaussian Processes
for Machine Learning, 2006, section 2.1). What the group's whole excess differs from the sum of k'
is added along P 1, so that the sum of lifts is the whole lift: the same estimate under that
constraint. A single spot gets exactly the sum of x, whatever shape is assumed. All is linear in x
and nothing is clipped, so that sums stay unbiased.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from touchproof.attribution.tv_baseline import Baseline
from touchproof.attribution.tv_response import Response, excess_of
from touchproof.attribution.tv_series import Floats, Mask, MinuteSeries
from touchproof.attribution.tv_windows import SpotGroup

_ALMOST_NOTHING = 1e-9


@dataclass(frozen=True)
class GroupLift:
    """Hold the lifts of one group's spots; arrays of shape (spots,).

    Args:
        lift: Visits that the spot brought; may be negative by chance. They sum to the group's
            observed less expected visits.
        expected: Visits that would have come without it, in the part of the minutes that is its.
        chance_variance: Variance from the chance of visits, of its own for each spot.
        baseline_deviation: Standard deviation from the fitted baseline, common to many spots.
        sharing_variance: Variance from not knowing which of overlapping spots brought a visit.
    """

    lift: Floats
    expected: Floats
    chance_variance: Floats
    baseline_deviation: Floats
    sharing_variance: Floats

    def bounds(self, level: float) -> tuple[Floats, Floats]:
        """Return the interval that holds the visits that really came by the spot.

        The visits that would have come anyway follow a negative binomial distribution (Poisson
        with an uncertain rate); its quantiles bound them even where they are few. Sharing adds a
        normal error on both sides.

        Args:
            level: Probability that the interval holds, for example 0.95.
        """
        below, above = self._distances((1.0 + level) / 2)
        return self.lift - below, self.lift + above

    def margins(self, level: float) -> tuple[Floats, Floats]:
        """Return half the normal interval from errors of each spot's own, and from the baseline's.

        Args:
            level: Probability that the interval holds.
        """
        factor = float(stats.norm.ppf((1.0 + level) / 2))
        own = np.sqrt(self.chance_variance + self.sharing_variance)
        return factor * own, factor * self.baseline_deviation

    def is_significant(self, level: float) -> Mask:
        """Tell which lifts are above 0 with at least this one-sided probability."""
        below, _ = self._distances(level)
        significant: Mask = self.lift - below > _ALMOST_NOTHING
        return significant

    def expected_beside(self, usual: Floats, deviation: Floats) -> Floats:
        """Return what a spot is expected to have brought, given its lift and what spots usually do.

        Who chooses spots by their lifts chooses chance with them: those that look best are too
        high on average (the winner's curse). A posterior mean isn't, since Bayes' rule doesn't ask
        why one looks (Efron, Tweedie's Formula and Selection Bias, 2011). Normal prior and error:
        the lift is drawn towards the usual one, the more the less sure it is.

        Args:
            usual: Usual lift of each spot's station.
            deviation: Standard deviation of single spots' lifts around it.
        """
        error = self.chance_variance + self.baseline_deviation**2 + self.sharing_variance
        trust = deviation**2 / (deviation**2 + error)
        return np.asarray(usual + trust * (self.lift - usual), dtype=np.float64)

    def _distances(self, probability: float) -> tuple[Floats, Floats]:
        variance = self.chance_variance + self.baseline_deviation**2
        mean = np.maximum(np.minimum(self.expected, variance), _ALMOST_NOTHING)
        variance = np.maximum(variance, mean * (1 + 1e-9))
        size, success = mean**2 / (variance - mean), mean / variance
        high = stats.nbinom.ppf(probability, size, success) - mean
        low = mean - stats.nbinom.ppf(1.0 - probability, size, success)
        sharing = stats.norm.ppf(probability) ** 2 * self.sharing_variance
        return np.sqrt(high**2 + sharing), np.sqrt(low**2 + sharing)


def allocate(
    group: SpotGroup, series: MinuteSeries, baseline: Baseline, response: Response
) -> GroupLift:
    """Return the lifts of one group's spots.

    Args:
        group: Spots that share minutes; `spots` are positions in `response`.
        series: Visits by minute.
        baseline: What they would have been.
        response: What spots usually do.
    """
    excess = excess_of(group, series, baseline)
    rate = baseline.rate[group.minutes - baseline.start]
    usual, deviation = response.usual[group.spots], response.deviation[group.spots]
    spread = response.spread(group.lags)
    estimate = _constrained_estimate(spread, baseline.dispersion * rate, usual, deviation)
    lift = usual + estimate @ (excess - spread @ usual)
    # The last spot takes what rounding of floating-point sums leaves, so the sum is the whole.
    lift[-1] += excess.sum() - lift.sum()
    reach = estimate @ spread
    # Which minute a visit by a spot falls into is chance, how many there are isn't.
    by_minute = estimate**2 @ (spread @ usual) - reach**2 @ usual
    prior = (reach - np.eye(len(usual))) ** 2 @ deviation**2
    return GroupLift(
        lift=lift,
        expected=np.abs(estimate) @ rate,
        chance_variance=baseline.dispersion * (estimate**2 @ rate),
        baseline_deviation=np.linalg.norm(estimate @ baseline.error_factors(group.minutes), axis=1),
        sharing_variance=np.maximum(by_minute, 0.0) + prior,
    )


def _constrained_estimate(
    spread: Floats, chance: Floats, usual: Floats, deviation: Floats
) -> Floats:
    """Return the matrix that makes lifts of excesses, shape (spots, minutes); columns sum to 1."""
    weighted = spread / (chance + spread @ usual)[:, None]
    precision = np.diag(deviation**-2.0) + spread.T @ weighted
    covariance = np.linalg.inv(precision)
    free = covariance @ weighted.T
    along = covariance.sum(axis=1)
    constrained = free + np.outer(along / along.sum(), 1.0 - free.sum(axis=0))
    return np.asarray(constrained, dtype=np.float64)
