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

_MAX_BLOCK_BYTES = 256 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    content = _as_utf8(content, encoding)
    if b"\0" in content:
        raise StructuralFaultError("nul_bytes")
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


def _as_utf8(content: bytes, encoding: str) -> bytes:
    if encoding == "utf-8":
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise StructuralFaultError("wrong_encoding") from UnicodeError(error.reason)
        return content.removeprefix(_BYTE_ORDER_MARK)
    if not content.isascii() and _is_utf8(content):
        # Latin-1 text that is valid multi-byte UTF-8 doesn't occur by chance: it was sent as UTF-8.
        raise StructuralFaultError("wrong_encoding")
    return content.decode(encoding).encode("utf-8")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


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
