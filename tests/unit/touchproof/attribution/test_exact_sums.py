"""Sums that no order of rows changes."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.attribution.exact_sums import exact_total, limbs_of, summed, sums_by

_NUMBERS = st.lists(
    st.floats(-1e12, 1e12, allow_nan=False).filter(lambda number: not 0 < abs(number) < 1e-200),
    min_size=1,
    max_size=50,
)


@settings(deadline=None)
@given(_NUMBERS, st.integers())
def test_the_order_of_rows_changes_no_bit(numbers: list[float], seed: int) -> None:
    shuffled = list(numbers)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, no secret
    assert exact_total(np.array(numbers)) == exact_total(np.array(shuffled))


@settings(deadline=None)
@given(_NUMBERS)
def test_a_sum_is_the_true_one(numbers: list[float]) -> None:
    largest = max(map(abs, numbers))
    assert exact_total(np.array(numbers)) == pytest.approx(
        math.fsum(numbers), rel=1e-15, abs=largest * 1e-15
    )


@settings(deadline=None)
@given(st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=50))
def test_cents_are_one_limb_of_whole_numbers(cents: list[int]) -> None:
    (limb,) = limbs_of(np.array(cents) / 100)
    assert np.array_equal(limb.whole, np.rint(limb.whole))
    assert exact_total(np.array(cents) / 100) == sum(cents) / 100


def test_groups_are_summed_apart_and_rows_may_enter_often() -> None:
    limbs = limbs_of(np.array([0.1, 0.2, 1 / 3]), times=2)
    group, row = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    assert summed(group, 3, limbs, row) == pytest.approx([0.3, 0.0, 2 / 3], rel=1e-15)


def test_nothing_sums_to_zero_of_the_right_kind() -> None:
    nothing = sums_by(np.empty(0, np.int64), np.empty(0), 2)
    assert nothing.dtype == np.float64
    assert nothing.tolist() == [0.0, 0.0]
    assert exact_total(np.empty(0)) == 0.0
