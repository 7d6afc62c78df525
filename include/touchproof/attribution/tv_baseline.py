"""How many visits a minute would have had without television.

Belongs here: the baseline's regression and its uncertainty. Doesn't belong here: which minutes are
near spots (tv_windows.py) and what spots added (tv_allocation.py).

The logarithm of the rate is a sum of a linear trend, weekdays, and waves over the local day (others
at weekends), fitted by Poisson likelihood with standard normal priors (McCullagh and Nelder,
Generalized Linear Models, 1989, chapter 6) on minutes that no spot can have touched. What remains
of half hours of the day and of single days is a gamma-Poisson effect, drawn towards 1 by how much
such effects vary (method of moments), so steps of the day's curve and good or bad days are followed
only as far as their visits prove them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchproof.attribution.tv_series import DAY, Floats, LocalClock, Mask, Minutes, MinuteSeries

MIN_VISITS = 50
"""With fewer visits outside all windows there is no baseline."""

_BIN = 5
_SLOT = 30
_DAY_WAVES, _WEEKEND_WAVES = 4, 2
_STEPS, _TOLERANCE = 60, 1e-10
_SILENCE = 25.0
"""So many visits missing in a row are an outage (by chance: e^-25), not a quiet time."""
_SMALLEST_RATE = 1e-6


@dataclass(frozen=True)
class Baseline:
    """Hold the rate of consecutive minutes without television.

    Args:
        start: The first minute.
        rate: Expected visits by minute, shape (minutes,), positive.
        is_observed: Whether the minute was recorded, not lost in an outage.
        dispersion: Variance of a window's visits in units of a Poisson count's, at least 1.
    """

    start: int
    rate: Floats
    is_observed: Mask
    dispersion: float
    _features: Floats
    _root: Floats
    _slots: Minutes
    _slot_deviation: Floats
    _days: Minutes
    _day_deviation: Floats

    def error_factors(self, minutes: Minutes) -> Floats:
        """Return F so that F F' is the covariance of the fitted visits of these minutes.

        Args:
            minutes: Minutes of the baseline's range, shape (n,).

        Returns:
            Shape (n, factors): errors of the regression, of half hours and of days.
        """
        place = minutes - self.start
        rate = self.rate[place][:, None]
        parts = [rate * (self._features[self._bins(place)] @ self._root)]
        for group, deviation in (
            (self._slots, self._slot_deviation),
            (self._days, self._day_deviation),
        ):
            values, numbers = np.unique(group[place], return_inverse=True)
            parts.append(rate * np.eye(len(values))[numbers] * deviation[values])
        return np.hstack(parts)

    def _bins(self, place: Minutes) -> Minutes:
        return (place + self.start % _BIN) // _BIN


def fit_baseline(
    series: MinuteSeries, is_free: Mask, clock: LocalClock, window_minutes: int
) -> Baseline | None:
    """Fit the baseline of one country and stretch of days.

    Args:
        series: Visits by minute.
        is_free: Which minutes no spot can have touched; only these are fitted.
        clock: The local clock of the same minutes.
        window_minutes: Length of the windows for whose sums the dispersion must hold.

    Returns:
        The baseline, or None where fewer than `MIN_VISITS` visits are free of spots.
    """
    features, bins = _features(series.start, clock)
    slots = clock.minute_of_day // _SLOT
    days = clock.day - clock.day[0] if len(clock.day) else clock.day
    observed = np.ones(len(series.counts), dtype=np.bool_)
    # The second round knows of the outages that the first one showed.
    for _ in range(2):
        used = is_free & observed
        counts = np.where(used, series.counts, 0.0)
        if counts.sum() < MIN_VISITS:
            return None
        exposure, visits = _sums(bins, used.astype(np.float64)), _sums(bins, counts)
        coefficients, root = _regress(features, visits, exposure)
        rate = np.exp(np.clip(features @ coefficients, -30.0, 30.0))[bins]
        slot_effect, slot_deviation = _effects(slots, counts, rate * used)
        rate = rate * slot_effect[slots]
        observed = ~_outages(series.counts, rate)
    day_effect, day_deviation = _effects(days, counts, rate * used)
    rate = np.maximum(rate * day_effect[days], _SMALLEST_RATE)
    dispersion = _dispersion(series.counts, rate, used, window_minutes, features.shape[1])
    return Baseline(
        series.start,
        rate,
        observed,
        dispersion,
        features,
        root * np.sqrt(dispersion),
        slots,
        slot_deviation,
        days,
        day_deviation,
    )


def _features(start: int, clock: LocalClock) -> tuple[Floats, Minutes]:
    """Return the regression's columns by bin of minutes, shape (bins, columns), and the bins."""
    count = len(clock.day)
    bins = (start % _BIN + np.arange(count, dtype=np.int64)) // _BIN
    _, first = np.unique(bins, return_index=True)
    angle = 2 * np.pi * (clock.minute_of_day[first] + _BIN / 2) / DAY
    weekday = clock.weekday[first]
    weekend = (weekday >= 5).astype(np.float64)
    columns = [np.ones(len(first)), np.linspace(-1.0, 1.0, len(first))]
    columns += [(weekday == day).astype(np.float64) for day in range(1, 7)]
    for wave in range(1, _DAY_WAVES + 1):
        columns += [np.cos(wave * angle), np.sin(wave * angle)]
    for wave in range(1, _WEEKEND_WAVES + 1):
        columns += [weekend * np.cos(wave * angle), weekend * np.sin(wave * angle)]
    return np.column_stack(columns), bins


def _regress(features: Floats, visits: Floats, exposure: Floats) -> tuple[Floats, Floats]:
    """Return coefficients and a root of their covariance, by Newton's method.

    Args:
        features: Shape (bins, columns); the first column is 1.
        visits: Visits of each bin's used minutes.
        exposure: How many minutes were used.
    """
    used = exposure > 0
    matrix, counts, length = features[used], visits[used], exposure[used]
    # Every coefficient but the level has a standard normal prior.
    prior = np.ones(matrix.shape[1])
    prior[0] = 1e-9
    beta = np.zeros(matrix.shape[1])
    beta[0] = np.log(counts.sum() / length.sum())

    def loss(candidate: Floats) -> float:
        score = matrix @ candidate
        expected = length * np.exp(np.clip(score, -30.0, 30.0))
        return float(expected.sum() - counts @ score + 0.5 * (prior * candidate) @ candidate)

    best = loss(beta)
    for _ in range(_STEPS):
        expected = length * np.exp(np.clip(matrix @ beta, -30.0, 30.0))
        gradient = matrix.T @ (expected - counts) + prior * beta
        hessian = (matrix * expected[:, None]).T @ matrix + np.diag(prior)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while loss(beta - size * step) > best and size > 1e-6:
            size /= 2
        beta = beta - size * step
        improved, best = best - loss(beta), loss(beta)
        if improved <= _TOLERANCE * max(1.0, abs(best)):
            break
    root = np.linalg.inv(np.linalg.cholesky(hessian)).T
    return beta, root


def _effects(groups: Minutes, counts: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Return each group's factor on the expected visits, and its standard deviation.

    With gamma effects of mean 1 and variance 1/a a group's factor is (seen + a) / (expected + a);
    the variance is what the groups' deviations show beyond chance.
    """
    seen, due = _sums(groups, counts), _sums(groups, expected)
    squares = float((due**2).sum())
    variance = float(((seen - due) ** 2 - due).sum()) / squares if squares > 0 else 0.0
    if variance <= 1e-6:
        return np.ones(len(seen)), np.zeros(len(seen))
    strength = 1.0 / variance
    factor = (seen + strength) / (due + strength)
    # Relative to the factor: the rate that it multiplies carries the factor already.
    return factor, 1.0 / np.sqrt(seen + strength)


def _sums(groups: Minutes, values: Floats) -> Floats:
    """Return the sum of values by group number."""
    return np.bincount(groups, weights=values).astype(np.float64)


def _outages(counts: Floats, rate: Floats) -> Mask:
    """Tell which minutes lie in a silence so long that nothing was recorded."""
    run = np.cumsum(counts > 0)
    missing = np.bincount(run, weights=np.where(counts > 0, 0.0, rate), minlength=1)
    lost: Mask = (missing[run] > _SILENCE) & (counts == 0)
    return lost


def _dispersion(
    counts: Floats, rate: Floats, used: Mask, window_minutes: int, parameters: int
) -> float:
    """Return the variance of sums over whole windows in units of their expectation, at least 1."""
    windows = len(counts) // window_minutes
    if windows == 0:
        return 1.0
    end = windows * window_minutes
    whole = used[:end].reshape(windows, -1).all(axis=1)
    seen = counts[:end].reshape(windows, -1).sum(axis=1)[whole]
    due = rate[:end].reshape(windows, -1).sum(axis=1)[whole]
    if len(seen) <= parameters or due.sum() <= 0:
        return 1.0
    spread = float(((seen - due) ** 2).sum() / due.sum())
    return max(1.0, spread * len(seen) / (len(seen) - parameters))
