"""The wire: a plan's rows as the CSV files of Bulk API 2.0 jobs.

Belongs here: encoding, and splitting by the bytes that really go out. Doesn't belong here: which
rows and values (plan.py), the requests (client.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pa_csv

from touchproof.errors import SalesforceError
from touchproof.salesforce.compare import PlanGroup

MAX_JOB_BYTES = 100_000_000
"""Raw CSV that one job takes."""

_SLICE_ROWS = 10_000


@dataclass(frozen=True)
class Chunk:
    """Pair the rows of one job with their CSV: UTF-8, LF, header of API names."""

    group: PlanGroup
    rows: pa.Table
    content: bytes


def job_chunks(group: PlanGroup, *, max_bytes: int = MAX_JOB_BYTES) -> Iterator[Chunk]:
    """Cut a group into jobs of at most `max_bytes` encoded bytes, rows in order.

    An empty cell leaves its field alone; `#N/A` clears it.

    Raises:
        SalesforceError: If a single row is larger than a job may be.
    """
    header = _header(group)
    start = taken = 0
    pieces: list[bytes] = []
    size = len(header)
    while start + taken < group.rows.num_rows:
        rows = group.rows.slice(start + taken, _SLICE_ROWS)
        piece = _encode(group, rows)
        while size + len(piece) > max_bytes and rows.num_rows > 1:
            rows = rows.slice(0, rows.num_rows // 2)
            piece = _encode(group, rows)
        if size + len(piece) <= max_bytes:
            pieces.append(piece)
            size += len(piece)
            taken += rows.num_rows
            continue
        if not pieces:
            raise SalesforceError(
                "One record is larger than a job may be",
                where=group.name,
                todo="Shorten the field values in the sync model.",
            )
        yield Chunk(group, group.rows.slice(start, taken), header + b"".join(pieces))
        start, taken, pieces, size = start + taken, 0, [], len(header)
    if taken:
        yield Chunk(group, group.rows.slice(start, taken), header + b"".join(pieces))


def _header(group: PlanGroup) -> bytes:
    return ",".join((group.key_field, *group.fields)).encode() + b"\n"


def _encode(group: PlanGroup, rows: pa.Table) -> bytes:
    key = rows.column("salesforce_id" if group.operation == "update" else "record_key")
    table = pa.table(
        [key, *(rows.column(field) for field in group.fields)],
        names=[group.key_field, *group.fields],
    )
    try:
        return _write(table, "none")
    except pa.ArrowInvalid:  # a comma, quote or line end somewhere; Arrow then quotes every text
        return _write(table, "needed")


def _write(table: pa.Table, quoting: Literal["none", "needed"]) -> bytes:
    buffer = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=False, quoting_style=quoting)
    pa_csv.write_csv(table, buffer, options)
    return buffer.getvalue()
