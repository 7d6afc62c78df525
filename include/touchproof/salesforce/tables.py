"""Rows in files: what a push reads, plans and sends is never held in memory whole.

Belongs here: a run of rows of a Parquet file, counted, narrowed and streamed in order; the folder
that a push works in; fetching small typed results. Doesn't belong here: any rule.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from touchproof.file_lock import file_lock, open_lock
from touchproof.settings import Settings
from touchproof.warehouse import connect_scratch

BATCH_ROWS = 10_000
_LOCK = "lock"
_PUSH_FOLDER: ContextVar[Path | None] = ContextVar("push_folder", default=None)
_FORMAT = f"format parquet, compression lz4, row_group_size {2 * BATCH_ROWS}"


@dataclass(frozen=True)
class Rows:
    """Hold a run of the rows of a Parquet file, in the file's order.

    Args:
        path: The file; it doesn't change as long as its rows are in use.
        start: The run's first row, counted from 0.
        num_rows: How many rows it has.
        column_names: The file's columns.
    """

    path: Path
    start: int
    num_rows: int
    column_names: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Rows:
        """Return all rows of a file."""
        # One file a read: pyarrow would take the folder names of a path for partition columns.
        with pq.ParquetFile(path) as file:
            return cls(path, 0, file.metadata.num_rows, tuple(file.schema_arrow.names))

    @classmethod
    def write(cls, path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> Rows:
        """Write a file table by table and return its rows; the next one is made meanwhile."""
        with (
            pq.ParquetWriter(
                path, schema, compression="lz4", use_dictionary=False, write_statistics=False
            ) as writer,
            ThreadPoolExecutor(1) as pool,
        ):
            writing: Future[None] | None = None
            for table in tables:
                if writing is not None:
                    writing.result()
                writing = pool.submit(writer.write_table, table)
            if writing is not None:
                writing.result()
        return cls.of(path)

    @classmethod
    def query(cls, path: Path, connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
        """Write the rows of a query to a file, in its order, and return them."""
        connection.execute(f"copy ({sql}) to {quoted(path)} ({_FORMAT})")
        return cls.of(path)

    @property
    def sql(self) -> str:
        """Return the rows as DuckDB reads them; in their order only where nothing joins them."""
        if (self.start, self.num_rows) == (0, self._in_file):
            return f"read_parquet({quoted(self.path)}, hive_partitioning = false)"
        return f"(select * exclude (file_row_number) from ({self._numbered}))"  # noqa: S608

    def slice(self, start: int, count: int) -> Rows:
        """Return at most `count` rows from the row `start` of this run on."""
        left = max(self.num_rows - start, 0)
        return Rows(self.path, self.start + start, min(count, left), self.column_names)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, at most `BATCH_ROWS` at a time."""
        skipped, left = self.start, self.num_rows
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            groups: list[int] = []
            for number in range(file.num_row_groups):
                size = file.metadata.row_group(number).num_rows
                if not groups and skipped >= size:
                    skipped -= size
                else:
                    groups.append(number)
            names = None if columns is None else list(columns)
            for batch in file.iter_batches(BATCH_ROWS, groups, names, use_threads=False):
                if left <= 0:
                    return
                taken = batch.slice(skipped, left)
                skipped = max(skipped - batch.num_rows, 0)
                left -= taken.num_rows
                if taken.num_rows:
                    yield taken

    def column(self, name: str) -> pa.ChunkedArray[Any]:
        """Return one column, in memory."""
        columns = [batch.column(0) for batch in self.batches([name])]
        return pa.chunked_array(columns, self.schema.field(name).type)

    def to_table(self) -> pa.Table:
        """Return all rows, in memory; for a few of them."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return all rows as dictionaries; for a few of them."""
        rows: list[dict[str, Any]] = self.to_table().to_pylist()
        return rows

    def aggregate(self, expressions: str) -> tuple[Any, ...]:
        """Return what some aggregates say of the rows."""
        with scratch(self.path.parent) as connection:
            return fetch_row(connection, f"select {expressions} from {self.sql}")  # noqa: S608

    def only(self, column: str, names: Collection[str]) -> Rows:
        """Return the rows that have one of these names there."""
        condition = f"{column} in (select name from named)"  # noqa: S608
        return self.where(condition, named=names_table(names))

    def without(self, names: Collection[str], *columns: str) -> Rows:
        """Return the rows that have none of these names in any of the columns."""
        is_free = " and ".join(
            f"not exists (select 1 from named where name = r.{column})"  # noqa: S608
            for column in columns
        )
        return self.where(is_free, named=names_table(names))

    def where(self, condition: str, **tables: pa.Table) -> Rows:
        """Return the rows for which a condition of SQL holds, in order; in a file of their own.

        Args:
            condition: It may name the rows as `r`.
            tables: Tables that it names.
        """
        with scratch(self.path.parent) as connection:
            for name, table in tables.items():
                connection.register(name, table)
            sql = (
                f"select file_row_number from ({self._numbered}) as r "  # noqa: S608
                f"where {condition} order by file_row_number"
            )
            numbers = connection.sql(sql).to_arrow_table().column(0)
        return Rows.write(fresh_path(self.path), self._taken(numbers), self.schema)

    def _taken(self, numbers: pa.ChunkedArray[Any]) -> Iterator[pa.Table]:
        """Yield the rows of these numbers; DuckDB's joins would lose the order."""
        kept = numbers.to_numpy()
        first = self.start
        for batch in self.batches():
            begin, end = np.searchsorted(kept, (first, first + batch.num_rows))
            yield pa.Table.from_batches([batch.take(pa.array(kept[begin:end] - first))])
            first += batch.num_rows

    @property
    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""
        return pq.read_schema(self.path)

    @property
    def _numbered(self) -> str:
        last = self.start + self.num_rows - 1
        return (
            f"select * from read_parquet({quoted(self.path)}, hive_partitioning = false, "  # noqa: S608
            f"file_row_number = true) where file_row_number between {self.start} and {last}"
        )

    @property
    def _in_file(self) -> int:
        return pq.read_metadata(self.path).num_rows


def names_table(names: Collection[str]) -> pa.Table:
    """Return some names as a table of one column, `name`, that `Rows.where` can look them up in."""
    return pa.table({"name": pa.array(sorted(names), pa.string())})


def count_distinct(column: str, parts: Sequence[Rows]) -> int:
    """Return how many different values a column has in all these rows, of one folder."""
    if len(parts) == 1:
        return int(parts[0].aggregate(f"count(distinct {column})")[0])
    named = " union ".join(f"select {column} from {rows.sql}" for rows in parts)  # noqa: S608
    with scratch(parts[0].path.parent) as connection:
        return int(fetch_row(connection, f"select count({column}) from ({named})")[0])  # noqa: S608


def scratch(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a connection for work on files; it alone sees its temporary tables and views.

    All of a push share one database, its memory and its folder: a new one costs 20 ms a question.

    Args:
        folder: Takes what memory doesn't hold, outside of a push.
    """
    return _database(_PUSH_FOLDER.get() or folder).cursor()


@lru_cache(maxsize=2)
def _database(folder: Path) -> duckdb.DuckDBPyConnection:
    return connect_scratch(folder)


def quoted(path: Path) -> str:
    """Return a path as SQL quotes it."""
    text = str(path).replace("'", "''")
    return f"'{text}'"


def fresh_path(path: Path) -> Path:
    """Return a path beside another one that no file has yet."""
    stem = path.stem.partition("~")[0]
    number = 1
    while (found := path.with_name(f"{stem}~{number}.parquet")).exists():
        number += 1
    return found


def fetch_row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """Return the only row of a query, such as one of counts."""
    (row,) = connection.execute(sql).fetchall()  # fetched to the end, or DuckDB stays busy
    return tuple(row)


@contextmanager
def push_folder(settings: Settings) -> Iterator[Path]:
    """Hold a folder for the files of one push, which are gone afterwards.

    What a killed process left is removed by the next one.
    """
    root = settings.paths.push
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as held:
        # Or a folder could be taken for a left one before it has its own lock.
        with file_lock(root / _LOCK):
            for left in root.iterdir():
                if left.is_dir():
                    _remove_if_left(left)
            folder = Path(tempfile.mkdtemp(prefix="push-", dir=root))
            held.enter_context(file_lock(folder / _LOCK))
        token = _PUSH_FOLDER.set(folder)
        # Arrow's own pool keeps what it has freed, which is a tenth of a large push's memory.
        pool = pa.default_memory_pool()
        pa.set_memory_pool(pa.system_memory_pool())
        try:
            yield folder
        finally:
            pa.set_memory_pool(pool)
            _PUSH_FOLDER.reset(token)
            _database.cache_clear()
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Remove the folder of a process that is gone: its lock went with it."""
    try:
        lock = open_lock(folder / _LOCK)
    except FileNotFoundError:  # its own process is just removing it
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
    shutil.rmtree(folder, ignore_errors=True)
