"""Paths as numbers: the one form that every attribution model reads.

Belongs here: the table of paths, made from path text or from journeys, and simple cuts of it.
Doesn't belong here: files (path_files.py), the coding of text (step_codes.py), any model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from touchproof.attribution.step_codes import StepCoder
from touchproof.errors import BadInputError

Floats = NDArray[np.float64]
Codes = NDArray[Any]
Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PathTable:
    """Hold paths as numbers, one row a path; rows may repeat a path, since every model adds up.

    Args:
        channels: The channels' names, sorted.
        steps: The touches of all paths, end to end, as positions in `channels`.
        offsets: Where each path begins in `steps`, and the end of the last; no path is empty.
        conversions: How many people converted at the end of the path.
        value: What their conversions were worth in all; may be negative.
        nulls: How many people went the same path and didn't convert.
    """

    channels: tuple[str, ...]
    steps: Codes
    offsets: Positions
    conversions: Floats
    value: Floats
    nulls: Floats

    def __len__(self) -> int:
        return len(self.conversions)

    @property
    def lengths(self) -> Positions:
        """The number of touches of each path."""
        return np.diff(self.offsets)

    @classmethod
    def from_text(
        cls,
        path: Any,
        conversions: Any = None,
        value: Any = None,
        nulls: Any = None,
    ) -> PathTable:
        """Read paths written `a > b > c`; white space around a step doesn't count.

        Args:
            path: Arrow array or chunked array, one text a row.
            conversions: Numbers, one a row; 1 each if left out.
            value: The row's total; 0 if left out.
            nulls: 0 if left out.

        Raises:
            BadInputError: If a path has an empty step; the row is named.
        """
        coder = StepCoder()
        for chunk in path.chunks if isinstance(path, pa.ChunkedArray) else [path]:
            coder.add(chunk)
        channels, steps, offsets = coder.result()
        return cls(
            channels,
            steps,
            offsets,
            _numbers(conversions, len(path), 1.0),
            _numbers(value, len(path), 0.0),
            _numbers(nulls, len(path), 0.0),
        )

    @classmethod
    def from_journeys(cls, table: pa.Table) -> PathTable:
        """Read journeys as `fct_journeys` has them, one row a journey.

        Journeys without a touch are left out: there is nothing to credit.

        Args:
            table: `channel_path` (list of text), `is_converted`, `revenue_cents` (null: 0).

        Raises:
            BadInputError: If a touch has no channel.
        """
        lists: Any = table["channel_path"].combine_chunks()
        lengths = np.nan_to_num(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
        has_touches = lengths > 0
        names: Any = pc.list_flatten(lists).dictionary_encode()
        if names.null_count:
            raise BadInputError("A touch has no channel", where="fct_journeys, channel_path")
        channels, recode = sorted_names(names.dictionary.to_pylist())
        numbers: list[Floats] = []
        for name in ("is_converted", "revenue_cents"):
            column: Any = table[name].cast(pa.float64())
            numbers.append(np.nan_to_num(column.to_numpy())[has_touches])
        converted, revenue = numbers
        return cls(
            channels,
            recode.take(names.indices.to_numpy()),
            offsets_of(lengths[has_touches].astype(np.int64)),
            converted,
            revenue,
            1.0 - converted,
        )

    def merged(self) -> PathTable:
        """Merge a channel's consecutive touches into one."""
        begins = np.ones(len(self.steps), dtype=np.bool_)
        np.not_equal(self.steps[1:], self.steps[:-1], out=begins[1:])
        begins[self.offsets[:-1]] = True
        if begins.all():
            return self
        kept = np.add.reduceat(begins, self.offsets[:-1], dtype=np.int64)
        return replace(self, steps=self.steps[begins], offsets=offsets_of(kept))

    def rows(self, wanted: NDArray[np.bool_]) -> PathTable:
        """Return the wanted rows; the channels stay as they are."""
        return self if wanted.all() else self.rows_at(np.flatnonzero(wanted))

    def rows_at(self, places: Positions) -> PathTable:
        """Return the rows at some places, in their order."""
        lengths = self.lengths[places]
        offsets = offsets_of(lengths)
        steps = np.arange(int(offsets[-1]))
        steps += np.repeat(self.offsets[places] - offsets[:-1], lengths)
        return replace(
            self,
            steps=self.steps.take(steps),
            offsets=offsets,
            conversions=self.conversions[places],
            value=self.value[places],
            nulls=self.nulls[places],
        )

    def crediting(self) -> PathTable:
        """Return the rows that brought conversions or value; others give nobody anything."""
        return self.rows((self.conversions != 0) | (self.value != 0))

    def code_of(self, channel: str | None) -> int | None:
        """Return a channel's position in `channels`; None if no path has it."""
        return self.channels.index(channel) if channel in self.channels else None


def sorted_names(names: Sequence[str]) -> tuple[tuple[str, ...], Codes]:
    """Sort distinct names by code point.

    Returns:
        The sorted names, and the new position of each old one, in the smallest fitting type.
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    position = np.empty(len(names), dtype=np.min_scalar_type(max(len(names) - 1, 0)))
    position[order] = np.arange(len(names))
    return tuple(names[place] for place in order), position


def offsets_of(lengths: Positions) -> Positions:
    """Return where each stretch begins, and the end of the last."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def row_blocks(offsets: Positions, touches: int) -> list[slice]:
    """Cut rows into blocks of about so many touches."""
    wanted = np.arange(0, int(offsets[-1]), touches)
    cuts = np.unique(np.append(np.searchsorted(offsets, wanted), len(offsets) - 1))
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]


def _numbers(given: Any, count: int, default: float) -> Floats:
    if given is None:
        return np.full(count, default)
    if isinstance(given, pa.Array | pa.ChunkedArray):
        given = given.cast(pa.float64()).to_numpy(zero_copy_only=False)
    numbers = np.asarray(given, dtype=np.float64)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise BadInputError("Every path has one finite number of conversions, value and nulls")
    return numbers
