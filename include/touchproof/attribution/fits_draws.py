"""Drawing people again: how often each kind of people is in a replicate.

Belongs here: the seeded draws, and the interval that replicates give. Doesn't belong here: what is
computed from a replicate (fits_chain.py, fits_game.py, fits_intervals.py).

The draws are those of the Poisson bootstrap: each person is in a replicate as often as an
independent Poisson number of mean 1 says, so a kind of k people as often as one of mean k says
(Hanley and MacGibbon 2006, "Creating non-parametric bootstrap samples using Poisson frequencies").
A person's journeys and credits stay together in every replicate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from touchproof.attribution.fits_journeys import FloatArray, IntArray

_CELLS = 4_000_000
"""How many numbers one block of draws may hold: 32 MB."""


def draws(persons: IntArray, replicates: int, seed: int) -> Iterator[FloatArray]:
    """Give the replicates in blocks; the same arguments give the same draws.

    Args:
        persons: How many people are of each kind.
        replicates: How many replicates in all.
        seed: Any number.

    Yields:
        Arrays (replicates of the block, kinds).
    """
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // max(len(persons), 1))
    for begin in range(0, replicates, block):
        size = (min(block, replicates - begin), len(persons))
        yield generator.poisson(persons, size).astype(np.float64)


def spread(replicated: FloatArray, estimated: FloatArray, level: float) -> tuple[FloatArray, ...]:
    """Return how far the replicates lie below and above the estimate.

    Args:
        replicated: (replicates, ...); not-a-number where a replicate says nothing.
        estimated: (...), the same from everybody once.
        level: Share of the replicates between both bounds, e.g. 0.95.

    Returns:
        Two arrays (...), both at least 0: what to take off and what to add; not-a-number where no
        replicate says anything.
    """
    tail = (1 - level) / 2
    is_silent = np.isnan(replicated).all(axis=0)
    lower, upper = np.nanquantile(np.where(is_silent, 0.0, replicated), [tail, 1 - tail], axis=0)
    return (
        np.where(is_silent, np.nan, np.maximum(estimated - lower, 0)),
        np.where(is_silent, np.nan, np.maximum(upper - estimated, 0)),
    )
