"""Sets of channels: found in paths, read from lists, dealt out in whole units."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_cases import ROWS, table, table_of

from touchproof.attribution.channel_sets import (
    UNITS_PER_SET,
    ChannelSets,
    channel_keys,
    sets_of,
    units_table,
    whole_units,
)
from touchproof.errors import BadInputError


@settings(deadline=None)
@given(ROWS)
def test_each_path_has_the_set_of_its_channels(
    rows: list[tuple[str, float, float, float]],
) -> None:
    sets, keys, set_of_row = sets_of(table_of(rows))
    names = sets.names()
    assert [names[place] for place in set_of_row] == [
        tuple(sorted(set(path.split(" > ")))) for path, *_ in rows
    ]
    assert len(set(names)) == len(names)
    assert (np.diff(keys.astype(object)) > 0).all()


def test_many_channels_have_sets_too() -> None:
    text = [f"c{number:03d}>c{(number * 7) % 100:03d}>c{number:03d}" for number in range(100)]
    paths = table(text)
    assert len(channel_keys(len(paths.channels))) == 100
    sets, keys, set_of_row = sets_of(paths)
    names = sets.names()
    assert [names[place] for place in set_of_row] == [
        tuple(sorted(set(path.split(">")))) for path in text
    ]
    sums = [channel_keys(100)[sets.members[a:b]].sum() for a, b in pairwise(sets.offsets)]
    assert sums == keys.tolist()


def test_lists_are_read_as_sets() -> None:
    lists = pa.array([["b", "é"], ["a"], ["b", "é"]])
    assert ChannelSets.from_lists(lists).names() == [("b", "é"), ("a",), ("b", "é")]
    assert len(ChannelSets.from_lists(pa.array([], pa.list_(pa.string())))) == 0


@pytest.mark.parametrize("faulty", [[], ["b", "a"], ["a", "a"]])
def test_what_is_no_set_is_refused(faulty: list[str]) -> None:
    with pytest.raises(BadInputError, match="sorted list"):
        ChannelSets.from_lists(pa.array([["a"], faulty], pa.list_(pa.string())))


@given(
    st.lists(
        st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=6),
        min_size=1,
        max_size=6,
    )
)
def test_units_are_whole_and_sum_to_all_in_every_set(parts: list[list[float]]) -> None:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    units = whole_units(np.concatenate(parts), offsets)
    assert units.dtype == np.int64
    for part, begin, end in zip(parts, offsets[:-1], offsets[1:], strict=True):
        dealt = units[begin:end]
        assert dealt.sum() == UNITS_PER_SET
        assert (dealt >= 0).all()
        fair = np.array(part) / sum(part) if sum(part) else np.full(len(part), 1 / len(part))
        assert np.abs(dealt - fair * UNITS_PER_SET).max() < 1.001


def test_what_rounding_leaves_goes_to_the_largest_remainders_ties_to_the_first() -> None:
    thirds = whole_units(np.ones(3), np.array([0, 3]))
    assert thirds.tolist() == [333_333_334, 333_333_333, 333_333_333]
    none = whole_units(np.zeros(2), np.array([0, 2]))
    assert none.tolist() == [500_000_000, 500_000_000]
    assert whole_units(np.empty(0), np.array([0])).tolist() == []


def test_units_become_a_table_of_set_channel_and_units() -> None:
    sets = ChannelSets.from_lists(pa.array([["a"], ["a", "b"]]))
    assert units_table(sets, np.array([1.0, 3.0, 1.0])).to_pylist() == [
        {"set_number": 0, "channel": "a", "share_units": 1_000_000_000},
        {"set_number": 1, "channel": "a", "share_units": 750_000_000},
        {"set_number": 1, "channel": "b", "share_units": 250_000_000},
    ]
