"""The Shapley games of channel sets, solved for many replicates of the same people at once.

Belongs here: the shares of every channel in every observed set, for weighted people. Doesn't belong
here: the games themselves (shapley_game.py has the formula; a test shows that both agree), and what
a fit is (fits.py).

A channel's value in the game of a set is a fixed combination of the worths of the set's observed
subsets. The combinations are found once; each replicate then costs one product.
"""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.sparse import csr_array

from touchproof.attribution.channel_sets import ChannelSets, sets_of
from touchproof.attribution.fits_journeys import FloatArray, IntArray, TrainingData

_CHUNK_SETS = 500


class GameReplicates:
    """Value the channels of every observed set for weighted people.

    Args:
        data: The people.

    Attributes:
        sets: The observed sets.
    """

    def __init__(self, data: TrainingData) -> None:
        self.sets, _, places = sets_of(data.paths)
        shape = (len(data.persons), len(self.sets))
        won = data.paths.conversions > 0
        ones = np.ones(len(places))
        self._journeys = csr_array((ones, (data.kinds, places)), shape=shape)
        self._won = csr_array((ones[won], (data.kinds[won], places[won])), shape=shape)
        self._combined = _combinations(self.sets)

    def values(self, weights: FloatArray) -> FloatArray:
        """Solve the games once a row of weights.

        Args:
            weights: (replicates, kinds): how often each kind of people counts.

        Returns:
            (replicates, members of the sets), in the order of `sets.members`; may be negative.
        """
        won = np.asarray(self._won.T @ weights.T)
        journeys = np.asarray(self._journeys.T @ weights.T)
        worth = won / np.where(journeys > 0, journeys, 1)
        return np.asarray((self._combined @ worth).T)


def _combinations(sets: ChannelSets) -> csr_array:
    """Return how the worth of each observed set enters each member's value: (members, sets)."""
    sizes = sets.sizes
    is_member = csr_array(
        (np.ones(len(sets.members)), sets.members, sets.offsets),
        shape=(len(sets), len(sets.channels)),
    )
    columns: list[IntArray] = [np.zeros(0, dtype=np.int64)]
    factors: list[FloatArray] = [np.zeros(0)]
    lengths: list[int] = []
    for begin in range(0, len(sets), _CHUNK_SETS):
        shared = (is_member[begin : begin + _CHUNK_SETS] @ is_member.T).toarray()
        for number in range(begin, min(begin + _CHUNK_SETS, len(sets))):
            subsets = np.flatnonzero(shared[number - begin] == sizes)
            joined, apart = _factors(int(sizes[number]))
            members = sets.members[sets.offsets[number] : sets.offsets[number + 1]]
            has = is_member[subsets].toarray()[:, members] > 0
            size = sizes[subsets]
            for position in range(len(members)):
                columns.append(subsets)
                factors.append(np.where(has[:, position], joined[size], apart[size]))
                lengths.append(len(subsets))
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return csr_array(
        (np.concatenate(factors), np.concatenate(columns), starts),
        shape=(len(sets.members), len(sets)),
    )


def _factors(size: int) -> tuple[FloatArray, FloatArray]:
    """Return how the worth of a subset enters a channel's value in a set of `size` channels.

    Returns:
        By the number of channels of the subset: if the channel is in it, and if it isn't.
    """
    joined = [0.0] + [1 / (count * comb(size, count)) for count in range(1, size + 1)]
    apart = [-1 / ((size - count) * comb(size, count)) for count in range(size)] + [0.0]
    return np.array(joined), np.array(apart)
