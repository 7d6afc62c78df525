"""A Markov chain of paths, solved exactly for many replicates of the same people at once.

Belongs here: the transitions of training data and their removal effects for weighted people.
Doesn't belong here: the chain of a path table and the choice of its order (markov.py), of which a
test shows that it gives the same effects, and what a fit is (fits.py).

A state is the last `order` channels of a path (fewer at its beginning). The removal effect of a
channel is the share of all conversions that is lost if every step to it leads nowhere instead
(Anderl et al. 2016, "Mapping the customer journey"). With N the fundamental matrix of the chain,
s its start, h the chance of a conversion from each state and R the states that end with the
channel, the loss is s'N[:, R] · N[R, R]⁻¹ · h[R]: one inversion gives all channels.

A chain of many states is solved once, on everybody, and follows the replicates by its derivative
(Efron 1982, "The Jackknife, the Bootstrap and Other Resampling Plans", chapter 6). With n the
number of people who left state i, u the visits of i and a step from i to j, the chance P of a
conversion changes by u_i (h_j − h_i) / n for each further person who makes that step; without the
channel likewise, with u and h of the chain that leaves R out.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from touchproof.attribution.fits_journeys import FloatArray, IntArray, TrainingData
from touchproof.attribution.transitions import newest_channel, states_of

_CELLS = 4_000_000
EXACT_STATES = 250
"""Up to here every replicate is solved; beyond, the derivative is followed."""
_CONVERTED, _LOST = -1, -2
_START = 0
"""The start is the smallest state, so it comes first."""


class ChainReplicates:
    """Count transitions of weighted people and solve the chain that they make.

    Args:
        data: The people.
        order: How many channels a state remembers, at least 1.
        exact_states: Up to how many states to solve every replicate.
    """

    def __init__(self, data: TrainingData, order: int, exact_states: int = EXACT_STATES) -> None:
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
        self._everybody = data.persons[None, :].astype(np.float64)
        self._derivative = self._derived() if self._count > exact_states else None

    def removal_effects(self, weights: FloatArray) -> FloatArray:
        """Solve one chain a row of weights.

        Args:
            weights: (replicates, kinds): how often each kind of people counts.

        Returns:
            (replicates, channels), from 0 to 1; 0 where nobody converted.
        """
        if self._derivative is not None:
            effects, change = self._derivative
            return np.asarray(np.clip(effects + (weights - self._everybody) @ change, 0, 1))
        counts = self._counted(weights)
        block = max(1, _CELLS // self._count**2)
        return np.concatenate(
            [self._effects(counts[begin : begin + block]) for begin in range(0, len(counts), block)]
        )

    def _counted(self, weights: FloatArray) -> FloatArray:
        return np.asarray((self._steps.T @ weights.T).T)

    def _effects(self, counts: FloatArray) -> FloatArray:
        """Solve one chain a row of counted transitions."""
        fundamental, chance = self._solved(counts)
        visits, overall = fundamental[:, _START, :], chance[:, _START]
        lost = np.zeros((len(counts), len(self._by_channel)))
        for channel, ending in enumerate(self._by_channel):
            among = fundamental[:, ending[:, None], ending[None, :]]
            onward = np.linalg.solve(among, chance[:, ending, None])[:, :, 0]
            lost[:, channel] = (visits[:, ending] * onward).sum(axis=1)
        effects = lost / np.where(overall > 0, overall, 1)[:, None]
        return np.asarray(np.clip(np.where(overall[:, None] > 0, effects, 0), 0, 1))

    def _solved(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the fundamental matrix and the chance of a conversion from each state."""
        size, states = len(counts), self._count
        inner, won = self._to >= 0, self._to == _CONVERTED
        shares = counts / np.maximum(self._left(counts), 1e-300)[:, self._from]
        chain = np.broadcast_to(np.eye(states), (size, states, states)).copy()
        chain[:, self._from[inner], self._to[inner]] -= shares[:, inner]
        converting = np.zeros((size, states, 1))
        converting[:, self._from[won], 0] = shares[:, won]
        fundamental = np.asarray(np.linalg.inv(chain), dtype=np.float64)
        return fundamental, (fundamental @ converting)[:, :, 0]

    def _left(self, counts: FloatArray) -> FloatArray:
        """Return how many people left each state; transitions are in the order of their states."""
        starts = np.flatnonzero(np.diff(self._from, prepend=-1))
        return np.add.reduceat(counts, starts, axis=1)

    def _derived(self) -> tuple[FloatArray, FloatArray]:
        """Return everybody's effects and how each changes with one more person of each kind."""
        counts = self._counted(self._everybody)
        (fundamental,), (chance,) = self._solved(counts)
        visits, overall = fundamental[_START], chance[_START]
        effects = self._effects(counts)[0]
        change = np.zeros((len(self._from), len(effects)))
        if overall == 0:
            return effects, self._steps @ change
        left = self._left(counts)[0]
        of_all = self._step_changes(visits, chance, left)
        for channel, ending in enumerate(self._by_channel):
            among = fundamental[np.ix_(ending, ending)]
            without = visits - np.linalg.solve(among.T, visits[ending]) @ fundamental[ending]
            chance_without = chance - fundamental[:, ending] @ np.linalg.solve(
                among, chance[ending]
            )
            of_rest = self._step_changes(without, chance_without, left)
            change[:, channel] = ((1 - effects[channel]) * of_all - of_rest) / overall
        return effects, np.asarray(self._steps @ change)

    def _step_changes(self, visits: FloatArray, chance: FloatArray, left: FloatArray) -> FloatArray:
        """Return how the chance of a conversion changes with one more person on each step."""
        ends = np.where(self._to == _CONVERTED, 1.0, 0.0)
        reached = np.where(self._to >= 0, chance[self._to.clip(min=0)], ends)
        return np.asarray((visits / left)[self._from] * (reached - chance[self._from]))


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
