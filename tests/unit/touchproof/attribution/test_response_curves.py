"""Rules of the response curves: what weeks on a curve give back, and when it counts as shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.attribution.response_curves import CURVES, FloatArray, fit_responses

_SPEND = np.array([40.0, 55, 60, 70, 80, 95, 100, 110, 130, 150, 180, 240])
_ONCE = np.ones((1, len(_SPEND)))


def _fit(revenue: FloatArray, at: float = 100.0, evidence: float = 4.0) -> tuple[str, float, float]:
    found = fit_responses(_SPEND, revenue, _ONCE, at=at, min_evidence=evidence)
    return CURVES[found.curve[0]], float(found.marginal[0]), float(found.level[0])


def test_weeks_on_a_line_have_its_slope_at_any_spend() -> None:
    revenue = 30 + 1.5 * _SPEND
    for at in (10.0, 100.0, 1000.0):
        curve, marginal, level = _fit(revenue, at)
        assert (curve, marginal) == ("constant", pytest.approx(1.5))
        assert level == pytest.approx(30 + 1.5 * at)


def test_weeks_on_a_logarithm_have_its_derivative() -> None:
    middle = float(np.median(_SPEND))
    curve, marginal, level = _fit(10 + 200 * np.log1p(_SPEND / middle))
    assert (curve, marginal) == ("logarithm", pytest.approx(200 / (middle + 100)))
    assert level == pytest.approx(10 + 200 * math.log1p(100 / middle))


def test_weeks_of_a_constant_elasticity_have_its_derivative() -> None:
    curve, marginal, level = _fit(12 * _SPEND**0.45)
    assert (curve, marginal) == ("power", pytest.approx(12 * 0.45 * 100**-0.55))
    assert level == pytest.approx(12 * 100**0.45)


def test_weeks_on_a_hill_have_its_derivative() -> None:
    half = 0.75 * float(np.median(_SPEND))
    curve, marginal, level = _fit(500 * _SPEND / (_SPEND + half))
    assert (curve, marginal) == ("hill", pytest.approx(500 * half / (100 + half) ** 2))
    assert level == pytest.approx(500 * 100 / (100 + half))


def test_a_diminishing_curve_counts_only_where_it_is_clearly_better() -> None:
    noise = np.random.default_rng(3).normal(size=len(_SPEND))
    revenue = 15 * np.sqrt(_SPEND) * (1 + 0.3 * noise)
    assert _fit(revenue, evidence=4.0)[0] == "constant"
    assert _fit(revenue, evidence=-1000.0)[0] != "constant"
    assert _fit(15 * np.sqrt(_SPEND), evidence=4.0)[0] == "power"


def test_revenue_that_falls_with_spend_has_a_negative_constant_return() -> None:
    curve, marginal, _ = _fit(300 - 0.5 * _SPEND)
    assert (curve, marginal) == ("constant", pytest.approx(-0.5))


def test_spend_that_never_varies_has_no_slope() -> None:
    spend = np.full(12, 70.0)
    found = fit_responses(spend, _SPEND, np.ones((1, 12)), at=70.0, min_evidence=4.0)
    assert np.isnan(found.marginal).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_a_week_drawn_twice_is_two_weeks_and_each_set_is_fitted_by_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    revenue = rng.uniform(10, 300, len(_SPEND))
    weights = rng.multinomial(len(_SPEND), np.full(len(_SPEND), 1 / len(_SPEND)), size=5)
    # Both halves must have the same median spend, from which the curves' scales come.
    together = fit_responses(_SPEND, revenue, weights.astype(np.float64), at=90.0, min_evidence=4.0)
    for number, counts in enumerate(weights):
        alone = fit_responses(
            _SPEND, revenue, counts[None, :].astype(np.float64), at=90.0, min_evidence=4.0
        )
        assert alone.curve[0] == together.curve[number]
        np.testing.assert_allclose(
            alone.marginal, together.marginal[number : number + 1], rtol=1e-9
        )


@pytest.mark.parametrize("unit", [0.01, 1.0, 1000.0])
def test_the_unit_of_money_changes_no_return(unit: float) -> None:
    noise = np.random.default_rng(5).normal(size=len(_SPEND))
    revenue = 15 * np.sqrt(_SPEND) * (1 + 0.05 * noise)
    plain = fit_responses(_SPEND, revenue, _ONCE, at=100.0, min_evidence=4.0)
    scaled = fit_responses(_SPEND * unit, revenue * unit, _ONCE, at=100.0 * unit, min_evidence=4.0)
    assert scaled.curve.tolist() == plain.curve.tolist()
    np.testing.assert_allclose(scaled.marginal, plain.marginal, rtol=1e-6)
