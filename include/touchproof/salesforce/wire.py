"""The wire: a plan's rows as the CSV files of Bulk API 2.0 jobs.

Belongs here: encoding, and splitting by the bytes that really go out. Doesn't belong here: which
rows and values (plan.py), the requests (client.py).
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pa_csv

from touchproof.errors import SalesforceError
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.tables import Rows

MAX_JOB_BYTES = 100_000_000
"""Raw CSV that one job takes."""


@dataclass(frozen=True)
class JobSize:
    """Say how large a job's CSV is, its header included."""

    rows: int
    bytes: int
    characters: int


@dataclass(frozen=True)
class Chunk:
    """Pair the rows of one job with the file of their CSV: UTF-8, LF, header of API names."""

    group: PlanGroup
    rows: Rows
    path: Path
    size: JobSize
    sha256: str


@dataclass(frozen=True)
class _Piece:
    """Hold the CSV of some rows, with the header where they begin a job."""

    begins: bool
    rows: int
    content: bytes


def job_sizes(group: PlanGroup, *, max_bytes: int = MAX_JOB_BYTES) -> Iterator[JobSize]:
    """Yield what `job_chunks` would make of a group, without making it."""
    size: JobSize | None = None
    for piece in _pieces(group, max_bytes):
        if piece.begins and size is not None:
            yield size
            size = None
        size = _larger(size, piece)
    if size is not None:
        yield size


def job_chunks(group: PlanGroup, *, max_bytes: int = MAX_JOB_BYTES) -> Iterator[Chunk]:
    """Cut a group into jobs of at most `max_bytes` encoded bytes, rows in order.

    An empty cell leaves its field alone; `#N/A` clears it. The file of a job lies beside the
    group's rows, until the next job is asked for.

    Raises:
        SalesforceError: If a single row is larger than a job may be.
    """
    path = group.rows.path.with_suffix(".csv")
    start = number = 0

    def job_of(piece: _Piece) -> int:
        nonlocal number
        number += piece.begins
        return number

    for _, pieces in groupby(_pieces(group, max_bytes), job_of):
        size, sha256 = _write_job(path, pieces)
        yield Chunk(group, group.rows.slice(start, size.rows), path, size, sha256)
        path.unlink()
        start += size.rows


def narrowed(chunk: Chunk, rows: Rows) -> Chunk:
    """Return the job of a chunk with fewer rows or cells, at least one; its file is rewritten."""
    # Its rows had room; cut into other pieces they may be quoted otherwise, by a few bytes.
    pieces = _pieces(replace(chunk.group, rows=rows), sys.maxsize)
    size, sha256 = _write_job(chunk.path, pieces)
    return replace(chunk, rows=rows, size=size, sha256=sha256)


def _write_job(path: Path, pieces: Iterable[_Piece]) -> tuple[JobSize, str]:
    """Write the pieces of one job; return how large it is, and its SHA-256."""
    size = JobSize(0, 0, 0)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece.content)
            digest.update(piece.content)
            size = _larger(size, piece)
    return size, digest.hexdigest()


def _pieces(group: PlanGroup, max_bytes: int) -> Iterator[_Piece]:
    """Yield a group's CSV piece by piece, each job filled as far as it may be."""
    header = _header(group)
    size = 0
    for batch in group.rows.batches(_columns(group)):
        left = batch
        while left.num_rows:
            rows = left
            content = _encode(group, rows)
            room = max_bytes - (size or len(header))
            while len(content) > room and rows.num_rows > 1:
                rows = rows.slice(0, rows.num_rows // 2)
                content = _encode(group, rows)
            if len(content) <= room:
                begins = not size
                piece = _Piece(begins, rows.num_rows, header + content if begins else content)
                size += len(piece.content)
                left = left.slice(rows.num_rows)
                yield piece
            elif size:
                size = 0
            else:
                raise SalesforceError(
                    "One record is larger than a job may be",
                    where=group.name,
                    todo="Shorten the field values in the sync model.",
                )


def _larger(size: JobSize | None, piece: _Piece) -> JobSize:
    known = size or JobSize(0, 0, 0)
    return JobSize(
        known.rows + piece.rows,
        known.bytes + len(piece.content),
        known.characters + len(piece.content.decode()),
    )


def _header(group: PlanGroup) -> bytes:
    return ",".join((group.key_field, *group.fields)).encode() + b"\n"


def _columns(group: PlanGroup) -> tuple[str, ...]:
    key = "salesforce_id" if group.operation == "update" else "record_key"
    return (key, *group.fields)


def _encode(group: PlanGroup, rows: pa.RecordBatch) -> bytes:
    ordered = rows.select(list(_columns(group)))
    try:
        return _write(ordered, "none")
    except pa.ArrowInvalid:  # a comma, quote or line end somewhere; Arrow then quotes every text
        return _write(ordered, "needed")


def _write(rows: pa.RecordBatch, quoting: Literal["none", "needed"]) -> bytes:
    buffer = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=False, quoting_style=quoting)
    pa_csv.write_csv(rows, buffer, options)
    return buffer.getvalue()
