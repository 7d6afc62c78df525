"""XLSX workbooks from others, as text columns.

Belongs here: reading one sheet without trusting the file. Doesn't belong here: what columns mean,
or writing workbooks.

Formulas are never calculated: a cell that holds one counts with the value that was saved with it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from touchproof.shape import shape_of
from touchproof.sources.faults import StructuralFaultError

_MOST_PARTS = 1_000
_MACROS = ("vbaproject.bin",)


def read_workbook(
    content: bytes, sheet: str, columns: Sequence[str], *, control_cell: str | None, limit: int
) -> pa.Table:
    """Read one sheet with a header row into text columns, in the order of `columns`.

    Dates become `YYYY-MM-DD`, moments `YYYY-MM-DDTHH:MM:SS`, numbers their shortest exact text;
    rows without any value aren't rows.

    Args:
        content: The file.
        sheet: Name of the sheet.
        columns: Expected columns; the sheet may order them otherwise, but has no more and no less.
        control_cell: Cell of the sheet `Control` that says how many rows there are, if any.
        limit: Most bytes that the workbook may unpack to.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    if not content:
        raise StructuralFaultError("empty_file", rows_in=0)
    _require_harmless(content, limit)
    from openpyxl import load_workbook  # only where a workbook is really read

    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            if sheet not in book.sheetnames:
                raise StructuralFaultError("wrong_header", column=sheet)
            rows = [
                row
                for row in book[sheet].iter_rows(values_only=True)
                if any(c is not None for c in row)
            ]
            told = None if control_cell is None else _control(book, control_cell)
        finally:
            book.close()
    except StructuralFaultError:
        raise
    except Exception:  # noqa: BLE001 - a hostile file may fail anywhere inside the parser
        raise StructuralFaultError("damaged_workbook") from None
    if not rows:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    order = _order(rows[0], columns)
    body = rows[1:]
    if control_cell is not None and told != len(body):
        raise StructuralFaultError("control_total", rows_in=len(body))
    if not body:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    return pa.table(
        {
            name: pa.array([_text(row[place]) for row in body], pa.string())
            for name, place in zip(columns, order, strict=True)
        }
    )


def _require_harmless(content: bytes, limit: int) -> None:
    """Refuse what isn't a plain workbook of a bearable size, before any of it is parsed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise StructuralFaultError("damaged_workbook") from None
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > limit:
        raise StructuralFaultError("too_large_unpacked")
    if any(part.filename.lower().endswith(_MACROS) for part in parts):
        raise StructuralFaultError("damaged_workbook")


def _control(book: Any, cell: str) -> int | None:
    if "Control" not in book.sheetnames:
        return None
    found = book["Control"][cell].value
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _order(header: Sequence[Any], columns: Sequence[str]) -> list[int]:
    names = ["" if name is None else str(name).strip() for name in header]
    while names and not names[-1]:
        names.pop()
    if sorted(names) != sorted(columns):
        missing = [column for column in columns if column not in names]
        unexpected = [name for name in names if name not in columns]
        raise StructuralFaultError(
            "wrong_header",
            column=", ".join(missing) or None,
            shape=", ".join(shape_of(name) for name in unexpected[:5]) or "(a column twice)",
        )
    return [names.index(column) for column in columns]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        at_midnight = value.time() == time.min
        return value.date().isoformat() if at_midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return str(value)
