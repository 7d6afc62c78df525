"""What a model gives each channel.

Belongs here: the result that every model of a path table has, and dealing a total out by shares.
Doesn't belong here: the models, and how results are printed (attribute_paths.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "w_shaped",
    "markov",
    "shapley",
)
"""Every attribution model, in the order in which results show them."""


@dataclass(frozen=True, eq=False)
class Credits:
    """Hold one model's result: conversions and value by channel, in the order of the channels."""

    model: str
    conversions: NDArray[np.float64]
    value: NDArray[np.float64]


def shares_of(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return parts (≥ 0) as shares that sum to 1; equal shares where all are 0."""
    total = parts.sum()
    if total > 0:
        return np.asarray(parts / total)
    return np.full(len(parts), 1.0 / max(len(parts), 1))
