"""Parquet files of flat rows, as text columns.

Belongs here: one strict reader and the control total in the file's metadata. Doesn't belong here:
what columns mean; GA4's nested export (ga4.py).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchproof.sources.faults import StructuralFaultError

_MAGIC = b"PAR1"


def read_parquet_records(
    content: bytes, columns: Sequence[str], *, control_total: str | None, limit: int
) -> pa.Table:
    """Read a Parquet file into text columns, in the order of `columns`.

    Dates become `YYYY-MM-DD`, moments `YYYY-MM-DDTHH:MM:SS` in UTC, decimals keep their digits; a
    null is an empty text.

    Args:
        content: The file.
        columns: Expected columns; the file has no more and no less.
        control_total: Metadata key that says how many rows there are, if any.
        limit: Most bytes that its columns may unpack to.

    Raises:
        StructuralFaultError: Why the file can't be read.
    """
    if not content:
        raise StructuralFaultError("empty_file", rows_in=0)
    if not (content.startswith(_MAGIC) and content.endswith(_MAGIC)):
        raise StructuralFaultError("damaged_parquet")
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        metadata = file.metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        if sum(group.total_byte_size for group in groups) > limit:
            raise StructuralFaultError("too_large_unpacked")
        _require_columns(file.schema_arrow, columns)
        table = file.read(columns=list(columns))
    except (pa.ArrowException, OSError, ValueError):
        raise StructuralFaultError("damaged_parquet") from None
    if control_total is not None:
        told = (file.schema_arrow.metadata or {}).get(control_total.encode(), b"")
        if told != str(table.num_rows).encode():
            raise StructuralFaultError("control_total", rows_in=table.num_rows)
    if table.num_rows == 0:
        raise StructuralFaultError("no_data_rows", rows_in=0)
    return pa.table({name: _text(table.column(name), name) for name in columns})


def _require_columns(schema: pa.Schema, columns: Sequence[str]) -> None:
    if sorted(schema.names) != sorted(columns):
        missing = [column for column in columns if column not in schema.names]
        raise StructuralFaultError("wrong_header", column=", ".join(missing) or None)


def _text(column: pa.ChunkedArray[Any], name: str) -> Any:
    kind = column.type
    texts: Any = column
    if pa.types.is_timestamp(kind):
        seconds: Any = column.cast(pa.timestamp("s"), safe=False)
        texts = pc.strftime(seconds, format="%Y-%m-%dT%H:%M:%S")
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise StructuralFaultError("wrong_type", column=name, shape=str(kind))
    else:
        texts = column.cast(pa.string())
    return pc.fill_null(texts, "")
