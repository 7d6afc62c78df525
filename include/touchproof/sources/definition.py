"""What a source is: its entities, their landing schemas, and the report of an extract.

Belongs here: the frozen descriptions that every source module fills in. Doesn't belong here: the
sources themselves (one module each), the list of all of them (registry.py), reading (extract.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pyarrow as pa

from touchproof.clock import Clock
from touchproof.settings import Settings


def typed_schema(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return a schema of named types."""
    return pa.schema(columns)


def text_schema(*columns: str) -> pa.Schema:
    """Return a schema whose columns are all text."""
    return pa.schema([(column, pa.string()) for column in columns])


LOAD_COLUMNS = typed_schema(
    {
        "_file": pa.string(),
        "_row": pa.int64(),
        "_batch_id": pa.string(),
        "_window_start": pa.date32(),
        "_window_end": pa.date32(),
        "_landed_at": pa.timestamp("us"),
    }
)
"""The columns that every raw table has after those of its source."""


class SourceKind(StrEnum):
    """How rows of a source reach landing."""

    FILES = "files"
    SERVICE = "service"
    LEDGER = "ledger"


Reader = Callable[[Path, int], pa.Table]
"""Read one file into the entity's landing schema, unpacking at most that many bytes.

A reader raises `touchproof.sources.faults.StructuralFaultError` for a file that it can't read."""


@dataclass(frozen=True)
class EntityDefinition:
    """Describe one entity of a source.

    Args:
        source: Source system, e.g. `media`.
        entity: Entity, e.g. `spend`; both together name landing folder and raw table.
        schema: Arrow schema of the landed columns, without `_file` and `_row`.
        key: Columns that name one record of the source.
        file_pattern: Full-match pattern of file names with the group `date` (YYYYMMDD); None
            where the source isn't made of files.
        reader: Reads one file; None where the source isn't made of files.
        is_snapshot: Whether only the newest window counts in the raw table.
    """

    source: str
    entity: str
    schema: pa.Schema
    key: tuple[str, ...]
    file_pattern: re.Pattern[str] | None = None
    reader: Reader | None = None
    is_snapshot: bool = False

    @property
    def raw_table(self) -> str:
        """Name the table in schema `raw`."""
        return f"{self.source}__{self.entity}"

    @property
    def raw_schema(self) -> pa.Schema:
        """Return the columns of the raw table in order."""
        return pa.schema([*self.schema, *LOAD_COLUMNS])


@dataclass(frozen=True)
class ExtractReport:
    """Say what one extract did: counts only.

    Args:
        source: Source system.
        night: The night that was extracted.
        status: `fresh`; a source that doesn't answer raises instead and its DAG says `stale`.
        batches: Batches newly committed.
        rows: Rows in those batches.
        quarantined_files: Files newly quarantined.
        files: Files (or query results) looked at because they were new.
        calls: Calls made to the source that count against an allowance.
        left_out: What the source doesn't give us though the rest landed, a sentence each.
    """

    source: str
    night: date
    status: Literal["fresh"]
    batches: int
    rows: int
    quarantined_files: int
    files: int = 0
    calls: int = 0
    left_out: tuple[str, ...] = ()


Extract = Callable[[date, Settings, Clock, date | None, date | None], ExtractReport]
"""`extract(night, settings, clock, from_, to)` of a source that isn't made of files."""


@dataclass(frozen=True)
class SourceDefinition:
    """Describe one source system.

    Args:
        name: Name in paths, tables and DAGs.
        kind: How its rows reach landing.
        entities: Its entities.
        extract: Its own extract where `kind` is SERVICE.
        title: What people call it.
    """

    name: str
    kind: SourceKind
    entities: tuple[EntityDefinition, ...]
    extract: Extract | None = None
    title: str = ""


def naive_utc(moment: datetime) -> datetime:
    """Return a timezone-aware moment as the naive UTC value that DuckDB's TIMESTAMP holds."""
    return moment.astimezone(UTC).replace(tzinfo=None)
