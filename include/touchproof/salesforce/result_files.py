"""The three result files of an ingest job, as they come over the wire.

Belongs here: reading their rows, and telling a broken file from a whole one. Doesn't belong here:
fetching them (client.py), matching rows to what was sent (perform.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, Literal

from touchproof.salesforce.answers import unreadable

ResultKind = Literal["successfulResults", "failedResults", "unprocessedrecords"]

_FIELD_MAX_CHARACTERS = 1_000_000


def read_rows(file: IO[bytes]) -> Iterator[dict[str, str]]:
    """Yield the rows of a result file that `require_whole` has looked through."""
    rows = _lines(file)
    header = next(rows, [])
    for row in rows:
        yield dict(zip(header, row, strict=True))


def require_whole(file: IO[bytes], columns: tuple[str, ...], where: str) -> None:
    """Look through a result file. One that ends between two rows looks whole.

    Args:
        file: Its bytes; none at all are a file without rows.
        columns: Columns that it must have.
        where: The request that brought it.

    Raises:
        SalesforceCallError: If it isn't CSV in UTF-8 with these columns.
    """
    try:
        rows = _lines(file)
        header = next(rows, None)
        is_whole = header is None or (
            set(columns) <= set(header) and all(len(row) == len(header) for row in rows)
        )
    except (csv.Error, UnicodeDecodeError):
        is_whole = False
    if not is_whole:
        raise unreadable("A result file is broken", where)


def _lines(file: IO[bytes]) -> Iterator[list[str]]:
    csv.field_size_limit(_FIELD_MAX_CHARACTERS)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield from (row for row in csv.reader(text, strict=True) if row)
    finally:
        text.detach()  # or it would close the file
