"""The table of paths: made from text and from journeys, and cut."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from path_cases import table

from touchproof.attribution.paths import PathTable
from touchproof.errors import BadInputError


def _text(paths: PathTable) -> list[str]:
    names = [paths.channels[code] for code in paths.steps]
    return [">".join(names[begin:end]) for begin, end in pairwise(paths.offsets)]


def test_text_becomes_sorted_channels_and_default_numbers() -> None:
    paths = table(["b > a", "é>b"])
    assert paths.channels == ("a", "b", "é")
    assert _text(paths) == ["b>a", "é>b"]
    assert paths.conversions.tolist() == [1.0, 1.0]
    assert paths.value.tolist() == paths.nulls.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [[1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_every_path_has_one_finite_number(value: list[float]) -> None:
    with pytest.raises(BadInputError, match="finite"):
        table(["a", "b"], value=value)


def test_repeats_merge_inside_a_path_only() -> None:
    paths = table(["a>a>b>b>a", "a>a", "a"])
    assert _text(paths.merged()) == ["a>b>a", "a", "a"]
    assert _text(paths) == ["a>a>b>b>a", "a>a", "a"]


def test_rows_can_be_chosen() -> None:
    paths = table(["a>b", "c", "b"], value=[1.0, 2.0, 3.0])
    chosen = paths.rows(paths.value != 2)
    assert _text(chosen) == ["a>b", "b"]
    assert chosen.value.tolist() == [1.0, 3.0]
    assert len(paths.rows(paths.value > 5)) == 0


def test_journeys_become_rows_and_those_without_a_touch_are_left_out() -> None:
    journeys = pa.table(
        {
            "channel_path": pa.array([["b", "a"], [], None, ["b"]], pa.list_(pa.string())),
            "is_converted": [True, True, False, False],
            "revenue_cents": pa.array([1250, 1, 2, None], pa.int64()),
        }
    )
    paths = PathTable.from_journeys(journeys)
    assert _text(paths) == ["b>a", "b"]
    assert paths.conversions.tolist() == [1.0, 0.0]
    assert paths.nulls.tolist() == [0.0, 1.0]
    assert paths.value.tolist() == [1250.0, 0.0]


def test_a_touch_without_a_channel_is_refused() -> None:
    journeys = pa.table(
        {"channel_path": [["a", None]], "is_converted": [True], "revenue_cents": [1]}
    )
    with pytest.raises(BadInputError, match="no channel"):
        PathTable.from_journeys(journeys)
