"""Fixed-width text files: every field at its place in the line, a trailer that counts the rows.

Belongs here: cutting lines into text columns, exactly or not at all. Doesn't belong here: what
columns mean or how their values are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.text_encoding import decoded


@dataclass(frozen=True)
class FixedField:
    """Place one field: `start` counts characters from 1, as banks' record descriptions do."""

    name: str
    start: int
    width: int


@dataclass(frozen=True)
class Trailer:
    """Describe the last line: how it begins, and where it says how many rows there are."""

    marker: str
    count_start: int
    count_width: int


def read_fixed_width(
    content: bytes,
    fields: Sequence[FixedField],
    *,
    row_marker: str = "",
    header_marker: str | None = None,
    trailer: Trailer | None = None,
    encoding: str = "utf-8",
) -> pa.Table:
    """Read fixed-width lines into text columns; blanks around a value are filling.

    Args:
        content: The unpacked file.
        fields: The fields of a row; they may leave gaps, but no row may be longer or shorter than
            the end of the last field.
        row_marker: How every row begins, e.g. `D`.
        header_marker: How the first line begins, if the file has a header line.
        trailer: The last line, if the file has one; a file without it was cut off.
        encoding: `utf-8` or `latin-1`.

    Returns:
        One text column a field, no nulls; an empty field is an empty text.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    lines = decoded(content, encoding).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise StructuralFaultError("empty_file", rows_in=0)
    if header_marker is not None:
        if not lines[0].startswith(header_marker):
            raise StructuralFaultError("wrong_header")
        lines = lines[1:]
    if trailer is not None:
        if not lines or not lines[-1].startswith(trailer.marker):
            raise StructuralFaultError("no_trailer")
        _require_count(lines.pop(), trailer, len(lines))
    if not lines:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    _require_form(lines, max(field.start - 1 + field.width for field in fields), row_marker)
    column = pa.array(lines, pa.string())
    return pa.table(
        {
            field.name: pc.utf8_trim_whitespace(
                pc.utf8_slice_codeunits(column, field.start - 1, field.start - 1 + field.width)
            )
            for field in fields
        }
    )


def _require_form(lines: Sequence[str], width: int, row_marker: str) -> None:
    for number, line in enumerate(lines, start=1):
        if len(line) != width or not line.startswith(row_marker):
            raise StructuralFaultError("ragged_rows", row=number, rows_in=len(lines))


def _require_count(line: str, trailer: Trailer, rows: int) -> None:
    start = trailer.count_start - 1
    told = line[start : start + trailer.count_width].strip()
    if not told.isdecimal() or int(told) != rows:
        raise StructuralFaultError("control_total", rows_in=rows)
