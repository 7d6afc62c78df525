"""Random streams and identifiers that depend on nothing but the seed, a purpose and a day.

Belongs here: the only place that makes random generators, and the formatting of made-up ids.
Doesn't belong here: what is drawn (people.py, simulation.py and the renderers do that).
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def stream(seed: int, purpose: str, day: int = 0) -> np.random.Generator:
    """Return the generator of one purpose and day; no other stream influences it.

    Args:
        seed: The world's seed, at least 0.
        purpose: A word that names what is drawn.
        day: Day index of the world, at least 0.
    """
    entropy = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), day])
    return np.random.Generator(np.random.PCG64(entropy))


def hex_ids(
    rng: np.random.Generator, count: int, *, prefix: str = "", digits: int = 12
) -> list[str]:
    """Return `count` texts of `digits` hexadecimal digits (at most 16) behind a prefix."""
    numbers = rng.integers(0, np.iinfo(np.uint64).max, size=count, dtype=np.uint64)
    mask = (1 << (4 * digits)) - 1
    return [f"{prefix}{int(number) & mask:0{digits}x}" for number in numbers]


def salesforce_id(prefix: str, number: int) -> str:
    """Return an 18-character record id: key prefix, counter and the true checksum letters."""
    digits = ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    short = f"{prefix}5g0000{digits}"
    suffix = ""
    for start in (0, 5, 10):
        group = short[start : start + 5]
        suffix += _CHECK[sum(1 << place for place, sign in enumerate(group) if sign.isupper())]
    return short + suffix


def pick(
    rng: np.random.Generator, count: int, weights: NDArray[np.float64] | list[float]
) -> NDArray[np.int64]:
    """Draw `count` indexes with the given weights, which need not sum to 1."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn: NDArray[np.int64] = np.searchsorted(
        edges, rng.random(count) * edges[-1], side="right"
    ).astype(np.int64)
    return drawn
