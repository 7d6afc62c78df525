"""How many touches a Markov chain should remember: by how well it foretells people left out.

Belongs here: cutting people into folds, and the likelihood of each fold under chains trained on the
others. Doesn't belong here: counting (transitions.py), what the chosen chain credits (markov.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from touchproof.attribution.paths import Floats, PathTable, Positions
from touchproof.attribution.transitions import (
    MAX_ORDER,
    Transitions,
    check_order,
    count_transitions,
)

FOLDS = 5
SMOOTHING = 0.5
"""Added to the count of everything that can follow a state (the rule of Krichevsky, Trofimov)."""
SEED = 20_260_301


@dataclass(frozen=True)
class OrderChoice:
    """Hold the chosen order and what spoke for it.

    Args:
        order: The one with the highest likelihood; the lowest of equal ones.
        log_likelihoods: By order from 1: natural logarithm per step of a person left out. An order
            for which there are too many channels isn't listed.
    """

    order: int
    log_likelihoods: tuple[float, ...]


def choose_order(
    paths: PathTable,
    kinds: Positions,
    persons: Positions,
    *,
    folds: int = FOLDS,
    smoothing: float = SMOOTHING,
    max_order: int = MAX_ORDER,
    seed: int = SEED,
) -> OrderChoice:
    """Choose the order by cross-validation over people.

    A person with all journeys is in one fold. Each fold's steps, ends of paths included, are judged
    by the shares of the other folds' steps from the same state, after `smoothing` was added to each
    possible one; all are alike in a state that the others never came to.

    Args:
        paths: Journeys as one person of its kind made them; conversions and nulls 0 or 1.
        kinds: The kind of people of each row.
        persons: How many people are of each kind; 1 each if kinds are people.
        folds: Into how many parts people are cut, at least 2.
        smoothing: Above 0.
        max_order: The highest order to try, 1 to 3.
        seed: Of the cut.
    """
    generator = np.random.default_rng(seed)
    cut = generator.multinomial(persons, np.full(folds, 1 / folds))
    parts = [_weighted(paths, cut[:, fold][kinds]) for fold in range(folds)]
    everybody = _weighted(paths, persons[kinds])
    likelihoods: list[float] = []
    for order in range(1, max_order + 1):
        try:
            check_order(order, len(paths.channels))
        except ValueError:
            break
        whole = _Outcomes.of(count_transitions(everybody, order))
        steps = max(float(whole.counts.sum()), 1.0)
        judged = (_Outcomes.of(count_transitions(part, order)) for part in parts)
        likelihoods.append(sum(whole.judge(part, smoothing) for part in judged) / steps)
    best = int(np.argmax(likelihoods)) if likelihoods else 0
    return OrderChoice(best + 1, tuple(likelihoods))


def _weighted(paths: PathTable, people: Positions) -> PathTable:
    weights = people.astype(np.float64)
    return replace(paths, conversions=paths.conversions * weights, nulls=paths.nulls * weights)


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Hold how often each outcome followed each state: a channel, a conversion or none.

    `cells` are state × (channels + 2) + outcome, ascending.
    """

    channel_count: int
    cells: Positions
    counts: Floats

    @classmethod
    def of(cls, counted: Transitions) -> _Outcomes:
        width = counted.channel_count + 2
        ends = counted.last_states * width + counted.channel_count
        cells = np.concatenate([counted.origins * width + counted.channels, ends, ends + 1])
        counts = np.concatenate([counted.counts, counted.conversions, counted.nulls])
        happened = counts > 0
        order = np.argsort(cells[happened])
        return cls(counted.channel_count, cells[happened][order], counts[happened][order])

    def judge(self, part: _Outcomes, smoothing: float) -> float:
        """Return the log-likelihood of a part of these people under all the others."""
        if len(part.cells) == 0:
            return 0.0
        width = self.channel_count + 2
        place = np.searchsorted(self.cells, part.cells)
        others = self.counts[place] - part.counts
        states, state = np.unique(self.cells // width, return_inverse=True)
        came = np.bincount(state, weights=self.counts)
        state_of_part = np.searchsorted(states, part.cells // width)
        came = came - np.bincount(state_of_part, weights=part.counts, minlength=len(states))
        # A path doesn't end before its first touch.
        possible = np.where(states == 0, self.channel_count, width)
        shares = (others + smoothing) / (came + smoothing * possible)[state_of_part]
        return float(np.dot(part.counts, np.log(shares)))
