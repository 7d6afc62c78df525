"""One read-only query of the published file, and its three output formats.

Belongs here: what `touchproof sql` does: hardening, running, and writing table, CSV (RFC 4180) or
JSON. Doesn't belong here: the command line itself (cli_sql.py), the shape of the marts (dbt).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from touchproof.errors import BadInputError
from touchproof.settings import Settings

if TYPE_CHECKING:
    import duckdb

FETCH_ROWS = 10_000
TABLE_ROWS = 2_000
"""A table is for eyes: more rows than this are cut off, and the foot says so."""

_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")


@dataclass(frozen=True)
class QueryResult:
    """Hold an open result: column names, DuckDB types, and rows in fetches of `FETCH_ROWS`."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def query(settings: Settings, sql: str) -> Iterator[QueryResult]:
    """Run one statement on the published file, without reach to other files or settings.

    Raises:
        BadInputError: If nothing is published, or the statement isn't one query that works.
    """
    import duckdb

    from touchproof.warehouse import connect_published

    connection = connect_published(settings.paths.published)
    try:
        connection.execute("set schema = 'marts'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        statement = _one_statement(connection, sql)
        try:
            connection.execute(statement)
            columns = tuple(column[0] for column in connection.description or ())
            types = tuple(str(column[1]) for column in connection.description or ())
            yield QueryResult(columns, types, _fetch(connection))
        except duckdb.Error as error:
            raise _refused(error) from None
    finally:
        connection.close()


def write_csv(result: QueryResult, out: IO[str]) -> None:
    """Write RFC 4180: header, CRLF, quotes where needed; NULL is empty, an empty text is `""`."""
    out.write(",".join(_csv_field(name) for name in result.columns) + "\r\n")
    for row in result.rows:
        out.write(",".join(_csv_field(_text(value)) for value in row) + "\r\n")


def write_json(result: QueryResult, out: IO[str]) -> None:
    """Write an array of objects; DECIMAL is a string, times end in Z, NaN and infinity are null."""
    out.write("[")
    for number, row in enumerate(result.rows):
        content = {name: _json(value) for name, value in zip(result.columns, row, strict=True)}
        out.write(("," if number else "") + "\n" + json.dumps(content, ensure_ascii=False))
    out.write("\n]\n")


def write_table(result: QueryResult, out: IO[str]) -> None:
    """Write an aligned table for eyes, numbers to the right, with a row count at its foot."""
    rows: list[list[str]] = []
    more = False
    for row in result.rows:
        if len(rows) == TABLE_ROWS:
            more = True
            break
        rows.append(["" if value is None else _one_line(_text(value) or "") for value in row])
    numeric = [
        any(number in kind for number in _NUMBERS) and "[" not in kind for kind in result.types
    ]
    widths = [
        max([len(name), *(len(row[place]) for row in rows)])
        for place, name in enumerate(result.columns)
    ]
    out.write(_line(result.columns, widths, numeric))
    out.write("  ".join("─" * width for width in widths) + "\n")
    for cells in rows:
        out.write(_line(cells, widths, numeric))
    count = f"the first {len(rows):,} rows" if more else f"{len(rows):,} rows"
    out.write(f"({'1 row' if len(rows) == 1 and not more else count})\n")


FORMATS: dict[str, Callable[[QueryResult, IO[str]], None]] = {
    "table": write_table,
    "csv": write_csv,
    "json": write_json,
}


def _one_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    import duckdb

    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise _refused(error) from None
    if len(statements) != 1:
        raise BadInputError(
            f"Give one statement, not {len(statements)}", todo='E.g. "select * from dim_campaigns".'
        )
    return statements[0]


def _refused(error: Exception) -> BadInputError:
    told = " ".join(str(error).split("\n\n")[0].split())
    return BadInputError(
        f"The query doesn't work: {told.rstrip('.')}", where="published warehouse, schema marts"
    )


def _fetch(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    if connection.description is None:
        return
    while rows := connection.fetchmany(FETCH_ROWS):
        yield from rows


def _text(value: object) -> str | None:
    """Return one value as text, the same in table and CSV; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(_json(value), ensure_ascii=False)
    if isinstance(value, float):
        return repr(value)
    plain = _json(value)
    return plain if isinstance(plain, str) else str(plain)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, (date, time_of_day)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return value


def _csv_field(value: str | None) -> str:
    if value is None:
        return ""
    if value == "" or any(character in value for character in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _is_number(kind: str) -> bool:
    return (
        "[" not in kind
        and "(" not in kind.removeprefix("DECIMAL(")
        and any(name in kind for name in _NUMBERS)
    )


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\t", " ")


def _line(cells: Sequence[str], widths: Sequence[int], to_the_right: Sequence[bool]) -> str:
    placed = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, to_the_right, strict=True)
    ]
    return "  ".join(placed).rstrip() + "\n"
