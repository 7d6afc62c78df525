"""The seven rules: public figures, hand-computed paths, and a slow reading of each rule."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from path_cases import ROWS, by_channel, nine, table, table_of, values

from touchproof.attribution import position_counts
from touchproof.attribution.paths import PathTable
from touchproof.attribution.rule_models import RULE_MODELS, RuleSettings, rule_credits

SETTINGS = RuleSettings(direct="D", lead_step="C", half_life_steps=1.5)


def _credited(path: str, settings: RuleSettings | None = None) -> dict[str, dict[str, float]]:
    paths = table([path])
    return {
        credit.model: {name: pair[0] for name, pair in by_channel(paths, credit).items()}
        for credit in rule_credits(paths, settings)
        if credit is not None
    }


def test_the_nine_paths_give_the_public_figures() -> None:
    paths = nine().merged()
    given_by = {credit.model: values(paths, credit) for credit in rule_credits(paths) if credit}
    assert given_by["first_touch"] == [9, 9, 9]
    assert given_by["last_touch"] == [15, 6, 6]
    assert given_by["linear"] == [10.5, 9, 7.5]
    assert given_by["position_based"] == [11.1, 8.4, 7.5]


def test_last_non_direct_falls_back_only_where_all_are_direct() -> None:
    settings = RuleSettings(direct="D")
    assert _credited("A > B > D", settings)["last_non_direct"] == {"A": 0, "B": 1, "D": 0}
    assert _credited("A > D > D", settings)["last_non_direct"] == {"A": 1, "D": 0}
    assert _credited("D > D", settings)["last_non_direct"] == {"D": 1}
    assert _credited("A > D")["last_non_direct"] == {"A": 0, "D": 1}


def test_time_decay_halves_with_each_half_life() -> None:
    assert _credited("A > B > C")["time_decay"] == pytest.approx(
        {"A": 1 / 7, "B": 2 / 7, "C": 4 / 7}
    )
    slow = _credited("A > B > C", RuleSettings(half_life_steps=2.0))["time_decay"]
    assert slow["A"] == pytest.approx(slow["C"] / 2)


def test_position_based_gives_the_middle_its_weight_only_if_there_is_one() -> None:
    assert _credited("A")["position_based"] == {"A": 1.0}
    assert _credited("A > B")["position_based"] == pytest.approx({"A": 0.5, "B": 0.5})
    assert _credited("A > B > C > E")["position_based"] == pytest.approx(
        {"A": 0.4, "B": 0.1, "C": 0.1, "E": 0.4}
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        # First, lead step and last 30 % each, the two others 5 % each.
        ("A > B > C > B > E", {"A": 0.3, "B": 0.1, "C": 0.3, "E": 0.3}),
        # No other touch: three equal steps.
        ("A > C > E", {"A": 1 / 3, "C": 1 / 3, "E": 1 / 3}),
        # The lead step is the last touch too and has both weights.
        ("A > B > C", {"A": 0.3, "B": 0.1, "C": 0.6}),
        ("A > C", {"A": 1 / 3, "C": 2 / 3}),
        # The lead step's second touch is a touch like others.
        ("C > B > C", {"B": 0.1, "C": 0.9}),
        # No lead step: what is there is the whole.
        ("A > B > E", {"A": 3 / 7, "B": 1 / 7, "E": 3 / 7}),
        ("A > E", {"A": 0.5, "E": 0.5}),
        ("C", {"C": 1.0}),
        ("A", {"A": 1.0}),
    ],
)
def test_w_shaped_gives_three_steps_their_weights(path: str, expected: dict[str, float]) -> None:
    assert _credited(path, RuleSettings(lead_step="C"))["w_shaped"] == pytest.approx(expected)


def test_w_shaped_needs_a_lead_step() -> None:
    *_, w_shaped = rule_credits(table(["A"]))
    assert w_shaped is None
    assert _credited("A > B", RuleSettings(lead_step="nowhere"))["w_shaped"] == {"A": 0.5, "B": 0.5}


def test_a_half_life_is_above_0() -> None:
    for half_life in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="above 0"):
            RuleSettings(half_life_steps=half_life)


def _shares(path: list[str]) -> dict[str, list[float]]:
    """Return each model's shares of a path's touches, by reading its rule word by word."""
    last = len(path) - 1
    places = range(len(path))
    non_direct = [place for place in places if path[place] != "D"]
    lead = path.index("C") if "C" in path else None

    def normalised(weigh: Callable[[int], float]) -> list[float]:
        weights = [weigh(place) for place in places]
        return [weight / sum(weights) for weight in weights]

    def w_shaped(place: int) -> float:
        others = [other for other in places if other not in (0, lead, last)]
        steps = (place == 0) * 0.3 + (place == lead) * 0.3 + (place == last) * 0.3
        return steps or 0.1 / len(others)

    def position_based(place: int) -> float:
        return (place == 0) * 0.4 + (place == last) * 0.4 or 0.2 / max(last - 1, 1)

    return {
        "first_touch": normalised(lambda place: place == 0),
        "last_touch": normalised(lambda place: place == last),
        "last_non_direct": normalised(lambda place: place == (non_direct or [last])[-1]),
        "linear": normalised(lambda place: 1),
        "time_decay": normalised(lambda place: 0.5 ** ((last - place) / 1.5)),
        "position_based": normalised(position_based),
        "w_shaped": normalised(w_shaped),
    }


def _slowly(rows: list[tuple[str, float, float, float]], what: int) -> dict[str, dict[str, float]]:
    credited: dict[str, dict[str, float]] = {model: {} for model in RULE_MODELS}
    for row in rows:
        path = row[0].split(" > ")
        for model, shares in _shares(path).items():
            for channel, share in zip(path, shares, strict=True):
                so_far = credited[model].get(channel, 0.0)
                credited[model][channel] = so_far + float(row[what]) * share  # type: ignore[arg-type]
    return credited


@settings(deadline=None)
@given(ROWS)
def test_whole_tables_give_what_the_rules_read_word_by_word_give(
    rows: list[tuple[str, float, float, float]],
) -> None:
    paths = table_of(rows)
    scale = sum(abs(row[2]) for row in rows) + 1
    expected = [_slowly(rows, 1), _slowly(rows, 2)]
    for credit in rule_credits(paths, SETTINGS):
        assert credit is not None
        for channel, (conversions, value) in by_channel(paths, credit).items():
            assert conversions == pytest.approx(expected[0][credit.model][channel], abs=1e-9)
            assert value == pytest.approx(expected[1][credit.model][channel], abs=1e-12 * scale)


@settings(deadline=None)
@given(ROWS)
def test_the_order_of_rows_changes_no_bit(rows: list[tuple[str, float, float, float]]) -> None:
    shuffled = list(rows)
    random.Random(7).shuffle(shuffled)  # noqa: S311 - an order, no secret
    for one, other in zip(
        rule_credits(table_of(rows), SETTINGS),
        rule_credits(table_of(shuffled), SETTINGS),
        strict=True,
    ):
        assert one is not None and other is not None
        assert one.conversions.tobytes() == other.conversions.tobytes()
        assert one.value.tobytes() == other.value.tobytes()


def test_blocks_and_sparse_counts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    text = [
        ">".join(generator.choice(list("ABCDE"), size)) for size in generator.integers(1, 9, 500)
    ]
    paths: PathTable = table(text, value=generator.integers(0, 999, 500).tolist())
    whole = rule_credits(paths, SETTINGS)
    monkeypatch.setattr(position_counts, "_BLOCK_TOUCHES", 10)
    in_blocks = rule_credits(paths, SETTINGS)
    monkeypatch.setattr(position_counts, "_DENSE_CELLS", 0)
    sparse = rule_credits(paths, SETTINGS)
    for one, *others in zip(whole, in_blocks, sparse, strict=True):
        for other in others:
            assert one is not None and other is not None
            assert one.value.tobytes() == other.value.tobytes()
