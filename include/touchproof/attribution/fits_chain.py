"""A Markov chain of paths, solved exactly for many replicates of the same people at once.

Belongs here: the transitions of training data and their removal effects for weighted people.
Doesn't belong here: the chain of a path table and the choice of its order (markov.py), of which a
test shows that it gives the same effects, and what a fit is (fits.py).

A state is the last `order` channels of a path (fewer at its beginning). The removal effect of a
channel is the share of all conversions that is lost if every step to it leads nowhere instead
(Anderl et al. 2016, "Mapping the customer journey"). With N the fundamental matrix of the chain,
s its start, h the chance of a conversion from each state and R the states that end with the
channel, the loss is s'N[:, R] · N[R, R]⁻¹ · h[R]: one inversion gives all channels.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from touchproof.attribution.fits_journeys import FloatArray, IntArray, TrainingData
from touchproof.attribution.transitions import newest_channel, states_of

_CELLS = 4_000_000
_CONVERTED, _LOST = -1, -2
_START = 0
"""The start is the smallest state, so it comes first."""


class ChainReplicates:
    """Count transitions of weighted people and solve the chain that they make.

    Args:
        data: The people.
        order: How many channels a state remembers, at least 1.
    """

    def __init__(self, data: TrainingData, order: int) -> None:
        sources, targets, kinds = _transitions(data, order)
        channel_count = len(data.paths.channels)
        states = np.unique(sources)
        newest = newest_channel(states, channel_count)
        self._count = len(states)
        self._by_channel = [np.flatnonzero(newest == code) for code in range(channel_count)]
        pairs, places = np.unique(np.stack([sources, targets]), axis=1, return_inverse=True)
        self._from = np.searchsorted(states, pairs[0])
        self._to = np.where(pairs[1] < 0, pairs[1], np.searchsorted(states, pairs[1]))
        self._steps = csr_array(
            (np.ones(len(kinds)), (kinds, places.ravel())),
            shape=(len(data.persons), pairs.shape[1]),
        )

    def removal_effects(self, weights: FloatArray) -> FloatArray:
        """Solve one chain a row of weights.

        Args:
            weights: (replicates, kinds): how often each kind of people counts.

        Returns:
            (replicates, channels), from 0 to 1; 0 where nobody converted.
        """
        counts = np.asarray((self._steps.T @ weights.T).T)
        block = max(1, _CELLS // self._count**2)
        parts = [
            self._effects(counts[begin : begin + block]) for begin in range(0, len(counts), block)
        ]
        return np.concatenate(parts)

    def _effects(self, counts: FloatArray) -> FloatArray:
        size, states = len(counts), self._count
        totals = np.zeros((size, states))
        inner, won = self._to >= 0, self._to == _CONVERTED
        for state in range(states):
            totals[:, state] = counts[:, self._from == state].sum(axis=1)
        shares = counts / np.maximum(totals, 1e-300)[:, self._from]
        chain = np.broadcast_to(np.eye(states), (size, states, states)).copy()
        chain[:, self._from[inner], self._to[inner]] -= shares[:, inner]
        converting = np.zeros((size, states, 1))
        converting[:, self._from[won], 0] = shares[:, won]
        fundamental = np.linalg.inv(chain)
        chance = fundamental @ converting
        visits = fundamental[:, _START, :]
        overall = chance[:, _START, 0]
        lost = np.zeros((size, len(self._by_channel)))
        for channel, ending in enumerate(self._by_channel):
            among = fundamental[:, ending[:, None], ending[None, :]]
            onward = np.linalg.solve(among, chance[:, ending])[:, :, 0]
            lost[:, channel] = (visits[:, ending] * onward).sum(axis=1)
        effects = lost / np.where(overall > 0, overall, 1)[:, None]
        return np.asarray(np.clip(np.where(overall[:, None] > 0, effects, 0), 0, 1))


def _transitions(data: TrainingData, order: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return state before, state after (or end), and kind of people of every step of every path."""
    paths = data.paths
    after = states_of(paths, order, slice(0, len(paths)))
    before = np.zeros_like(after)
    before[1:] = after[:-1]
    before[paths.offsets[:-1]] = 0
    last = after[paths.offsets[1:] - 1]
    ends = np.where(paths.conversions > 0, _CONVERTED, _LOST)
    return (
        np.concatenate([before, last]),
        np.concatenate([after, ends]),
        np.concatenate([np.repeat(data.kinds, paths.lengths), data.kinds]),
    )
