"""Sums of floating-point columns that don't depend on the order of the rows.

Belongs here: writing a column as whole numbers of a unit, whose partial sums are exact, and summing
them by group. Doesn't belong here: what is summed, and money in whole cents (dialect/exact_shares).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT = 2.0**52
"""Whole numbers up to here are added without rounding, with a bit to spare."""
_DECIMAL_SCALES = (1.0, 100.0, 1e4, 1e6)


@dataclass(frozen=True)
class Limb:
    """Hold one part of a column: `whole / per_unit`, where `whole` are whole numbers."""

    whole: NDArray[np.float64]
    per_unit: float


def limbs_of(values: NDArray[np.float64], times: int = 1) -> tuple[Limb, ...]:
    """Write a column as limbs whose sums over any rows, in any order, are exact.

    Decimals of up to six digits (counts, amounts of money) take one limb of scaled whole numbers.
    Other floats take two limbs of power-of-two units; what these drop is below 2^-80 of the total.
    Columns whose largest number is below 10^-280 count as 0.

    Args:
        values: One finite number a row.
        times: How often a row may enter one sum at most (a path may repeat a transition).

    Returns:
        The limbs; their sum is the column.
    """
    for scale in _DECIMAL_SCALES:
        whole = np.rint(values * scale)
        if not np.isfinite(whole).all() or np.abs(whole).sum() * times >= _EXACT:
            break
        if np.array_equal(whole / scale, values):
            return (Limb(whole, scale),)
    rows = len(values) * times
    unit = _power_of_two_above(float(np.abs(values).max(initial=0.0)) * rows / _EXACT)
    high = np.rint(values / unit)
    # The rest is exact: a multiple of the value's last bit, and at most half a unit.
    rest = values - high * unit
    fine = _power_of_two_above(unit * rows / _EXACT)
    return (Limb(high, 1.0 / unit), Limb(np.rint(rest / fine), 1.0 / fine))


def part_of(limbs: Sequence[Limb], rows: slice) -> tuple[Limb, ...]:
    """Return the limbs of some rows."""
    return tuple(Limb(limb.whole[rows], limb.per_unit) for limb in limbs)


def summed(
    group: NDArray[np.int64], groups: int, limbs: Sequence[Limb], row: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """Sum a column by group.

    Args:
        group: The group of each entry, 0 to `groups` − 1.
        groups: How many groups there are.
        limbs: The column.
        row: The column's row of each entry; None if entries are rows.

    Returns:
        One sum a group.
    """
    return joined(limbs, whole_sums(group, groups, limbs, row))


def whole_sums(
    group: NDArray[np.int64], groups: int, limbs: Sequence[Limb], row: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """Sum each limb by group: (limbs, groups), exact, so that blocks of rows can be added up."""
    return np.stack(
        [
            sums_by(group, limb.whole if row is None else limb.whole.take(row), groups)
            for limb in limbs
        ]
    )


def joined(limbs: Sequence[Limb], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the column from those of its limbs, (limbs, groups)."""
    per_unit = np.array([limb.per_unit for limb in limbs])
    return np.asarray((sums / per_unit[:, None]).sum(axis=0))


def sums_by(group: NDArray[Any], numbers: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    """Sum numbers by group, in the order in which they stand.

    As `numpy.bincount`, which forgets that its weights are floats where there is no entry.
    """
    return np.bincount(group, weights=numbers, minlength=groups).astype(np.float64)


def exact_total(values: NDArray[np.float64]) -> float:
    """Sum a column, the same in every order of its rows."""
    return float(sum(limb.whole.sum() / limb.per_unit for limb in limbs_of(values)))


def _power_of_two_above(number: float) -> float:
    return float(2.0 ** np.clip(np.frexp(number)[1], -1000, 1000)) if number > 0 else 1.0
