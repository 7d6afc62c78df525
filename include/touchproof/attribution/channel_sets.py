"""Sets of channels: which channels a path has, whatever their order and number.

Belongs here: sets as numbers, the sets of a path table with their sums, and dealing one conversion
of each set out in whole units. Doesn't belong here: what a channel's part of a set is (markov.py,
shapley.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from touchproof.attribution.paths import (
    Codes,
    Floats,
    PathTable,
    Positions,
    offsets_of,
    row_blocks,
    sorted_names,
)
from touchproof.errors import BadInputError

UNITS_PER_SET = 1_000_000_000
_MASK_CHANNELS = 63
_BLOCK_TOUCHES = 1 << 18
_KEY_SEED = 20_160_615
"""Of the channels' random keys where there are too many for a bit each."""


@dataclass(frozen=True, eq=False)
class ChannelSets:
    """Hold distinct sets of channels.

    Args:
        channels: The channels' names, sorted.
        members: The sets' channels end to end, as positions in `channels`, ascending in each set.
        offsets: Where each set begins in `members`, and the end of the last; no set is empty.
    """

    channels: tuple[str, ...]
    members: Codes
    offsets: Positions

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Positions:
        """The number of channels of each set."""
        return np.diff(self.offsets)

    def names(self) -> list[tuple[str, ...]]:
        """Return each set as its channels' names."""
        named = [self.channels[code] for code in self.members.tolist()]
        return [tuple(named[a:b]) for a, b in pairwise(self.offsets.tolist())]

    @classmethod
    def from_lists(cls, lists: Any) -> ChannelSets:
        """Read sets given as Arrow lists of sorted, distinct channel names.

        Raises:
            BadInputError: If a set is empty, unsorted or names a channel twice.
        """
        lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
        sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        names: Any = pc.list_flatten(lists).dictionary_encode()
        channels, recode = sorted_names(names.dictionary.to_pylist())
        members = recode.take(names.indices.to_numpy(zero_copy_only=False)).astype(np.int64)
        found = cls(channels, members, offsets_of(sizes.astype(np.int64)))
        rises = np.diff(members, prepend=-1) > 0
        if (sizes == 0).any() or not np.delete(rises, found.offsets[:-1]).all():
            raise BadInputError(
                "A set of channels is a sorted list of distinct names", where="channel_set"
            )
        return found


def channel_keys(channel_count: int) -> NDArray[np.uint64]:
    """Return a number for each channel such that a set is known by its channels' sum.

    A bit each up to 63 channels. Beyond, 64 random bits: with a million sets the odds that two have
    one sum are 3 in 10^8.
    """
    if channel_count <= _MASK_CHANNELS:
        return np.left_shift(np.uint64(1), np.arange(channel_count, dtype=np.uint64))
    generator = np.random.default_rng(_KEY_SEED)
    return generator.integers(1, 2**64, size=channel_count, dtype=np.uint64)


def sets_of(paths: PathTable) -> tuple[ChannelSets, NDArray[np.uint64], Positions]:
    """Find the distinct sets of channels of paths.

    Returns:
        The sets in ascending order of their keys, their keys, and the set of each path.
    """
    keys = channel_keys(len(paths.channels))
    row_keys = _row_keys(paths, keys)
    set_keys, first, set_of_row = np.unique(row_keys, return_index=True, return_inverse=True)
    members, sizes = _distinct_members(paths.rows(np.isin(np.arange(len(paths)), first)))
    # The first rows come in the order of rows; sets in the order of keys.
    rank = np.argsort(np.argsort(first))
    starts = offsets_of(sizes)[:-1]
    sizes = sizes[rank]
    offsets = offsets_of(sizes)
    places = np.arange(int(offsets[-1])) + np.repeat(starts[rank] - offsets[:-1], sizes)
    return ChannelSets(paths.channels, members[places], offsets), set_keys, set_of_row


def _row_keys(paths: PathTable, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    if len(paths) == 0:
        return np.empty(0, np.uint64)
    if len(keys) <= _MASK_CHANNELS:
        found = np.empty(len(paths), np.uint64)
        for rows in row_blocks(paths.offsets, _BLOCK_TOUCHES):
            offsets = paths.offsets[rows.start : rows.stop + 1]
            bits = keys.take(paths.steps[offsets[0] : offsets[-1]])
            found[rows] = np.bitwise_or.reduceat(bits, offsets[:-1] - offsets[0])
        return found
    members, sizes = _distinct_members(paths)
    return np.add.reduceat(keys.take(members), offsets_of(sizes)[:-1])


def _distinct_members(paths: PathTable) -> tuple[Positions, Positions]:
    """Return each row's distinct channels, ascending, end to end, and how many they are."""
    count = max(len(paths.channels), 1)
    row = np.repeat(np.arange(len(paths)), paths.lengths)
    pairs = np.unique(row * count + paths.steps)
    rows, members = np.divmod(pairs, count)
    return members, np.bincount(rows, minlength=len(paths))


def whole_units(parts: Floats, offsets: Positions) -> Positions:
    """Deal `UNITS_PER_SET` whole units out within each set, in proportion to parts.

    What rounding down leaves goes one by one to the largest remainders, ties to the first. Where
    all parts of a set are 0, its members share alike.

    Args:
        parts: One number ≥ 0 a member.
        offsets: The sets; none is empty.

    Returns:
        One whole number ≥ 0 a member; each set's sum is `UNITS_PER_SET`.
    """
    if len(parts) == 0:
        return np.empty(0, np.int64)
    sizes, starts = np.diff(offsets), offsets[:-1]
    group = np.repeat(np.arange(len(sizes)), sizes)
    totals = np.add.reduceat(parts, starts)
    fair = np.where(
        totals.take(group) > 0,
        parts / np.where(totals > 0, totals, 1.0).take(group),
        (1.0 / sizes).take(group),
    )
    exact = fair * UNITS_PER_SET
    units = np.floor(exact).astype(np.int64)
    missing = UNITS_PER_SET - np.add.reduceat(units, starts)
    order = np.lexsort((np.arange(len(parts)), units - exact, group))
    rank = np.empty(len(parts), dtype=np.int64)
    rank[order] = np.arange(len(parts)) - np.repeat(starts, sizes)
    return np.asarray(units + (rank < missing.take(group)), dtype=np.int64)


def units_table(sets: ChannelSets, parts: Floats) -> pa.Table:
    """Return the applied shares of sets as a table.

    Returns:
        `set_number` (position in `sets`), `channel`, `share_units`.
    """
    names = pa.array(sets.channels, pa.string())
    return pa.table(
        {
            "set_number": np.repeat(np.arange(len(sets)), sets.sizes),
            "channel": names.take(pa.array(sets.members, pa.int64())),
            "share_units": whole_units(parts, sets.offsets),
        }
    )
