"""Markov attribution: how many conversions are lost without each channel.

Belongs here: making the chain of a path table, its removal effects, and dealing conversions out by
them, in all and within sets of channels. Doesn't belong here: counting (transitions.py), solving
(absorbing_chain.py), choosing the order (order_choice.py).

People who went a path and didn't convert end in "no conversion"; a removed channel sends there
whoever would have gone to it. Source: Anderl, Becker, von Wangenheim, Schumann, Mapping the
customer journey (2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchproof.attribution.absorbing_chain import AbsorbingChain, removal
from touchproof.attribution.channel_sets import ChannelSets
from touchproof.attribution.credits import Credits, shares_of
from touchproof.attribution.exact_sums import exact_total, sums_by
from touchproof.attribution.paths import Floats, PathTable
from touchproof.attribution.transitions import Transitions, count_transitions, newest_channel


@dataclass(frozen=True, eq=False)
class MarkovFit:
    """Hold a trained chain's removal effects.

    Args:
        order: How many touches the chain remembers.
        channels: The channels' names, sorted.
        removal_effects: By channel, the share of conversions lost without it, 0 to 1.
        conversion_probability: Of a person who begins a path.
        state_count: How many states the chain has.
    """

    order: int
    channels: tuple[str, ...]
    removal_effects: Floats
    conversion_probability: float
    state_count: int

    @property
    def shares(self) -> Floats:
        """Each channel's share of all conversions: removal effects that sum to 1."""
        return shares_of(self.removal_effects)


def fit(paths: PathTable, order: int = 1) -> MarkovFit:
    """Train a chain on paths as they stand; `paths.merged()` merges repeats before.

    Raises:
        ValueError: If the order isn't 1 to 3, or there are too many channels for it.
    """
    transitions = count_transitions(paths, order)
    return fit_of(transitions, paths.channels)


def fit_of(transitions: Transitions, channels: tuple[str, ...]) -> MarkovFit:
    """Solve the chain of counted transitions."""
    chain = chain_of(transitions)
    solved = removal(chain)
    effects = np.zeros(len(channels))
    if solved.conversion_probability > 0:
        effects = np.clip(solved.converting_through / solved.conversion_probability, 0.0, 1.0)
    return MarkovFit(
        transitions.order,
        channels,
        effects,
        solved.conversion_probability,
        len(chain.starts),
    )


def chain_of(transitions: Transitions) -> AbsorbingChain:
    """Turn counts into probabilities: each is a count over all that left the same state.

    Steps that nobody made (weights of 0) are no part of the chain.
    """
    made = transitions.counts > 0
    origins, counts = transitions.origins[made], transitions.counts[made]
    targets = transitions.next_states()[made]
    states = np.unique(targets)
    count = len(states)
    to = np.searchsorted(states, targets)
    is_start = origins == 0
    ends = transitions.conversions + transitions.nulls
    ended = ends > 0
    last = np.searchsorted(states, transitions.last_states[ended])
    origin = np.searchsorted(states, origins[~is_start])
    left = sums_by(origin, counts[~is_start], count) + sums_by(last, ends[ended], count)
    converted = sums_by(last, transitions.conversions[ended], count)
    started = sums_by(to[is_start], counts[is_start], count)
    return AbsorbingChain(
        origin,
        to[~is_start],
        counts[~is_start] / left[origin],
        started / max(started.sum(), np.finfo(float).tiny),
        converted / left,
        newest_channel(states, transitions.channel_count),
        transitions.channel_count,
    )


def markov_credits(paths: PathTable, fitted: MarkovFit) -> Credits:
    """Deal all conversions and all value out by removal effect.

    Where no path converted, there is no removal effect and channels share alike.
    """
    shares = fitted.shares
    return Credits(
        "markov", exact_total(paths.conversions) * shares, exact_total(paths.value) * shares
    )


def markov_parts(fitted: MarkovFit, sets: ChannelSets) -> Floats:
    """Return each channel's part of a conversion of each set: its removal effect.

    A channel that the fit never saw counts as the fit's average channel.

    Returns:
        One number ≥ 0 for each of `sets.members`.
    """
    effects = dict(zip(fitted.channels, fitted.removal_effects.tolist(), strict=True))
    average = float(fitted.removal_effects.mean()) if fitted.channels else 1.0
    by_code = np.array([effects.get(name, average) for name in sets.channels])
    return by_code.take(sets.members) if len(by_code) else np.empty(0)
