"""Shapley attribution: a conversion dealt out among the channels of its path, whatever their order.

Belongs here: what a set of channels is worth, dealing each set's conversions out by the Shapley
values of its own game, and leave-one-out, which isn't Shapley. Doesn't belong here: solving the
games (shapley_game.py).

A set S is worth its conversion rate: conversions / (conversions + nulls) of the people whose path
has exactly the channels S; 0 if there are none. The conversions and the value of S are dealt out in
proportion to the values of the game of S and its subsets, which sum to the worth of S. They may be
negative: a channel with which fewer people convert than without it takes from the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from touchproof.attribution.channel_sets import ChannelSets, channel_keys, sets_of
from touchproof.attribution.credits import Credits
from touchproof.attribution.exact_sums import limbs_of, summed, sums_by
from touchproof.attribution.paths import Floats, PathTable
from touchproof.attribution.shapley_game import set_values


@dataclass(frozen=True, eq=False)
class SetTotals:
    """Hold what the people of each set of channels did; one number a set."""

    conversions: Floats
    value: Floats
    nulls: Floats

    def worth(self) -> Floats:
        """Return each set's conversion rate; 0 where nobody is counted."""
        people = self.conversions + self.nulls
        return np.divide(self.conversions, people, out=np.zeros(len(people)), where=people > 0)


@dataclass(frozen=True, eq=False)
class ShapleyFit:
    """Hold the solved games.

    Args:
        sets: The observed sets.
        keys: Their keys, ascending.
        totals: What the people of each set did.
        shares: One a member of the sets: its share of a conversion of its set. Sums to 1 in each
            set; may be negative.
        standard_errors: Of the shares; 0 where they are exact.
    """

    sets: ChannelSets
    keys: NDArray[np.uint64]
    totals: SetTotals
    shares: Floats
    standard_errors: Floats

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels' names, sorted."""
        return self.sets.channels

    def credits(self) -> Credits:
        """Return all conversions and all value by channel."""
        return _dealt("shapley", self.sets, self.totals, self.shares)


def fit(paths: PathTable, *, seed: int = 0) -> ShapleyFit:
    """Solve the game of every set of channels in a path table.

    Args:
        paths: The paths; merging repeats changes nothing.
        seed: Of the sampling, for sets so large and many that they can't be solved exactly.
    """
    sets, keys, set_of_row = sets_of(paths)
    totals = SetTotals(
        *(
            summed(set_of_row, len(sets), limbs_of(column), None)
            for column in (paths.conversions, paths.value, paths.nulls)
        )
    )
    return fit_of(sets, keys, totals, seed=seed)


def fit_of(
    sets: ChannelSets, keys: NDArray[np.uint64], totals: SetTotals, *, seed: int = 0
) -> ShapleyFit:
    """Solve the games of sets whose people are counted."""
    worth = totals.worth()
    solved = set_values(sets, keys, worth, seed=seed)
    set_of_member = np.repeat(np.arange(len(sets)), sets.sizes)
    own_worth = worth.take(set_of_member)
    # A set in which nobody converted has no proportions; its value, if any, is dealt out alike.
    alike = (1.0 / sets.sizes).take(set_of_member)
    has_worth = own_worth > 0
    shares = np.divide(solved.values, own_worth, out=alike, where=has_worth)
    errors = np.divide(solved.standard_errors, own_worth, out=np.zeros(len(alike)), where=has_worth)
    return ShapleyFit(sets, keys, totals, shares, errors)


def leave_one_out(paths: PathTable) -> Credits:
    """Credit each channel by what its set loses without it. This isn't Shapley.

    A set's conversions and value are dealt out in proportion to max(0, v(S) − v(S without i)); all
    its channels share alike where no channel is missed.
    """
    sets, keys, set_of_row = sets_of(paths)
    totals = SetTotals(
        *(
            summed(set_of_row, len(sets), limbs_of(column), None)
            for column in (paths.conversions, paths.value, paths.nulls)
        )
    )
    worth = totals.worth()
    set_of_member = np.repeat(np.arange(len(sets)), sets.sizes)
    without = keys.take(set_of_member) - channel_keys(len(sets.channels)).take(sets.members)
    places = np.searchsorted(keys, without).clip(max=max(len(keys) - 1, 0))
    left = np.where(keys.take(places) == without, worth.take(places), 0.0)
    missed = np.maximum(worth.take(set_of_member) - left, 0.0)
    shares = _normalised(missed, sets)
    return _dealt("leave_one_out", sets, totals, shares)


def shapley_parts(fitted: ShapleyFit, sets: ChannelSets) -> Floats:
    """Return each channel's part of a conversion of each set, none below 0.

    A set that the fit saw has its own Shapley shares, negative ones at 0. Another set's channels
    have what they got per conversion in which they took part, over the whole fit, and a channel
    that the fit never saw counts as the average channel.

    Returns:
        One number ≥ 0 for each of `sets.members`.
    """
    if len(sets) == 0:
        return np.empty(0)
    rates = _rates(fitted)
    average = float(np.mean(list(rates.values()))) if rates else 1.0
    by_code = np.array([rates.get(name, average) for name in sets.channels])
    parts = by_code.take(sets.members)
    code_in_fit = {name: code for code, name in enumerate(fitted.channels)}
    fit_code = np.array([code_in_fit.get(name, -1) for name in sets.channels])
    members = fit_code.take(sets.members)
    keys = np.where(
        members >= 0, channel_keys(len(fitted.channels)).take(members, mode="clip"), 0
    ).astype(np.uint64)
    set_keys = np.add.reduceat(keys, sets.offsets[:-1])
    is_known = np.minimum.reduceat(members, sets.offsets[:-1]) >= 0
    places = np.searchsorted(fitted.keys, set_keys).clip(max=max(len(fitted.keys) - 1, 0))
    if len(fitted.keys) == 0:
        return parts
    seen = is_known & (fitted.keys[places] == set_keys) & (fitted.totals.worth()[places] > 0)
    for number in np.flatnonzero(seen).tolist():
        own, theirs = sets.offsets[number], fitted.sets.offsets[places[number]]
        size = int(sets.offsets[number + 1] - own)
        parts[own : own + size] = np.maximum(fitted.shares[theirs : theirs + size], 0.0)
    return parts


def _rates(fitted: ShapleyFit) -> dict[str, float]:
    """Return by channel: credit over the conversions in which it took part, at least 0."""
    count = len(fitted.channels)
    set_of_member = np.repeat(np.arange(len(fitted.sets)), fitted.sets.sizes)
    conversions = fitted.totals.conversions.take(set_of_member)
    present = sums_by(fitted.sets.members, conversions, count)
    credited = fitted.credits().conversions
    rates = np.divide(credited, present, out=np.zeros(count), where=present > 0)
    return dict(zip(fitted.channels, np.maximum(rates, 0.0).tolist(), strict=True))


def _normalised(parts: Floats, sets: ChannelSets) -> Floats:
    """Return parts as shares of their set; equal ones where a set's parts are all 0."""
    if len(sets) == 0:
        return parts
    set_of_member = np.repeat(np.arange(len(sets)), sets.sizes)
    totals = np.add.reduceat(parts, sets.offsets[:-1]).take(set_of_member)
    alike = (1.0 / sets.sizes).take(set_of_member)
    return np.divide(parts, totals, out=alike, where=totals > 0)


def _dealt(model: str, sets: ChannelSets, totals: SetTotals, shares: Floats) -> Credits:
    set_of_member = np.repeat(np.arange(len(sets)), sets.sizes)
    conversions, value = (
        sums_by(sets.members, column.take(set_of_member) * shares, len(sets.channels))
        for column in (totals.conversions, totals.value)
    )
    return Credits(model, conversions, value)
