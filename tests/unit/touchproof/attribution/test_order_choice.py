"""The chain's order: found where it was planted, from people and not from journeys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from path_cases import table

from touchproof.attribution.order_choice import choose_order
from touchproof.attribution.paths import PathTable


def _planted(order: int, people: int, seed: int) -> PathTable:
    """Return one journey a person, in which the next step depends on the last `order` touches."""
    generator = np.random.default_rng(seed)
    chances: dict[tuple[int, ...], np.ndarray] = {}
    text, won = [], []
    for _ in range(people):
        steps: list[int] = []
        while True:
            state = tuple(steps[-order:])
            if state not in chances:
                # Three channels by shares of their own; one walk in five ends, half of them won.
                chances[state] = np.append(0.8 * generator.dirichlet([0.3] * 3), [0.1, 0.1])
            drawn = generator.choice(5, p=chances[state]) if steps else generator.integers(3)
            if drawn > 2:
                won.append(float(drawn == 3))
                break
            steps.append(int(drawn))
        text.append(">".join("ABC"[step] for step in steps))
    return table(text, won, None, [1 - conversion for conversion in won])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_planted_order_is_found(order: int) -> None:
    paths = _planted(order, 3000, seed=11)
    count = len(paths)
    chosen = choose_order(paths, np.arange(count), np.ones(count, np.int64))
    assert chosen.order == order
    assert len(chosen.log_likelihoods) == 3
    assert max(chosen.log_likelihoods) < 0


def test_the_same_seed_cuts_people_the_same_way() -> None:
    paths = _planted(1, 200, seed=1)
    people = np.arange(200), np.ones(200, np.int64)
    assert choose_order(paths, *people) == choose_order(paths, *people)
    assert choose_order(paths, *people) != choose_order(paths, *people, seed=2)


def test_a_step_is_judged_by_the_others_smoothed_shares() -> None:
    # Two people and as many folds; each has two journeys, and is judged by the other's.
    paths = table(["A", "A", "B", "B"])
    seed = next(
        seed
        for seed in range(99)
        if np.random.default_rng(seed).multinomial([1, 1], [0.5, 0.5])[:, 0].sum() == 1
    )
    chosen = choose_order(
        paths, np.array([0, 0, 1, 1]), np.array([1, 1]), folds=2, max_order=1, seed=seed
    )
    # From the start: the other chose the other channel twice, (0 + 0.5) / (2 + 2 * 0.5); after it:
    # nobody was ever there, 0.5 / (4 * 0.5).
    assert chosen.log_likelihoods == pytest.approx([(math.log(1 / 6) + math.log(1 / 4)) / 2])


def test_kinds_of_people_count_as_often_as_there_are_people() -> None:
    paths = table(["A>B", "B"], [1.0, 0.0], None, [0.0, 1.0])
    chosen = choose_order(paths, np.array([0, 1]), np.array([500, 300]))
    # Two steps of 800 people are open to an order that forgets where they began, one to the next.
    toss = 5 / 8 * math.log(5 / 8) + 3 / 8 * math.log(3 / 8)
    assert chosen.log_likelihoods[:2] == pytest.approx(
        [1600 / 2100 * toss, 800 / 2100 * toss], rel=0.02
    )
    assert chosen.order == 2


def test_orders_with_too_many_states_are_not_tried() -> None:
    paths = table([f"c{number}" for number in range(400)])
    count = len(paths)
    chosen = choose_order(paths, np.arange(count), np.ones(count, np.int64), folds=2)
    assert len(chosen.log_likelihoods) == 2
