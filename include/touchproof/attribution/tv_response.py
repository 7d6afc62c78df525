"""What spots usually do: how a response is spread over minutes, and how large it is by station.

Belongs here: the common response shape and the stations' usual lifts, from many spots together.
Doesn't belong here: the lift of one spot (tv_allocation.py).

Both only guide how overlapping spots share what they overlap; a spot that overlaps none is measured
without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from touchproof.attribution.tv_baseline import Baseline
from touchproof.attribution.tv_series import Floats, Minutes, MinuteSeries
from touchproof.attribution.tv_windows import SpotGroup

_ROUNDS = 5
_STATION_WEIGHT = 3.0
"""A station's own mean counts like so many spots of all stations' mean beside it."""
_SMALLEST_SPREAD, _LARGEST_SPREAD = 0.3, 2.0
_SMALLEST_LIFT = 0.5


@dataclass(frozen=True)
class Response:
    """Hold what spots of one country and time usually do.

    Args:
        shape: Share of a response by minutes since the spot began, shape (window + 1,), sums to 1.
        usual: Usual lift of each spot's station, shape (spots,), positive.
        deviation: Standard deviation of single spots' lifts around it, shape (spots,).
    """

    shape: Floats
    usual: Floats
    deviation: Floats

    def spread(self, lags: Minutes) -> Floats:
        """Return each spot's share of its response by minute, shape as `lags`; columns sum to 1."""
        shares = np.where(lags >= 0, self.shape[np.maximum(lags, 0)], 0.0)
        return np.asarray(shares / shares.sum(axis=0), dtype=np.float64)


def excess_of(group: SpotGroup, series: MinuteSeries, baseline: Baseline) -> Floats:
    """Return observed less expected visits by minute of a group."""
    seen = series.counts[group.minutes - series.start]
    return seen - baseline.rate[group.minutes - baseline.start]


def learn_response(
    groups: Sequence[SpotGroup],
    stations: Minutes,
    series: MinuteSeries,
    baseline: Baseline,
    window_minutes: int,
) -> Response:
    """Learn shape and usual lifts from all groups together.

    Spots share the excess of a minute in proportion to what they are expected to bring in it; what
    they got so gives the next expectation. Alone in its minutes a spot gets all, so where few
    spots overlap this is the plain mean.

    Args:
        groups: The groups; `spots` are positions in `stations`.
        stations: Number of each spot's station, shape (spots,).
        series: Visits.
        baseline: What they would have been without spots.
        window_minutes: Length of the response.
    """
    known = np.concatenate([group.spots for group in groups])
    station_count = int(stations.max()) + 1
    shape = _first_shape(window_minutes)
    usual = np.full(len(stations), _SMALLEST_LIFT)
    deviation = usual.copy()
    for _ in range(_ROUNDS):
        response = Response(shape, usual, deviation)
        lifts = np.zeros(len(stations))
        noise = np.zeros(len(stations))
        by_lag = np.zeros(window_minutes + 1)
        by_lag_noise = 0.0
        for group in groups:
            excess = excess_of(group, series, baseline)
            chance = baseline.dispersion * baseline.rate[group.minutes - baseline.start]
            due = response.spread(group.lags) * usual[group.spots]
            shares = due / due.sum(axis=1, keepdims=True)
            lifts[group.spots] = excess @ shares
            noise[group.spots] = chance @ shares**2
            inside = group.lags >= 0
            got = (shares * excess[:, None])[inside]
            by_lag += np.bincount(group.lags[inside], weights=got, minlength=len(by_lag))
            by_lag_noise += float(chance.sum())
        shape = _shape(by_lag, by_lag_noise, window_minutes)
        usual = _usual_lifts(lifts[known], stations[known], station_count)[stations]
        spread = _relative_spread(lifts[known], noise[known], usual[known])
        deviation = spread * usual + _SMALLEST_LIFT
    return Response(shape, usual, deviation)


def _first_shape(window_minutes: int) -> Floats:
    """Return the shape that is expected before any spot was seen: a rise and a quick decay."""
    lags = np.arange(window_minutes + 1)
    weights = np.exp(-3.0 * lags / max(window_minutes, 1))
    # A spot begins within its first minute, on average in the middle.
    weights[0] /= 2
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _shape(by_lag: Floats, noise: float, window_minutes: int) -> Floats:
    """Return the observed shape, with the first shape at the weight of what chance may do."""
    weights = np.maximum(by_lag, 0.0) + np.sqrt(noise) * _first_shape(window_minutes)
    # So every minute of a window has a share, however small.
    weights += 1e-3 * weights.sum() / len(weights) + 1e-9
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _usual_lifts(lifts: Floats, stations: Minutes, station_count: int) -> Floats:
    """Return each station's mean, drawn towards the mean of all, at least a little."""
    everyone = max(float(lifts.mean()), _SMALLEST_LIFT)
    sums = np.bincount(stations, weights=lifts, minlength=station_count)
    counts = np.bincount(stations, minlength=station_count)
    means = (sums + _STATION_WEIGHT * everyone) / (counts + _STATION_WEIGHT)
    return np.asarray(np.maximum(means, _SMALLEST_LIFT), dtype=np.float64)


def _relative_spread(lifts: Floats, noise: Floats, usual: Floats) -> float:
    """Return how far single spots lie from their station's mean, as a multiple of that mean."""
    beyond_chance = float(((lifts - usual) ** 2 - noise).sum())
    relative = float(np.sqrt(max(beyond_chance, 0.0) / float((usual**2).sum())))
    return min(max(relative, _SMALLEST_SPREAD), _LARGEST_SPREAD)
