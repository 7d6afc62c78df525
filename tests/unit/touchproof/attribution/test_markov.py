"""Markov: public figures, the naive solution channel by channel, and walking every path."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_cases import ROWS, by_channel, nine, table, table_of, values

from touchproof.attribution import absorbing_chain, transitions
from touchproof.attribution.absorbing_chain import (
    AbsorbingChain,
    by_factors,
    by_inverse,
    by_products,
    removal,
)
from touchproof.attribution.channel_sets import ChannelSets
from touchproof.attribution.markov import (
    MarkovFit,
    chain_of,
    fit,
    markov_credits,
    markov_parts,
)
from touchproof.attribution.paths import PathTable
from touchproof.attribution.transitions import count_transitions

ORDERS = [1, 2, 3]


def _naive_effects(chain: AbsorbingChain) -> np.ndarray:
    """Solve the chain again for each channel, with every step to it leading to no conversion."""
    moves = chain.matrix().toarray()
    identity = np.eye(len(moves))
    whole = chain.starts @ np.linalg.solve(identity - moves, chain.converts)
    effects = np.zeros(chain.channel_count)
    for channel in range(chain.channel_count):
        stays = chain.newest != channel
        solved = np.linalg.solve(
            identity - moves * stays[None, :] * stays[:, None], chain.converts * stays
        )
        effects[channel] = 1 - (chain.starts * stays) @ solved / whole
    return effects


def test_the_nine_paths_give_the_public_figures() -> None:
    paths = nine().merged()
    assert values(paths, markov_credits(paths, fit(paths))) == [10.643154, 8.514523, 7.842324]


def test_people_who_did_not_convert_count() -> None:
    # Start → A → B; from A nobody ends, from B 1 of 2 converts: without either nobody converts.
    paths = table(["A>B", "A"], conversions=[1.0, 0.0], nulls=[1.0, 2.0])
    fitted = fit(paths)
    assert fitted.conversion_probability == pytest.approx(1 / 4)
    assert fitted.removal_effects == pytest.approx([1.0, 1.0])
    # Half begin at A, half at B; A converts 3 of 4, B 1 of 4.
    apart = fit(table(["A", "B"], conversions=[3.0, 1.0], nulls=[1.0, 3.0]))
    assert apart.removal_effects == pytest.approx([0.75, 0.25])


def test_repeats_that_are_kept_are_steps_from_a_channel_to_itself() -> None:
    paths = table(["A>A>B", "B"], nulls=[1.0, 0.0])
    chain = chain_of(count_transitions(paths, 1))
    assert chain.matrix().toarray().tolist() == [[0.5, 0.5], [0.0, 0.0]]
    assert fit(paths).removal_effects == pytest.approx(_naive_effects(chain))


@pytest.mark.parametrize("order", ORDERS)
@settings(deadline=None)
@given(rows=ROWS, is_merged=st.booleans())
def test_one_solution_gives_what_solving_again_for_each_channel_gives(
    order: int, rows: list[tuple[str, float, float, float]], is_merged: bool
) -> None:
    paths = table_of(rows).merged() if is_merged else table_of(rows)
    fitted = fit(paths, order)
    chain = chain_of(count_transitions(paths, order))
    if paths.conversions.sum() == 0:
        assert fitted.removal_effects.tolist() == [0.0] * len(paths.channels)
        return
    assert fitted.removal_effects == pytest.approx(_naive_effects(chain), abs=1e-9)
    assert (fitted.removal_effects >= 0).all()


@pytest.mark.parametrize("order", ORDERS)
def test_inverse_products_and_factors_agree(monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    generator = np.random.default_rng(5)
    text = [">".join(generator.choice(list("ABCDEF"), 1 + n % 7)) for n in range(400)]
    paths = table(text, generator.integers(0, 3, 400).tolist(), None, [1.0] * 400)
    chain = chain_of(count_transitions(paths, order))
    inverse, products, factors = by_inverse(chain), by_products(chain), by_factors(chain)
    monkeypatch.setattr(absorbing_chain, "_MAX_ROUNDS", 2)
    assert by_products(chain) is None
    monkeypatch.setattr(absorbing_chain, "DENSE_STATES", 0)
    for other in (products, factors, removal(chain)):
        assert other is not None
        assert other.converting_through == pytest.approx(inverse.converting_through, rel=1e-12)
        assert other.conversion_probability == pytest.approx(
            inverse.conversion_probability, rel=1e-12
        )


def _walked(
    paths: list[tuple[list[str], float, float]], order: int, without: str | None, depth: int
) -> float:
    """Follow every possible walk up to a depth, weighing each by its probability."""
    followers: dict[tuple[str, ...], dict[str, float]] = {}
    for steps, conversions, nulls in paths:
        for end, weight in (("(conversion)", conversions), ("(null)", nulls)):
            walk = [*steps, end]
            for place, step in enumerate(walk):
                state = tuple(walk[max(0, place - order) : place])
                counts = followers.setdefault(state, {})
                counts[step] = counts.get(step, 0.0) + weight

    def converting(state: tuple[str, ...], left: int) -> float:
        counts = followers[state]
        total, found = sum(counts.values()), 0.0
        for step, weight in counts.items():
            if weight == 0 or step in (without, "(null)") or left == 0:
                continue
            on = 1.0 if step == "(conversion)" else converting((*state, step)[-order:], left - 1)
            found += weight / total * on
        return found

    return converting((), depth)


@pytest.mark.parametrize("order", ORDERS)
def test_walking_every_path_gives_the_same(order: int) -> None:
    # A chain without cycles up to its depth: every walk ends within five steps.
    planted = [
        (["A", "B", "C"], 3.0, 1.0),
        (["A", "C", "D"], 1.0, 2.0),
        (["B", "D"], 2.0, 0.0),
        (["B", "C", "D"], 0.0, 4.0),
        (["A", "B", "D"], 5.0, 1.0),
    ]
    text, conversions, nulls = zip(*((">".join(p), c, n) for p, c, n in planted), strict=True)
    fitted = fit(table(text, conversions, None, nulls), order)
    whole = _walked(planted, order, None, 6)
    assert fitted.conversion_probability == pytest.approx(whole)
    expected = [1 - _walked(planted, order, channel, 6) / whole for channel in "ABCD"]
    assert fitted.removal_effects == pytest.approx(expected)


@settings(deadline=None)
@given(rows=ROWS)
def test_credits_sum_to_the_totals_and_no_order_of_rows_changes_them(
    rows: list[tuple[str, float, float, float]],
) -> None:
    paths = table_of(rows)
    credit = markov_credits(paths, fit(paths))
    assert credit.conversions.sum() == pytest.approx(paths.conversions.sum())
    assert credit.value.sum() == pytest.approx(
        paths.value.sum(), abs=1e-12 * np.abs(paths.value).sum()
    )
    shuffled = list(rows)
    random.Random(3).shuffle(shuffled)  # noqa: S311 - an order, no secret
    again = table_of(shuffled)
    assert markov_credits(again, fit(again)).conversions.tobytes() == credit.conversions.tobytes()


def test_steps_that_nobody_made_change_nothing() -> None:
    some = ["A>B", "B>A>C"]
    without, beside = table(some), table([*some, "Z>A>Z"], conversions=[1.0, 1.0, 0.0])
    expected = by_channel(without, markov_credits(without, fit(without)))
    found = by_channel(beside, markov_credits(beside, fit(beside)))
    assert found == {**expected, "Z": (0.0, 0.0)}


def test_blocks_and_sparse_counts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    text = [">".join(generator.choice(list("ABCDEF"), 1 + n % 7)) for n in range(400)]
    paths: PathTable = table(text, generator.integers(0, 3, 400).tolist(), None, [1.0] * 400)
    whole = count_transitions(paths, 2)
    monkeypatch.setattr(transitions, "_BLOCK_TOUCHES", 10)
    in_blocks = count_transitions(paths, 2)
    monkeypatch.setattr(transitions, "_DENSE_CELLS", 0)
    for other in (in_blocks, count_transitions(paths, 2)):
        assert other.counts.tobytes() == whole.counts.tobytes()
        assert other.origins.tolist() == whole.origins.tolist()


def test_states_keep_the_last_touches_only() -> None:
    counted = count_transitions(table(["A>B>A>A"]), 2)
    names = ["", "A", "B"]
    states = [(names[state // 3], names[state % 3]) for state in counted.next_states()]
    assert sorted(states) == [("", "A"), ("A", "A"), ("A", "B"), ("B", "A")]


@pytest.mark.parametrize("order", [0, 4])
def test_other_orders_are_refused(order: int) -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        fit(table(["A"]), order)


def test_too_many_channels_for_an_order_are_refused() -> None:
    many = table([f"c{number}" for number in range(301)])
    assert fit(many, 2).removal_effects.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="order 3 takes up to 300 channels, not 301"):
        fit(many, 3)


def test_a_conversion_of_a_set_is_dealt_out_by_removal_effect() -> None:
    fitted = MarkovFit(1, ("A", "B", "C"), np.array([0.6, 0.3, 0.0]), 0.5, 3)
    sets = ChannelSets(("A", "B", "C", "New"), np.array([0, 1, 1, 2, 3]), np.array([0, 2, 5]))
    # The fit never saw New: it counts as the average channel, (0.6 + 0.3 + 0) / 3.
    assert markov_parts(fitted, sets) == pytest.approx([0.6, 0.3, 0.3, 0.0, 0.3])
    assert [list(part) for part in pairwise(sets.offsets)] == [[0, 2], [2, 5]]
