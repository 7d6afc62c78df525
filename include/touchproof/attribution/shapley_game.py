"""Shapley values of games whose coalitions are sets of channels.

Belongs here: the values of each observed set's own game, exact where feasible and else by seeded
sampling of orders. Doesn't belong here: what a coalition is worth and what is dealt out by the
values (shapley.py).

The game of a set S of n channels has as coalitions the subsets T of S; those that were never
observed are worth 0. With w(t) = t! (n − 1 − t)! / n!, the value of channel i is

    φ_i = Σ_{T∌i} w(|T|) (v(T ∪ i) − v(T)) = Σ_{T∋i} w(|T|−1) v(T) − Σ_{T∌i} w(|T|) v(T)

so each coalition enters once for every channel, and only observed ones count. Source: Shapley, A
value for n-person games (1953).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

from touchproof.attribution.channel_sets import ChannelSets, channel_keys
from touchproof.attribution.exact_sums import sums_by
from touchproof.attribution.paths import Floats, Positions

EXACT_SET_SIZE = 12
"""Sets of up to so many channels are always exact, by looking up all their 2^n subsets."""
EXACT_COMPARISONS = 1_000_000_000
"""Larger ones too, by comparing each with every observed set, 64 channels a comparison, if all of
them together take no more than so many."""
SAMPLED_ORDERS = 2_000
"""Beyond, this many random orders of a set's channels are followed;"""
SAMPLED_STEPS = 100_000_000
"""fewer, but at least 50, if all sets' orders together have more steps than this."""
_FEWEST_ORDERS = 50
_CHUNK_LOOKUPS = 1 << 21
_MASK_BITS = 64


@dataclass(frozen=True, eq=False)
class SetValues:
    """Hold the Shapley values of each set's own game.

    Args:
        values: One a member of the sets, in their order.
        standard_errors: Of the values; 0 where they are exact.
    """

    values: Floats
    standard_errors: Floats


def set_values(
    sets: ChannelSets,
    keys: NDArray[np.uint64],
    worth: Floats,
    *,
    seed: int = 0,
    exact_set_size: int = EXACT_SET_SIZE,
    exact_comparisons: int = EXACT_COMPARISONS,
    sampled_orders: int = SAMPLED_ORDERS,
) -> SetValues:
    """Solve the game of every set.

    Args:
        sets: The observed sets, in ascending order of their keys.
        keys: Their keys, as `channel_sets.sets_of` makes them.
        worth: What each set is worth.
        seed: Of the sampled orders.
        exact_set_size, exact_comparisons: What is solved exactly; see this module's constants.
        sampled_orders: How many orders are followed for each other set at most, 2 or more.
    """
    sizes = sets.sizes
    values, errors = np.zeros(len(sets.members)), np.zeros(len(sets.members))
    member_keys = channel_keys(len(sets.channels))
    for size in np.unique(sizes[sizes <= exact_set_size]).tolist():
        places = sets.offsets[np.flatnonzero(sizes == size)][:, None] + np.arange(size)
        step = max(1, _CHUNK_LOOKUPS >> size)
        for begin in range(0, len(places), step):
            part = places[begin : begin + step]
            coalitions = _subset_keys(member_keys[sets.members[part]])
            values[part] = _looked_up(keys, worth, coalitions) @ _subset_weights(size)
    large = np.flatnonzero(sizes > exact_set_size)
    words = -(-len(sets.channels) // _MASK_BITS)
    if len(large) * len(sets) * words <= exact_comparisons:
        _compare(sets, worth, large, values)
    else:
        affordable = SAMPLED_STEPS // int(sizes[large].sum())
        orders = min(sampled_orders, max(affordable, _FEWEST_ORDERS))
        for number in large.tolist():
            place = slice(int(sets.offsets[number]), int(sets.offsets[number + 1]))
            members = sets.members[place]
            generator = np.random.default_rng([seed, *members.tolist()])
            gains = _sampled_gains(generator, member_keys[members], keys, worth, orders)
            values[place] = gains.mean(axis=0)
            errors[place] = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    return SetValues(values, errors)


def _looked_up(keys: NDArray[np.uint64], worth: Floats, wanted: NDArray[np.uint64]) -> Floats:
    """Return what each wanted coalition is worth; 0 if it wasn't observed."""
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.asarray(np.where(keys[places] == wanted, worth[places], 0.0))


def _subset_keys(member_keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the keys of all subsets: (sets, size) → (sets, 2^size).

    A column's number has bit j where the subset has member j.
    """
    subsets = np.zeros((len(member_keys), 1), dtype=np.uint64)
    for column in member_keys.T:
        subsets = np.concatenate([subsets, subsets + column[:, None]], axis=1)
    return subsets


@cache
def _subset_weights(size: int) -> Floats:
    """Return how each subset's worth enters each member's value: (2^size, size)."""
    subsets = np.arange(1 << size)
    has = (subsets[:, None] >> np.arange(size)) & 1
    joined, left = _weights(size)
    count = has.sum(axis=1)
    return np.asarray(np.where(has == 1, joined[count][:, None], -left[count][:, None]))


def _weights(size: int) -> tuple[Floats, Floats]:
    """Return by coalition size: w(t − 1) for the members of it, w(t) for the others."""
    order = [factorial(t) * factorial(size - 1 - t) / factorial(size) for t in range(size)]
    return np.array([0.0, *order]), np.array([*order, 0.0])


def _compare(sets: ChannelSets, worth: Floats, large: Positions, values: Floats) -> None:
    """Find the observed subsets of each large set by comparing, and add them up."""
    if len(large) == 0:
        return
    masks = _masks(sets)
    counting = worth != 0
    sizes = sets.sizes
    for number in large.tolist():
        is_subset = counting.copy()
        for word in range(masks.shape[1]):
            is_subset &= (masks[:, word] & ~masks[number, word]) == 0
        subsets = np.flatnonzero(is_subset)
        place = slice(int(sets.offsets[number]), int(sets.offsets[number + 1]))
        members = sets.members[place]
        joined, left = _weights(len(members))
        counts = sizes[subsets]
        lost = worth[subsets] * left[counts]
        gained = worth[subsets] * joined[counts] + lost
        flat = np.repeat(np.arange(len(subsets)), counts)
        begins = np.cumsum(counts) - counts
        codes = sets.members[sets.offsets[subsets][flat] + np.arange(len(flat)) - begins[flat]]
        by_channel = sums_by(codes, gained[flat], len(sets.channels))
        values[place] = by_channel[members] - lost.sum()


def _masks(sets: ChannelSets) -> NDArray[np.uint64]:
    """Return each set as a row of bits, 64 a word."""
    words = -(-len(sets.channels) // _MASK_BITS)
    masks = np.zeros((len(sets), words), dtype=np.uint64)
    word, bit = np.divmod(sets.members.astype(np.uint64), np.uint64(_MASK_BITS))
    row = np.repeat(np.arange(len(sets)), sets.sizes)
    np.bitwise_or.at(masks, (row, word.astype(np.int64)), np.left_shift(np.uint64(1), bit))
    return masks


def _sampled_gains(
    generator: np.random.Generator,
    member_keys: NDArray[np.uint64],
    keys: NDArray[np.uint64],
    worth: Floats,
    orders: int,
) -> Floats:
    """Return what each member adds when it joins, in random orders: (orders, members)."""
    size = len(member_keys)
    order = np.argsort(generator.random((orders, size)), axis=1)
    grown = np.cumsum(member_keys[order], axis=1, dtype=np.uint64)
    reached = _looked_up(keys, worth, grown)
    gains = np.diff(reached, axis=1, prepend=0.0)
    by_member = np.empty_like(gains)
    np.put_along_axis(by_member, order, gains, axis=1)
    return by_member
