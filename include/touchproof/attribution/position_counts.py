"""Where channels stand in paths: the counts that every rule model is a weighting of.

Belongs here: conversions and value by channel, path length, distance from the path's end and place
of the lead step. Doesn't belong here: the rules (rule_models.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from touchproof.attribution.exact_sums import Limb, joined, part_of, sums_by, whole_sums
from touchproof.attribution.paths import Floats, PathTable, Positions

NO_LEAD, LEAD_AT_EDGE, LEAD_BETWEEN = 0, 1, 2
"""Of a path: no lead step, the lead step is the first or the last touch, or one between."""
_BLOCK_TOUCHES = 1 << 18
_DENSE_CELLS = 1 << 22

Columns = tuple[tuple[Limb, ...], tuple[Limb, ...]]
"""Conversions and value of each path, as limbs."""


@dataclass(frozen=True, eq=False)
class PositionCounts:
    """Hold sums over touches by channel and place; one entry a combination that occurs.

    Args:
        channel_count: How many channels there are.
        channels: The channel of each entry.
        lead_places: `NO_LEAD`, `LEAD_AT_EDGE` or `LEAD_BETWEEN`, of the path.
        lengths: Of the path.
        distances: Of the touch from the path's last, 0 for the last itself.
        conversions, value: The sums.
    """

    channel_count: int
    channels: Positions
    lead_places: Positions
    lengths: Positions
    distances: Positions
    conversions: Floats
    value: Floats

    def weighed(self, share: Floats) -> tuple[Floats, Floats]:
        """Return conversions and value by channel, from a touch's share in each entry."""
        conversions, value = (
            sums_by(self.channels, sums * share, self.channel_count)
            for sums in (self.conversions, self.value)
        )
        return conversions, value


def count_positions(
    paths: PathTable, columns: Columns, lead_places: Positions | None
) -> PositionCounts:
    """Count a path table once.

    Args:
        paths: The paths.
        columns: Their conversions and value.
        lead_places: Of each path; None if no lead step is asked for.
    """
    longest = int(paths.lengths.max(initial=1))
    kinds = 1 if lead_places is None else LEAD_BETWEEN + 1
    shape = (len(paths.channels), kinds, longest + 1, longest)
    cell_count = int(np.prod(shape))
    # What depends on the path alone: its lead place and length, and where it ends.
    of_row = paths.lengths if lead_places is None else lead_places * (longest + 1) + paths.lengths
    of_row = of_row * longest + paths.offsets[1:] - 1
    per_channel = cell_count // max(len(paths.channels), 1)
    if cell_count <= _DENSE_CELLS:
        wholes = [np.zeros((len(limbs), cell_count)) for limbs in columns]
        block_touches = max(_BLOCK_TOUCHES, 8 * cell_count)
        for block, row, cell in _cells(paths, of_row, per_channel, block_touches):
            for whole, limbs in zip(wholes, columns, strict=True):
                whole += whole_sums(cell, cell_count, part_of(limbs, block), row)
        sums = np.stack([joined(*column) for column in zip(columns, wholes, strict=True)])
        cells = np.flatnonzero(sums.any(axis=0))
        sums = sums[:, cells]
    else:
        _, row, cell = next(_cells(paths, of_row, per_channel, len(paths.steps)))
        cells, place = np.unique(cell, return_inverse=True)
        sums = np.stack(
            [joined(limbs, whole_sums(place, len(cells), limbs, row)) for limbs in columns]
        )
    channels, kind, lengths, distances = np.unravel_index(cells, shape)
    return PositionCounts(len(paths.channels), channels, kind, lengths, distances, *sums)


def _cells(
    paths: PathTable, of_row: Positions, per_channel: int, block_touches: int
) -> Iterator[tuple[slice, NDArray[np.intp], Positions]]:
    """Yield blocks of rows, and for each touch its row in the block and its cell."""
    offsets, count = paths.offsets, len(paths)
    begin = 0
    while begin < count:
        after = int(np.searchsorted(offsets, offsets[begin] + block_touches, side="right")) - 1
        end = min(max(after, begin + 1), count)
        row = np.repeat(np.arange(end - begin), np.diff(offsets[begin : end + 1]))
        cell = paths.steps[offsets[begin] : offsets[end]].astype(np.int64)
        cell *= per_channel
        cell += of_row[begin:end].take(row)
        cell -= np.arange(offsets[begin], offsets[end])
        yield slice(begin, end), row, cell
        begin = end
