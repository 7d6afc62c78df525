"""Small helpers for Arrow tables that come out of an in-memory DuckDB.

Belongs here: fetching typed results. Doesn't belong here: any rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa


def fetch_table(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> pa.Table:
    """Return the rows of a query as an Arrow table."""
    table: pa.Table = connection.sql(sql, params=list(parameters)).to_arrow_table()
    assert table is not None  # noqa: S101  a select always has a result
    return table


def fetch_row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """Return the only row of a query, such as one of counts."""
    (row,) = connection.execute(sql).fetchall()  # fetched to the end, or DuckDB stays busy
    return tuple(row)
