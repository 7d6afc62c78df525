"""Replicates are solved all at once and give what the models give one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journey_cases import CHANNELS, TIMEZONE, journeys, many

from touchproof.attribution import markov, shapley
from touchproof.attribution.fits_chain import ChainReplicates
from touchproof.attribution.fits_draws import draws, spread
from touchproof.attribution.fits_game import GameReplicates
from touchproof.attribution.fits_journeys import FloatArray, TrainingData, canonical_journeys
from touchproof.attribution.paths import PathTable

some_journeys = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6).map(" > ".join),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def weighted(data: TrainingData, weights: FloatArray) -> PathTable:
    """Return the paths of one replicate, for the models that solve one at a time."""
    people = weights[data.kinds]
    return replace(
        data.paths,
        conversions=data.paths.conversions * people,
        value=data.paths.value * people,
        nulls=data.paths.nulls * people,
    )


@pytest.mark.parametrize("order", [1, 2, 3])
@settings(deadline=None, max_examples=20)
@given(rows=some_journeys, seed=st.integers(0, 1000))
def test_the_chain_of_every_replicate_has_the_effects_of_a_fit_on_it(
    order: int, rows: list[tuple[str, str, bool]], seed: int
) -> None:
    data = canonical_journeys(journeys(rows), TIMEZONE)
    (block,) = draws(data.persons, 3, seed)
    effects = ChainReplicates(data, order).removal_effects(block)
    for weights, found in zip(block, effects, strict=True):
        alone = markov.fit(weighted(data, weights), order)
        assert found == pytest.approx(alone.removal_effects, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_a_chain_of_many_states_follows_the_replicates_by_its_derivative(order: int) -> None:
    data = canonical_journeys(many(2000), TIMEZONE)
    (block,) = draws(data.persons, 200, seed=5)
    solved = ChainReplicates(data, order).removal_effects(block)
    followed = ChainReplicates(data, order, exact_states=0).removal_effects(block)
    assert followed.std(axis=0) == pytest.approx(solved.std(axis=0), rel=0.05)
    assert (np.abs(followed - solved).mean(axis=0) < 0.1 * solved.std(axis=0)).all()
    everybody = data.persons[None, :].astype(np.float64)
    followed = ChainReplicates(data, order, exact_states=0).removal_effects(everybody)
    assert followed[0] == pytest.approx(markov.fit(data.of_everybody(), order).removal_effects)


@settings(deadline=None, max_examples=20)
@given(rows=some_journeys, seed=st.integers(0, 1000))
def test_the_games_of_every_replicate_have_the_shares_of_a_fit_on_it(
    rows: list[tuple[str, str, bool]], seed: int
) -> None:
    data = canonical_journeys(journeys(rows), TIMEZONE)
    (block,) = draws(data.persons, 3, seed)
    games = GameReplicates(data)
    of_member = np.repeat(np.arange(len(games.sets)), games.sets.sizes)
    for weights, found in zip(block, games.values(block), strict=True):
        alone = shapley.fit(weighted(data, weights))
        worth = alone.totals.worth()[of_member]
        has_worth = worth > 0
        expected = alone.shares[has_worth] * worth[has_worth]
        assert found[has_worth] == pytest.approx(expected, abs=1e-9)


def test_people_of_one_kind_are_kept_once_and_counted() -> None:
    twice = [("a", "TV > Email", True), ("b", "TV > Email", True), ("c", "TV", False)]
    data = canonical_journeys(journeys(twice), TIMEZONE)
    assert (len(data.paths), sorted(data.persons.tolist())) == (2, [1, 2])
    everybody = data.of_everybody()
    assert (everybody.conversions.sum(), everybody.value.sum()) == (2, 1000)


def test_the_same_seed_draws_the_same_people_and_blocks_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    persons = np.array([1, 5, 100])
    whole = np.concatenate(list(draws(persons, 50, seed=3)))
    monkeypatch.setattr("touchproof.attribution.fits_draws._CELLS", 10)
    blocks = list(draws(persons, 50, seed=3))
    assert len(blocks) > 10
    assert np.array_equal(np.concatenate(blocks), whole)
    assert not np.array_equal(np.concatenate(list(draws(persons, 50, seed=4))), whole)


def test_a_kind_of_many_people_is_drawn_as_if_each_were_drawn_alone() -> None:
    together = np.concatenate(list(draws(np.array([400]), 4000, seed=1)))
    alone = np.concatenate(list(draws(np.ones(400, dtype=np.int64), 4000, seed=2))).sum(axis=1)
    assert together.mean() == pytest.approx(alone.mean(), rel=0.01)
    assert together.std() == pytest.approx(alone.std(), rel=0.05)


def test_a_bound_never_lies_on_the_wrong_side_of_the_estimate() -> None:
    below, above = spread(np.array([[1.0], [2.0], [np.nan]]), np.array([5.0]), 0.95)
    assert below[0] == pytest.approx(3.975)
    assert above[0] == 0


def test_a_replicate_in_which_nobody_converts_loses_nothing_without_any_channel() -> None:
    data = canonical_journeys(many(20), TIMEZONE)
    nobody = np.zeros((1, len(data.persons)))
    for order in (1, 2):
        assert not ChainReplicates(data, order).removal_effects(nobody).any()
    assert not GameReplicates(data).values(nobody).any()
