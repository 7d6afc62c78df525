"""What a training found, as data and as canonical JSON: a fit's parameters.

Belongs here: the parameters of each data-driven model, and writing and reading them. Doesn't belong
here: finding them (fits.py), what they credit (fits_shares.py).

Numbers that a computation gave are rounded before they are written, so that two runs write the
same bytes; whoever reads a fit computes with the rounded ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from touchproof.attribution.channel_sets import ChannelSets, channel_keys
from touchproof.attribution.markov import MarkovFit
from touchproof.attribution.paths import offsets_of
from touchproof.attribution.shapley import SetTotals, ShapleyFit, fit_of
from touchproof.errors import LedgerError
from touchproof.ledger.records import canonical_json

MARKOV, SHAPLEY = "markov", "shapley"
MODELS = (MARKOV, SHAPLEY)
DIGITS = 9


@dataclass(frozen=True)
class TrainedOn:
    """Count what a fit was trained on, and say what its intervals were drawn with."""

    journeys: int
    conversions: int
    persons: int
    replicates: int
    seed: int


@dataclass(frozen=True)
class ChannelShare:
    """Give a channel's share of the conversions trained on, with its 95 % interval, from 0 to 1."""

    share: float
    lower: float
    upper: float


@dataclass(frozen=True)
class MarkovParameters:
    """Hold a Markov fit; `removal_effects` and `shares` follow `channels`.

    Args:
        log_likelihoods: Of each order tried, from order 1: natural logarithm per step of people
            left out (order_choice.py).
    """

    channels: tuple[str, ...]
    order: int
    removal_effects: tuple[float, ...]
    log_likelihoods: tuple[float, ...]
    shares: tuple[ChannelShare, ...]
    trained_on: TrainedOn

    def fit(self) -> MarkovFit:
        """Return the fit with its recorded numbers, enough to credit by."""
        return MarkovFit(self.order, self.channels, np.array(self.removal_effects), 0.0, 0)

    def to_json(self) -> str:
        """Write the parameters; equal ones give equal bytes."""
        return canonical_json(
            {
                **_common(self),
                "log_likelihoods": [round(one, DIGITS) for one in self.log_likelihoods],
                "order": self.order,
                "removal_effects": [round(one, DIGITS) for one in self.removal_effects],
            }
        )


@dataclass(frozen=True)
class ShapleyParameters:
    """Hold a Shapley fit; `shares` follow `channels`.

    Args:
        coalitions: (places of the set's channels in `channels`, journeys that converted, journeys
            that didn't), in the order of `channel_sets.sets_of`.
    """

    channels: tuple[str, ...]
    coalitions: tuple[tuple[tuple[int, ...], int, int], ...]
    shares: tuple[ChannelShare, ...]
    trained_on: TrainedOn

    def fit(self) -> ShapleyFit:
        """Solve the games again; all that they depend on are whole numbers."""
        members = [np.array(codes, dtype=np.int64) for codes, _, _ in self.coalitions]
        offsets = offsets_of(np.array([len(codes) for codes in members], dtype=np.int64))
        sets = ChannelSets(self.channels, np.concatenate(members), offsets)
        keys = np.add.reduceat(channel_keys(len(self.channels))[sets.members], offsets[:-1])
        won, lost = (np.array([one[n] for one in self.coalitions], float) for n in (1, 2))
        return fit_of(sets, keys, SetTotals(won, np.zeros(len(won)), lost))

    def to_json(self) -> str:
        """Write the parameters; equal ones give equal bytes."""
        return canonical_json(
            {**_common(self), "coalitions": [[list(one[0]), *one[1:]] for one in self.coalitions]}
        )


Parameters = MarkovParameters | ShapleyParameters


def read_parameters(attribution_model: str, parameters_json: str) -> Parameters:
    """Read what `to_json` wrote.

    Raises:
        LedgerError: If the model isn't a data-driven one.
    """
    content = json.loads(parameters_json)
    channels = tuple(content["channels"])
    shares = tuple(ChannelShare(*one) for one in content["shares"])
    trained_on = TrainedOn(**content["trained_on"])
    if attribution_model == MARKOV:
        return MarkovParameters(
            channels,
            int(content["order"]),
            tuple(content["removal_effects"]),
            tuple(content["log_likelihoods"]),
            shares,
            trained_on,
        )
    if attribution_model == SHAPLEY:
        coalitions = tuple((tuple(codes), won, lost) for codes, won, lost in content["coalitions"])
        return ShapleyParameters(channels, coalitions, shares, trained_on)
    raise LedgerError(
        f"There are no fits of the model '{attribution_model}'",
        where="model_fits",
        todo=f"Data-driven models are {', '.join(MODELS)}.",
    )


def _common(parameters: Parameters) -> dict[str, object]:
    return {
        "channels": list(parameters.channels),
        "shares": [
            [round(value, DIGITS) for value in (one.share, one.lower, one.upper)]
            for one in parameters.shares
        ],
        "trained_on": vars(parameters.trained_on),
    }
