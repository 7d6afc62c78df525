"""Files with the same bytes for the same content.

Belongs here: CSV, gzip, JSON and Parquet without clocks or random parts, written so that a reader
sees the whole file or none. Doesn't belong here: what stands in them.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step; its folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def gzip_bytes(content: bytes) -> bytes:
    """Compress without a time stamp or file name."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]], *, delimiter: str = ",") -> str:
    """Format rows as CSV with line feeds; None becomes empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def json_bytes(content: Any, *, indent: int | None = None) -> bytes:
    """Format JSON as UTF-8 with keys in the order given."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(content, ensure_ascii=False, indent=indent, separators=separators).encode()


def parquet_bytes(table: pa.Table) -> bytes:
    """Format a table as one Parquet row group set with zstd pages."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())
