"""Training: the parameters that each data-driven model finds in journeys, with their intervals.

Belongs here: calling the models, and the bootstrap over people of what a fit would credit. Doesn't
belong here: the models (markov.py, shapley.py), what a fit is called and when it counts (fits.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from touchproof.attribution import markov, shapley
from touchproof.attribution.channel_sets import ChannelSets, sets_of
from touchproof.attribution.fits_chain import ChainReplicates
from touchproof.attribution.fits_draws import draws, spread
from touchproof.attribution.fits_game import GameReplicates
from touchproof.attribution.fits_journeys import FloatArray, TrainingData
from touchproof.attribution.fits_parameters import (
    MARKOV,
    ChannelShare,
    MarkovParameters,
    Parameters,
    ShapleyParameters,
    TrainedOn,
)
from touchproof.attribution.fits_shares import proportional
from touchproof.attribution.order_choice import choose_order

REPLICATES = 400
SEED = 20_260_301
LEVEL = 0.95

Refit = Callable[[FloatArray], FloatArray]


def train(attribution_model: str, data: TrainingData) -> Parameters:
    """Train one model.

    Args:
        attribution_model: `markov` or `shapley`.
        data: Journeys of which at least one converted.
    """
    return _markov(data) if attribution_model == MARKOV else _shapley(data)


def refit_of(attribution_model: str, data: TrainingData, order: int = 1) -> Refit:
    """Return what trains a model again for weighted people.

    Returns:
        A function of weights (replicates, kinds): each channel's part of a conversion of each
        observed set of channels, (replicates, members of the sets), in proportion.
    """
    if attribution_model == MARKOV:
        chain = ChainReplicates(data, order)
        members = sets_of(data.paths)[0].members
        return lambda weights: chain.removal_effects(weights)[:, members]
    return GameReplicates(data).values


class SetConversions:
    """Count the conversions of weighted people by set of channels, and deal them out."""

    def __init__(self, data: TrainingData) -> None:
        self.sets, _, places = sets_of(data.paths)
        shape = (len(data.persons), len(self.sets))
        where = (data.kinds, places)
        self._conversions = csr_array((data.paths.conversions, where), shape=shape)
        self._value = csr_array((data.paths.value, where), shape=shape)
        self._place = np.repeat(np.arange(len(self.sets)), self.sets.sizes)
        count = len(self.sets.members)
        self._channels = csr_array(
            (np.ones(count), (np.arange(count), self.sets.members)),
            shape=(count, len(self.sets.channels)),
        )

    def credited(self, weights: FloatArray, parts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Deal conversions and value out in proportion to each channel's part of its sets.

        Args:
            weights: (replicates, kinds).
            parts: (replicates, members of the sets).

        Returns:
            Conversions and value, each (replicates, channels).
        """
        shares = proportional(parts, self.sets)
        won, value = (
            np.asarray(((counted.T @ weights.T).T[:, self._place] * shares) @ self._channels)
            for counted in (self._conversions, self._value)
        )
        return won, value


def _markov(data: TrainingData) -> MarkovParameters:
    paths = data.of_everybody()
    chosen = choose_order(data.paths, data.kinds, data.persons)
    fitted = markov.fit(paths, chosen.order)
    return MarkovParameters(
        channels=paths.channels,
        order=chosen.order,
        removal_effects=tuple(fitted.removal_effects.tolist()),
        log_likelihoods=chosen.log_likelihoods,
        shares=_shares(data, refit_of(MARKOV, data, chosen.order)),
        trained_on=_trained_on(data),
    )


def _shapley(data: TrainingData) -> ShapleyParameters:
    fitted = shapley.fit(data.of_everybody())
    sets: ChannelSets = fitted.sets
    cuts = sets.offsets.tolist()
    members = sets.members.tolist()
    coalitions = tuple(
        (tuple(members[begin:end]), int(won), int(lost))
        for begin, end, won, lost in zip(
            cuts[:-1], cuts[1:], fitted.totals.conversions, fitted.totals.nulls, strict=True
        )
    )
    return ShapleyParameters(
        channels=sets.channels,
        coalitions=coalitions,
        shares=_shares(data, GameReplicates(data).values),
        trained_on=_trained_on(data),
    )


def _shares(data: TrainingData, refit: Refit) -> tuple[ChannelShare, ...]:
    """Return each channel's share of the conversions, with the interval of refits."""
    counted = SetConversions(data)
    everybody = data.persons[None, :].astype(np.float64)
    estimated = _of_all(counted.credited(everybody, refit(everybody))[0])[0]
    replicated = np.concatenate(
        [
            _of_all(counted.credited(weights, refit(weights))[0])
            for weights in draws(data.persons, REPLICATES, SEED)
        ]
    )
    below, above = spread(replicated, estimated, LEVEL)
    return tuple(
        ChannelShare(float(share), float(share - less), float(share + more))
        for share, less, more in zip(estimated, below, above, strict=True)
    )


def _of_all(conversions: FloatArray) -> FloatArray:
    """Turn counts into shares of their row; not-a-number where a replicate has no conversion."""
    totals = conversions.sum(axis=1, keepdims=True)
    return conversions / np.where(totals > 0, totals, np.nan)


def _trained_on(data: TrainingData) -> TrainedOn:
    paths = data.of_everybody()
    return TrainedOn(
        journeys=int(paths.conversions.sum() + paths.nulls.sum()),
        conversions=int(paths.conversions.sum()),
        persons=int(data.persons.sum()),
        replicates=REPLICATES,
        seed=SEED,
    )
