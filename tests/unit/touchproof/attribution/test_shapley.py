"""Shapley: public figures, every order of every set written out, and sampling within its error."""

from __future__ import annotations

import random
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from path_cases import ROWS, by_channel, nine, table, table_of, values

from touchproof.attribution.channel_sets import ChannelSets, sets_of
from touchproof.attribution.shapley import ShapleyFit, fit, leave_one_out, shapley_parts
from touchproof.attribution.shapley_game import set_values


def _by_orders(worth: dict[frozenset[str], float], members: tuple[str, ...]) -> list[float]:
    """Return each member's mean gain over every order in which the members can join."""
    gains = dict.fromkeys(members, 0.0)
    orders = list(permutations(members))
    for order in orders:
        for place, member in enumerate(order):
            before, after = frozenset(order[:place]), frozenset(order[: place + 1])
            gains[member] += worth.get(after, 0.0) - worth.get(before, 0.0)
    return [gains[member] / len(orders) for member in members]


def _worth(fitted: ShapleyFit) -> dict[frozenset[str], float]:
    names = fitted.sets.names()
    return dict(zip(map(frozenset, names), fitted.totals.worth().tolist(), strict=True))


def test_the_nine_paths_give_the_public_figures() -> None:
    paths = nine()
    credit = fit(paths).credits()
    assert values(paths, credit) == [13.5, 7.5, 6.0]
    assert by_channel(paths, credit)["A"] == pytest.approx((4.5, 13.5))


@settings(deadline=None)
@given(ROWS)
def test_values_are_the_mean_gain_over_every_order(
    rows: list[tuple[str, float, float, float]],
) -> None:
    fitted = fit(table_of(rows))
    worth = _worth(fitted)
    for number, members in enumerate(fitted.sets.names()):
        found = fitted.shares[fitted.sets.offsets[number] : fitted.sets.offsets[number + 1]]
        own = worth[frozenset(members)]
        if own == 0:
            assert found == pytest.approx([1 / len(members)] * len(members))
        else:
            expected = np.array(_by_orders(worth, members)) / own
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(ROWS)
def test_credits_sum_to_the_totals_and_no_order_of_rows_changes_them(
    rows: list[tuple[str, float, float, float]],
) -> None:
    paths = table_of(rows)
    shuffled = list(rows)
    random.Random(3).shuffle(shuffled)  # noqa: S311 - an order, no secret
    for model in (lambda given: fit(given).credits(), leave_one_out):
        credit = model(paths)
        size = np.abs(credit.conversions).sum() + np.abs(credit.value).sum()
        assert credit.conversions.sum() == pytest.approx(paths.conversions.sum(), abs=1e-12 * size)
        assert credit.value.sum() == pytest.approx(paths.value.sum(), abs=1e-12 * size)
        again = model(table_of(shuffled))
        assert again.conversions.tobytes() == credit.conversions.tobytes()
        assert again.value.tobytes() == credit.value.tobytes()


def test_a_channel_that_lowers_the_rate_gets_less_than_nothing() -> None:
    # Alone 4 of 4 convert, with B 1 of 4: v(A) = 1, v(B) = 0, v(AB) = 1/4.
    paths = table(["A", "A>B"], conversions=[4.0, 1.0], nulls=[0.0, 3.0])
    fitted = fit(paths)
    assert by_channel(paths, fitted.credits())["B"] == pytest.approx((-1.5, 0.0))
    # Applied to a single conversion nobody owes.
    sets = ChannelSets.from_lists(pa.array([["A", "B"]]))
    assert shapley_parts(fitted, sets) == pytest.approx([2.5, 0.0])


def _random_sets(channels: int, rows: int, longest: int) -> ShapleyFit:
    generator = np.random.default_rng(9)
    names = [f"c{number:02d}" for number in range(channels)]
    text = [
        ">".join(generator.choice(names, generator.integers(1, longest + 1), replace=False))
        for _ in range(rows)
    ]
    # All of them once, so that the largest game has coalitions of every size.
    text.append(">".join(names[:longest]))
    count = len(text)
    return fit(table(text, generator.integers(1, 5, count).tolist(), None, [2.0] * count))


@pytest.mark.parametrize("channels", [8, 70])
def test_looking_up_subsets_and_comparing_sets_agree(channels: int) -> None:
    fitted = _random_sets(channels, 300, 8)
    worth = fitted.totals.worth()
    looked_up = set_values(fitted.sets, fitted.keys, worth, exact_set_size=8)
    compared = set_values(fitted.sets, fitted.keys, worth, exact_set_size=0)
    assert compared.values == pytest.approx(looked_up.values, abs=1e-14)
    assert compared.standard_errors.max() == 0


def test_sampling_says_its_error_and_repeats_itself() -> None:
    fitted = _random_sets(8, 300, 8)
    worth = fitted.totals.worth()
    exact = set_values(fitted.sets, fitted.keys, worth)
    sampled, again = (
        set_values(fitted.sets, fitted.keys, worth, seed=1, exact_set_size=2, exact_comparisons=0)
        for _ in range(2)
    )
    is_sampled = np.repeat(fitted.sets.sizes > 2, fitted.sets.sizes)
    errors = sampled.standard_errors[is_sampled]
    assert (sampled.standard_errors[~is_sampled] == 0).all()
    off = np.abs(sampled.values - exact.values)[is_sampled] / np.maximum(errors, 1e-12)
    assert errors.max() > 0
    assert 0.9 < np.mean(off < 1.96) < 0.99
    assert sampled.values.tobytes() == again.values.tobytes()
    # Every order deals all of a set's worth out.
    totals = np.add.reduceat(sampled.values, fitted.sets.offsets[:-1])
    assert totals == pytest.approx(worth, abs=1e-12)


def test_a_channel_in_no_counted_path_changes_nothing() -> None:
    some = ["A>B", "B>A>C", "A"]
    without = table(some)
    beside = table([*some, "Z>A"], conversions=[1.0, 1.0, 1.0, 0.0])
    found = by_channel(beside, fit(beside).credits())
    assert found == {**by_channel(without, fit(without).credits()), "Z": (0.0, 0.0)}


def test_leave_one_out_credits_what_is_missed() -> None:
    # v(A) = 1/2, v(B) = 1/4, v(AB) = 1: without A 3/4 is missed, without B 1/2.
    paths = table(
        ["A", "B", "A>B"], conversions=[1.0, 1.0, 5.0], nulls=[1.0, 3.0, 0.0], value=[0, 0, 50]
    )
    found = by_channel(paths, leave_one_out(paths))
    assert found["A"] == pytest.approx((1 + 3.0, 30.0))
    assert found["B"] == pytest.approx((1 + 2.0, 20.0))


def test_a_set_that_the_fit_never_saw_is_dealt_out_by_the_channels_own_rates() -> None:
    paths = table(["A", "A>B", "B>C"], conversions=[2.0, 2.0, 4.0], nulls=[2.0, 0.0, 0.0])
    fitted = fit(paths)
    credit = by_channel(paths, fitted.credits())
    rates = {"A": credit["A"][0] / 4, "B": credit["B"][0] / 6, "C": credit["C"][0] / 4}
    sets = ChannelSets.from_lists(pa.array([["A", "C"], ["A", "New"], ["A"]]))
    average = sum(rates.values()) / 3
    assert shapley_parts(fitted, sets) == pytest.approx(
        [rates["A"], rates["C"], rates["A"], average, 1.0]
    )


def test_without_any_journey_channels_share_alike() -> None:
    sets = ChannelSets.from_lists(pa.array([["A", "B"]]))
    nobody = fit(table(["A"]).rows(np.array([False])))
    parts = shapley_parts(nobody, sets)
    assert parts[0] == parts[1]


def test_sets_come_from_the_paths_whatever_their_order() -> None:
    sets, _, _ = sets_of(table(["B>A", "A>B>A", "A"]))
    assert sets.names() == [("A",), ("A", "B")]
