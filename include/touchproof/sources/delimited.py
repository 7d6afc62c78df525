"""Delimited text files (CSV and kin) as Arrow tables of text.

Belongs here: one strict reader for every delimited source. Doesn't belong here: what columns mean
or how their values are judged.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv as pa_csv

from touchproof.shape import shape_of
from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.text_encoding import decoded

_MAX_BLOCK_BYTES = 256 * 1024 * 1024


def read_delimited(
    content: bytes,
    columns: Sequence[str],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> pa.Table:
    """Read delimited text with a header into text columns, in the order of `columns`.

    Quoted fields may hold delimiters, doubled quotes and line breaks; blank lines aren't rows.

    Args:
        content: The unpacked file.
        columns: Expected columns; the file may order them otherwise, but has no more and no less.
        delimiter: One character between fields.
        encoding: `utf-8` or `latin-1`.

    Returns:
        One text column each, no nulls; an empty field is an empty text.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    content = decoded(content, encoding).encode()
    if not content.strip():
        raise StructuralFaultError("empty_file", rows_in=0)
    _check_header(content, columns, delimiter)
    if content.count(b'"') % 2:
        raise StructuralFaultError("unbalanced_quotes")
    try:
        table = pa_csv.read_csv(
            io.BytesIO(content),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=min(len(content) + 1, _MAX_BLOCK_BYTES)
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types={column: pa.string() for column in columns},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        # Arrow's own message quotes the row.
        raise StructuralFaultError("ragged_rows") from None
    if table.num_rows == 0:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    return table.select(list(columns)).combine_chunks()


def _check_header(content: bytes, columns: Sequence[str], delimiter: str) -> None:
    first_line = content.lstrip(b"\r\n").splitlines()[0].decode("utf-8")
    found = next(csv.reader([first_line], delimiter=delimiter))
    if sorted(found) == sorted(columns):
        return
    missing = [column for column in columns if column not in found]
    unexpected = [name for name in found if name not in columns]
    # A file without a header shows a person here: the found names are only told by their shape.
    raise StructuralFaultError(
        "wrong_header",
        column=", ".join(missing) or None,
        shape=", ".join(shape_of(name) for name in unexpected[:5]) or "(a column twice)",
    )
