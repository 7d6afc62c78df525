"""JSON files that hold a list of records, as text columns.

Belongs here: one strict reader for flat records and their control total. Doesn't belong here: what
columns mean; nested events (email.py, ga4.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from touchproof.shape import shape_of
from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.text_encoding import decoded


def read_json_records(
    content: bytes, columns: Sequence[str], *, records: str, control_total: str | None
) -> pa.Table:
    """Read an object with a list of flat records into text columns, in the order of `columns`.

    Numbers keep the digits that the file has; null and a missing field are an empty text.

    Args:
        content: The unpacked file.
        columns: Expected fields; a record may lack some, but has no others.
        records: Name of the list.
        control_total: Name of the number that says how many records there are, if any.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    text = decoded(content, "utf-8")
    if not text.strip():
        raise StructuralFaultError("empty_file", rows_in=0)
    try:
        # Digits stay as they are: a float would change amounts.
        document = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        # The parser's own message may quote the text.
        raise StructuralFaultError("damaged_json") from None
    rows = document.get(records) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise StructuralFaultError("wrong_type", column=records, shape=shape_of(rows))
    if control_total is not None and document.get(control_total) != str(len(rows)):
        raise StructuralFaultError("control_total", rows_in=len(rows))
    if not rows:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    known = frozenset(columns)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise StructuralFaultError("wrong_type", row=number, rows_in=len(rows))
        if not known >= row.keys():
            strange = next(name for name in row if name not in known)
            raise StructuralFaultError(
                "wrong_header", shape=shape_of(strange), row=number, rows_in=len(rows)
            )
    absent = [column for column in columns if not any(column in row for row in rows)]
    if absent:
        raise StructuralFaultError("wrong_header", column=", ".join(absent), rows_in=len(rows))
    return pa.table(
        {
            column: pa.array(
                [_text(row.get(column), column, number) for number, row in enumerate(rows, 1)],
                pa.string(),
            )
            for column in columns
        }
    )


def _text(value: Any, column: str, row: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise StructuralFaultError("wrong_type", column=column, shape=shape_of(value), row=row)
