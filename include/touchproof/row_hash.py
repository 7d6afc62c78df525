"""Row hashes: one number that says whether two tables hold the same rows.

Belongs here: the definition of a row hash and of a table's hash, used by publish, by tests and by
whoever proves a repeated night. Doesn't belong here: which tables are compared, and files' hashes.

Definition. A row's text is the concatenation of its columns in contract order, each as
`<length>:<value as text>` or `-` for null; its hash is md5 of that text. A table's hash is md5 over
its rows' hashes (32 hex digits each), sorted and concatenated: the order of rows doesn't matter,
how often each occurs does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import cast

import duckdb
import pyarrow as pa

from touchproof.errors import BadInputError

LOAD_COLUMNS = frozenset({"landed_at"})
"""Columns that tell when a row reached us, not what it says: they differ between equal worlds."""

_BATCH_ROWS = 100_000


@dataclass(frozen=True)
class TableHash:
    """Count and hash the rows of one table."""

    table: str
    rows: int
    row_hash: str


def quote(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def tables_of(connection: duckdb.DuckDBPyConnection, schema: str) -> tuple[str, ...]:
    """Return the names of a schema's tables and views in the current database, sorted."""
    found = connection.execute(
        "select table_name from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? order by table_name",
        [schema],
    ).fetchall()
    return tuple(name for (name,) in found)


def columns_of(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str
) -> tuple[tuple[str, str], ...]:
    """Return (name, SQL type) of a table's columns in contract order."""
    found = connection.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?"
        " order by ordinal_position",
        [schema, table],
    ).fetchall()
    return tuple((name, kind) for name, kind in found)


def row_text(columns: tuple[tuple[str, str], ...]) -> str:
    """Return the SQL expression of a row's text; nulls and borders can't be confused."""
    parts = []
    for name, _ in columns:
        value = f"{quote(name)}::varchar"
        parts.append(f"coalesce(length({value}) || ':' || {value}, '-')")
    return "concat(" + ", ".join(parts) + ")"


def hash_table(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    table: str,
    without: frozenset[str] = frozenset(),
) -> TableHash:
    """Hash one table.

    Args:
        connection: Open on the file.
        schema: The table's schema.
        table: Its name.
        without: Columns to leave out, such as LOAD_COLUMNS.

    Raises:
        BadInputError: If there is no such table.
    """
    columns = tuple(
        column for column in columns_of(connection, schema, table) if column[0] not in without
    )
    if not columns:
        raise BadInputError(
            "There is no such table to hash", where=f"{schema}.{table}", todo="Build it first."
        )
    query = (
        f"select md5({row_text(columns)}) as row_hash "  # noqa: S608  (names from the catalogue)
        f"from {quote(schema)}.{quote(table)} order by row_hash"
    )
    digest = hashlib.md5(usedforsecurity=False)
    rows = 0
    for batch in connection.sql(query).to_arrow_reader(_BATCH_ROWS):
        digest.update(_joined(batch.column(0)))
        rows += batch.num_rows
    return TableHash(table, rows, digest.hexdigest())


def row_hashes(
    connection: duckdb.DuckDBPyConnection, schema: str, without: frozenset[str] = frozenset()
) -> dict[str, TableHash]:
    """Hash every table of a schema, by table name, `without` some columns."""
    return {
        table: hash_table(connection, schema, table, without)
        for table in tables_of(connection, schema)
    }


def _joined(texts: pa.StringArray) -> bytes:
    """Return the concatenation of an Arrow text column without a null."""
    return "".join(cast("list[str]", texts.to_pylist())).encode()
