"""Load: carry accepted batches from landing into the warehouse's schema `raw`.

Belongs here: the raw tables, which batch of a window counts, and the bookkeeping table
`raw._loads`. Doesn't belong here: judging batches (quality/), cleaning or deduplicating (staging).

Each table is one transaction: its windows, rows and bookkeeping change together or not at all, so
a run killed anywhere leaves the old or the new state and the next one goes on. Windows never
vanish; a table that is a snapshot (the ledger's) keeps its newest window only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa

from touchproof.clock import Clock
from touchproof.errors import CheckFailedError
from touchproof.landing import Batch, Landing, Window
from touchproof.quality.suites import suite_of
from touchproof.quality.verdict import Verdict, read_verdict
from touchproof.settings import Settings
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.registry import entities
from touchproof.warehouse import connect_warehouse, warehouse_lock

logger = logging.getLogger(__name__)

_UNGATED = "ungated"


@dataclass(frozen=True)
class TableLoad:
    """Count what one load did to one raw table."""

    source: str
    entity: str
    windows_replaced: int
    rows_loaded: int
    rows_total: int


@dataclass(frozen=True)
class LoadReport:
    """Report one load; `rows_loaded` is 0 when nothing was new."""

    night: date
    windows_replaced: int
    rows_loaded: int
    rows_total: int
    tables: tuple[TableLoad, ...]


@dataclass(frozen=True)
class _Accepted:
    """Pair a window's accepted batch with its verdict; None where nothing is judged."""

    batch: Batch
    verdict: Verdict | None
    verdict_sha256: str

    @property
    def rows(self) -> int:
        return self.verdict.rows_loaded if self.verdict else self.batch.manifest.rows


def load_batches(
    settings: Settings,
    night: date,
    clock: Clock,
    *,
    on_wait: Callable[[str], None] | None = None,
) -> LoadReport:
    """Replace every window whose newest accepted batch isn't the loaded one.

    Args:
        settings: Settings of the world.
        night: The night that loads; `raw._loads` remembers it.
        clock: Tells the moment of loading.
        on_wait: Called with a sentence when another step holds the warehouse.

    Raises:
        LockTimeoutError: If the warehouse stays held.
        CheckFailedError: If a table's rows aren't those that the verdicts promise.
    """
    landing = Landing(settings.paths.landing)
    paths = settings.paths
    tables = []
    with warehouse_lock(
        paths.warehouse_lock,
        "load",
        timeout_seconds=settings.lock_timeout_seconds,
        on_wait=on_wait,
    ):
        connection = connect_warehouse(paths.warehouse)
        try:
            _create_bookkeeping(connection)
            for entity in entities():
                tables.append(_load_entity(connection, landing, entity, night, clock()))
        finally:
            connection.close()
    report = LoadReport(
        night,
        sum(table.windows_replaced for table in tables),
        sum(table.rows_loaded for table in tables),
        sum(table.rows_total for table in tables),
        tuple(tables),
    )
    logger.info(
        "load night %s: %s windows, %s rows", night, report.windows_replaced, report.rows_loaded
    )
    return report


def _create_bookkeeping(connection: duckdb.DuckDBPyConnection) -> None:
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


def _load_entity(
    connection: duckdb.DuckDBPyConnection,
    landing: Landing,
    entity: EntityDefinition,
    night: date,
    moment: datetime,
) -> TableLoad:
    accepted = _accepted(landing, entity)
    connection.execute("begin transaction")
    try:
        _create_table(connection, entity)
        loaded = _loaded(connection, entity)
        due = [
            item
            for window, item in accepted.items()
            if loaded.get(window) != (item.batch.manifest.batch, item.verdict_sha256)
        ]
        gone = [window for window in loaded if entity.is_snapshot and window not in accepted]
        if due or gone:
            replaced = [item.batch.window for item in due if item.batch.window in loaded]
            _delete(connection, entity, [*replaced, *gone])
        if due:
            _insert(connection, entity, due)
            _check(connection, entity, due)
            _remember(connection, entity, due, night, moment)
        total = _one(connection, f"select count(*) from {_table(entity)}")  # noqa: S608  (own names)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return TableLoad(
        entity.source, entity.entity, len(due), sum(item.rows for item in due), int(total)
    )


def _accepted(landing: Landing, entity: EntityDefinition) -> dict[Window, _Accepted]:
    """Return each window's newest batch that the gate let pass; snapshots have one window."""
    newest = landing.newest(entity.source, entity.entity)
    if entity.is_snapshot:
        newest = dict(list(newest.items())[-1:])
    found = {}
    for window, batch in newest.items():
        if suite_of(entity.source, entity.entity) is None:
            found[window] = _Accepted(batch, None, _UNGATED)
            continue
        item = _passed(batch)
        if item is None:  # refused or not judged yet: an older batch of the window stays
            older = landing.of_window(entity.source, entity.entity, window)[:-1]
            item = next(filter(None, map(_passed, reversed(older))), None)
        if item is not None:
            found[window] = item
    return found


def _passed(batch: Batch) -> _Accepted | None:
    judged = read_verdict(batch)
    if judged is None or judged[0].status == "refused":
        return None
    return _Accepted(batch, judged[0], judged[1])


def _create_table(connection: duckdb.DuckDBPyConnection, entity: EntityDefinition) -> None:
    """Create the raw table, or add the columns that the schema gained since."""
    connection.register("declared", entity.raw_schema.empty_table())
    try:
        connection.execute(f"create table if not exists {_table(entity)} as from declared limit 0")
        existing = {row[0] for row in connection.execute(f"describe {_table(entity)}").fetchall()}
        for name, kind, *_ in connection.execute("describe from declared").fetchall():
            if name not in existing:
                connection.execute(f'alter table {_table(entity)} add column "{name}" {kind}')
    finally:
        connection.unregister("declared")


def _loaded(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition
) -> dict[Window, tuple[str, str]]:
    rows = connection.execute(
        "select window_start, window_end, batch_id, verdict_sha256 from raw._loads "
        "where source = ? and entity = ?",
        [entity.source, entity.entity],
    ).fetchall()
    return {Window(start, end): (batch, verdict) for start, end, batch, verdict in rows}


def _delete(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition, windows: Sequence[Window]
) -> None:
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
        f"delete from {_table(entity)} using replaced "  # noqa: S608  (own names)
        "where _window_start = replaced.window_start and _window_end = replaced.window_end"
    )
    connection.execute(
        "delete from raw._loads using replaced where source = ? and entity = ? "
        "and _loads.window_start = replaced.window_start "
        "and _loads.window_end = replaced.window_end",
        [entity.source, entity.entity],
    )
    connection.unregister("replaced")


def _insert(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition, due: Sequence[_Accepted]
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
    connection.register("files", _files_table(files))
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
        insert into {_table(entity)} by name
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


def _left_out_files(item: _Accepted) -> set[str]:
    return {file.part for file in item.verdict.excluded_files} if item.verdict else set()


def _files_table(files: Sequence[tuple[str, _Accepted]]) -> pa.Table:
    batches = [item.batch for _, item in files]
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


def _left_out_rows(due: Sequence[_Accepted]) -> pa.Table:
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


def _check(
    connection: duckdb.DuckDBPyConnection, entity: EntityDefinition, due: Sequence[_Accepted]
) -> None:
    """Compare each window's rows with what its verdict promises."""
    counted = {
        Window(start, end): count
        for start, end, count in connection.execute(
            f"select _window_start, _window_end, count(*) from {_table(entity)} group by all"  # noqa: S608
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


def _remember(
    connection: duckdb.DuckDBPyConnection,
    entity: EntityDefinition,
    due: Sequence[_Accepted],
    night: date,
    moment: datetime,
) -> None:
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


def _table(entity: EntityDefinition) -> str:
    return f'raw."{entity.raw_table}"'


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
