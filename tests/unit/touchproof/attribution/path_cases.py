"""Path tables of the attribution tests, made from text."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from touchproof.attribution.credits import Credits
from touchproof.attribution.paths import PathTable

NINE_PATHS = ("A", "A>B", "A>B>C", "B", "B>A", "B>C>A", "C", "C>A", "C>B>A")
"""The nine paths that public figures exist for, each worth 3."""


def table(
    paths: Sequence[str],
    conversions: Sequence[float] | None = None,
    value: Sequence[float] | None = None,
    nulls: Sequence[float] | None = None,
) -> PathTable:
    """Return a path table; one conversion, no value and no nulls each unless said."""
    return PathTable.from_text(pa.array(paths, pa.string()), conversions, value, nulls)


def nine() -> PathTable:
    """Return the nine-path table."""
    return table(NINE_PATHS, value=[3.0] * 9)


def by_channel(paths: PathTable, credit: Credits) -> dict[str, tuple[float, float]]:
    """Return conversions and value by channel's name."""
    numbers = zip(credit.conversions.tolist(), credit.value.tolist(), strict=True)
    return dict(zip(paths.channels, numbers, strict=True))


def values(paths: PathTable, credit: Credits) -> list[float]:
    """Return the value by channel, to six digits."""
    return np.round(credit.value, 6).tolist()


_STEPS = st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=6)
_LONG = st.integers(0, 99).map(
    lambda seed: random.Random(seed).choices("ABCDE", k=200)  # noqa: S311 - a path, no secret
)
ROWS = st.lists(
    st.tuples(
        st.one_of(_STEPS, _STEPS, _STEPS, _LONG).map(" > ".join),
        st.integers(0, 50).map(float),
        st.one_of(
            st.integers(-100_000, 100_000).map(lambda cents: cents / 100),
            st.floats(-1e9, 1e9).filter(lambda number: not 0 < abs(number) < 1e-200),
        ),
        st.integers(0, 50).map(float),
    ),
    min_size=1,
    max_size=12,
)
"""Rows of random tables: path, conversions, value (cents and others, also negative), nulls."""


def table_of(rows: Sequence[tuple[str, float, float, float]]) -> PathTable:
    """Return the table of such rows."""
    return table(*zip(*rows, strict=True))
