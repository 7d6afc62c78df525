"""Absorbing Markov chains: the probability of converting, with and without a channel.

Belongs here: the linear algebra, exact, without sampling. Doesn't belong here: making a chain from
paths, and what is credited (markov.py).

With Q the probabilities from state to state, r those of converting from a state, and a those of the
first state:

    h = (I − Q)⁻¹ r            converting from each state
    P = a · h                  converting at all

Let S be the states whose newest touch is channel i. Removing the channel sends whoever would enter
S to "no conversion". So what is lost is the conversions of all who ever enter S:

    V_i = Σ_{s∈S} e_s h_s      e_s: entering S for the first time at s
    removal effect = V_i / P

With N = (I − Q)⁻¹ the expected visits, the visits of s∈S are those after a first entry, so
(aN)_S = e N_SS, and e = (aN)_S N_SS⁻¹: one inverse gives all channels (with order 1, S is one state
and e = (aN)_i / N_ii). Nothing is subtracted, so no removal effect is negative.

Source of N: Kemeny and Snell, Finite Markov Chains (1960), chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from touchproof.attribution.paths import Floats, Positions

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE_STATES = 12_000
"""Up to here one dense inverse may be used: 1.2 GB."""
_PRODUCT_COST = 4_000
"""What a number of the sparse products costs, with all their rounds, in numbers of the inverse."""
WANDERING = 1e-15
"""Sparse products stop once so little probability is left that hasn't been absorbed."""
_MAX_ROUNDS = 20_000
_COLUMN_CELLS = 1 << 23


@dataclass(frozen=True, eq=False)
class AbsorbingChain:
    """Hold a chain; every state reaches an end.

    Args:
        origins, targets, moves: Q, one entry a step that somebody made: from state, to state,
            probability.
        starts: (states), a.
        converts: (states), r.
        newest: (states), the channel of each state's last touch.
        channel_count: How many channels there are; some may have no state.
    """

    origins: Positions
    targets: Positions
    moves: Floats
    starts: Floats
    converts: Floats
    newest: Positions
    channel_count: int

    def matrix(self) -> csr_array:
        """Return Q as a sparse matrix."""
        from scipy.sparse import csr_array

        size = (len(self.starts), len(self.starts))
        return csr_array((self.moves, (self.origins, self.targets)), shape=size)


@dataclass(frozen=True, eq=False)
class Removal:
    """Hold the probability of converting, and by channel that of converting after touching it."""

    conversion_probability: float
    converting_through: Floats


def removal(chain: AbsorbingChain) -> Removal:
    """Solve a chain for every channel's removal.

    By one dense inverse or by sparse products, whichever is less work: the inverse where channels
    are many and steps between them too, the products where a chain of order 2 or 3 has many states
    and few steps from each.
    """
    count = len(chain.starts)
    of_products = _PRODUCT_COST * len(chain.moves) * chain.channel_count
    if count <= DENSE_STATES and count**3 <= of_products:
        return by_inverse(chain)
    return by_products(chain) or by_factors(chain)


def by_inverse(chain: AbsorbingChain) -> Removal:
    """Invert I − Q once; each channel then takes a system of the size of its own states."""
    count = len(chain.starts)
    if count == 0:
        return Removal(0.0, np.zeros(chain.channel_count))
    system = np.eye(count)
    system[chain.origins, chain.targets] -= chain.moves
    visits = np.linalg.inv(system)
    converting = visits @ chain.converts
    visited = chain.starts @ visits
    through = np.zeros(chain.channel_count)
    for channel in range(chain.channel_count):
        states = np.flatnonzero(chain.newest == channel)
        if len(states):
            entered = np.linalg.solve(visits[np.ix_(states, states)].T, visited[states])
            through[channel] = entered @ converting[states]
    return Removal(float(chain.starts @ converting), np.clip(through, 0.0, None))


def by_products(chain: AbsorbingChain) -> Removal | None:
    """Follow all channels together until (almost) nobody wanders any more; None if that takes long.

    Column i follows V_i back from its states: y = h on S, Q y elsewhere. All terms are positive and
    the sums grow towards the solution; what is missing after a round is at most the probability of
    still wandering then, which is followed beside.
    """
    moves = chain.matrix()
    wandering, rounds = np.ones(len(chain.starts)), 0
    converting = np.zeros(len(chain.starts))
    while wandering.max() > WANDERING:
        converting = chain.converts + moves @ converting
        wandering = moves @ wandering
        rounds += 1
        if rounds > _MAX_ROUNDS:
            return None
    through = np.zeros(chain.channel_count)
    step = max(1, _COLUMN_CELLS // len(chain.starts))
    for begin in range(0, chain.channel_count, step):
        channels = np.arange(begin, min(begin + step, chain.channel_count))
        inside = chain.newest[:, None] == channels
        held = np.where(inside, converting[:, None], 0.0)
        followed = held
        for _ in range(rounds):
            followed = np.where(inside, held, moves @ followed)
        through[channels] = chain.starts @ followed
    return Removal(float(chain.starts @ converting), through)


def by_factors(chain: AbsorbingChain) -> Removal:
    """Solve once for each channel, with the channel's states taken out: slow, for long journeys."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    moves = chain.matrix()
    system = (eye_array(len(chain.starts)) - moves).tocsc()
    converting = splu(system).solve(chain.converts)
    through = np.zeros(chain.channel_count)
    for channel in np.unique(chain.newest):
        inside, outside = chain.newest == channel, chain.newest != channel
        through[channel] = chain.starts[inside] @ converting[inside]
        if outside.any():
            entering = moves[outside][:, inside] @ converting[inside]
            reached = splu(system[outside][:, outside]).solve(entering)
            through[channel] += chain.starts[outside] @ reached
    return Removal(float(chain.starts @ converting), np.clip(through, 0.0, None))
