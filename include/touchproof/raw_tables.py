"""The warehouse's schema `raw`: its tables and the SQL that fills them.

Belongs here: creating a raw table, replacing windows of it, the bookkeeping table `raw._loads`.
Doesn't belong here: which batch of a window counts (load.py).

All functions work on an open connection; the transaction is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa

from touchproof.errors import CheckFailedError
from touchproof.landing import Batch, Window
from touchproof.quality.verdict import Verdict
from touchproof.sources.definition import EntityDefinition


@dataclass(frozen=True)
class AcceptedBatch:
    """Pair a window's accepted batch with its verdict; None where nothing is judged."""

    batch: Batch
    verdict: Verdict | None
    verdict_sha256: str

    @property
    def rows(self) -> int:
        """Return how many of its rows may be loaded."""
        return self.verdict.rows_loaded if self.verdict else self.batch.manifest.rows


def create_bookkeeping(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schema and the table that remembers which batch of each window is loaded."""
    connection.execute("create schema if not exists raw")
    connection.execute(
        """
        create table if not exists raw._loads (
            source varchar not null,
            entity varchar not null,
            window_start date not null,
            window_end date not null,
            batch_id varchar not null,
            verdict_sha256 varchar not null,
            rows bigint not null,
            night date not null,
            loaded_at timestamp not null
        )
        """
    )


def create_table(connection: duckdb.DuckDBPyConnection, entity: EntityDefinition) -> None:
    """Create the raw table, or add the columns that the schema gained since.

    Never inside the transaction that fills it: DuckDB 2.0 shows no rows of a large insert into a
    table that the same transaction made by `create table … as … limit 0` (until it is reopened).
    """
    connection.register("declared", entity.raw_schema.empty_table())
    try:
        connection.execute(
            f"create table if not exists {raw_table(entity)} as from declared limit 0"
        )
        existing = {
            row[0] for row in connection.execute(f"describe {raw_table(entity)}").fetchall()
        }
        for name, kind, *_ in connection.execute("describe from declared").fetchall():
            if name not in existing:
                connection.execute(f'alter table {raw_table(entity)} add column "{name}" {kind}')
    finally:
        connection.unregister("declared")


def loaded_windows(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition
) -> dict[Window, tuple[str, str]]:
    """Return the loaded windows: batch and digest of its verdict."""
    rows = connection.execute(
        "select window_start, window_end, batch_id, verdict_sha256 from raw._loads "
        "where source = ? and entity = ?",
        [entity.source, entity.entity],
    ).fetchall()
    return {Window(start, end): (batch, verdict) for start, end, batch, verdict in rows}


def delete_windows(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition, windows: Sequence[Window]
) -> None:
    """Delete the rows and the bookkeeping of some windows."""
    if not windows:
        return
    connection.register(
        "replaced",
        pa.table(
            {
                "window_start": pa.array([window.start for window in windows], pa.date32()),
                "window_end": pa.array([window.end for window in windows], pa.date32()),
            }
        ),
    )
    connection.execute(
        f"delete from {raw_table(entity)} using replaced "  # noqa: S608  (own names)
        "where _window_start = replaced.window_start and _window_end = replaced.window_end"
    )
    connection.execute(
        "delete from raw._loads using replaced where source = ? and entity = ? "
        "and _loads.window_start = replaced.window_start "
        "and _loads.window_end = replaced.window_end",
        [entity.source, entity.entity],
    )
    connection.unregister("replaced")


def insert_batches(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition, due: Sequence[AcceptedBatch]
) -> None:
    """Insert the accepted rows of all due batches with one read of all their files."""
    files = [
        (str(item.batch.path / part.name), item)
        for item in due
        for part in item.batch.manifest.parts
        if part.rows and part.name not in _left_out_files(item)
    ]
    if not files:
        return
    connection.register("files", files_table([(path, item.batch) for path, item in files]))
    connection.register("left_out", _left_out_rows(due))
    paths = [path for path, _ in files]
    source = (
        "read_parquet($paths, filename = true, union_by_name = true, hive_partitioning = false)"
    )
    present = {
        row[0] for row in connection.execute(f"describe from {source}", {"paths": paths}).fetchall()
    }
    columns = [name for name in (*entity.schema.names, "_file", "_row") if name in present]
    chosen = ", ".join(f'landed."{name}"' for name in columns)
    connection.execute(
        f"""
        insert into {raw_table(entity)} by name
        select
            {chosen},
            files._batch_id,
            files._window_start,
            files._window_end,
            files._landed_at
        from {source} as landed
        inner join files on landed.filename = files.path
        where not exists (
            select 1 from left_out
            where left_out.path = landed.filename and left_out.row_number = landed._row
        )
        """,  # noqa: S608  (own names)
        {"paths": paths},
    )
    connection.unregister("files")
    connection.unregister("left_out")


def _left_out_files(item: AcceptedBatch) -> set[str]:
    return {file.part for file in item.verdict.excluded_files} if item.verdict else set()


def files_table(files: Sequence[tuple[str, Batch]]) -> pa.Table:
    """Return the files of batches with what every row of theirs carries."""
    batches = [batch for _, batch in files]
    landed_at = [
        datetime.fromisoformat(batch.manifest.landed_at).astimezone(UTC).replace(tzinfo=None)
        for batch in batches
    ]
    return pa.table(
        {
            "path": pa.array([path for path, _ in files], pa.string()),
            "_batch_id": pa.array([batch.manifest.batch for batch in batches], pa.string()),
            "_window_start": pa.array([batch.window.start for batch in batches], pa.date32()),
            "_window_end": pa.array([batch.window.end for batch in batches], pa.date32()),
            "_landed_at": pa.array(landed_at, pa.timestamp("us")),
        }
    )


def _left_out_rows(due: Sequence[AcceptedBatch]) -> pa.Table:
    rows = [
        (str(item.batch.path / row.part), row.row)
        for item in due
        if item.verdict
        for row in item.verdict.excluded_rows
    ]
    return pa.table(
        {
            "path": pa.array([path for path, _ in rows], pa.string()),
            "row_number": pa.array([row for _, row in rows], pa.int64()),
        }
    )


def check_counts(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition, due: Sequence[AcceptedBatch]
) -> None:
    """Compare each window's rows with what its verdict promises."""
    counted = {
        Window(start, end): count
        for start, end, count in connection.execute(
            f"select _window_start, _window_end, count(*) from {raw_table(entity)} group by all"  # noqa: S608
        ).fetchall()
    }
    for item in due:
        found = counted.get(item.batch.window, 0)
        if found != item.rows:
            raise CheckFailedError(
                f"{found} rows were loaded where the verdict promises {item.rows}",
                where=f"raw.{entity.raw_table}, window {item.batch.window.name}, "
                f"batch {item.batch.manifest.batch}",
                todo="The warehouse is unchanged; check the batch's files against its manifest.",
            )


def remember_loads(
    connection: duckdb.DuckDBPyConnection,
    entity: EntityDefinition,
    due: Sequence[AcceptedBatch],
    night: date,
    moment: datetime,
) -> None:
    """Remember the loaded batches."""
    count = len(due)
    loaded_at = moment.astimezone(UTC).replace(tzinfo=None)
    windows = [item.batch.window for item in due]
    connection.register(
        "loads",
        pa.table(
            {
                "source": pa.array([entity.source] * count, pa.string()),
                "entity": pa.array([entity.entity] * count, pa.string()),
                "window_start": pa.array([window.start for window in windows], pa.date32()),
                "window_end": pa.array([window.end for window in windows], pa.date32()),
                "batch_id": pa.array([item.batch.manifest.batch for item in due], pa.string()),
                "verdict_sha256": pa.array([item.verdict_sha256 for item in due], pa.string()),
                "rows": pa.array([item.rows for item in due], pa.int64()),
                "night": pa.array([night] * count, pa.date32()),
                "loaded_at": pa.array([loaded_at] * count, pa.timestamp("us")),
            }
        ),
    )
    connection.execute("insert into raw._loads by name from loads")
    connection.unregister("loads")


def count_rows(connection: duckdb.DuckDBPyConnection, entity: EntityDefinition) -> int:
    """Return how many rows the raw table has."""
    row = connection.execute(f"select count(*) from {raw_table(entity)}").fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def raw_table(entity: EntityDefinition) -> str:
    """Return the quoted name of an entity's raw table."""
    return f'raw."{entity.raw_table}"'
