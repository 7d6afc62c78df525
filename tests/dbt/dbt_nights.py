"""Nights in a row on a planted world: build and publish as a night does, the ledger in between.

Belongs here: what moves from night to night (ledger, published file, warehouse). Doesn't belong
here: raw rows (dbt_world.py, dbt_planted.py) and what the nights must show (the tests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from dbt_planted import Row, plant

from touchproof.ledger.schema import metadata
from touchproof.ledger.store import Ledger
from touchproof.publish import PublishReport, publish
from touchproof.row_hash import LOAD_COLUMNS, row_hashes
from touchproof.settings import Settings
from touchproof.sources.ledger import SOURCE
from touchproof.transform import build

Tables = Mapping[str, Sequence[Row]]


class Nights:
    """Run nights of a world whose raw rows a test makes."""

    def __init__(self, folder: Path, world: str = "tiny") -> None:
        self.settings = Settings(data_dir=folder, world=world)
        self.ledger_rows: dict[date, dict[str, list[Row]]] = {}

    def run(self, night: date, tables: Tables, *, full_refresh: bool = False) -> PublishReport:
        """Build a night from all rows that had arrived by then, and publish it."""
        self.build(night, tables, full_refresh=full_refresh)
        return publish(self.settings, night, lambda: _moment(night))

    def build(self, night: date, tables: Tables, *, full_refresh: bool = False) -> None:
        """Build a night; a repeated one from the ledger as it was before its first publish."""
        rows = self.ledger_rows.setdefault(night, ledger_rows(self.settings))
        plant(self.settings.paths.warehouse, {**rows, **tables})
        build(self.settings, night, full_refresh=full_refresh, with_data_tests=False)

    def rows(self, query: str, *, published: bool = False) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the warehouse, or of the published file."""
        paths = self.settings.paths
        path = paths.published if published else paths.warehouse
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(query).fetchall()

    def hashes(self) -> dict[str, str]:
        """Return the row hash of every built mart, load columns left out."""
        with duckdb.connect(str(self.settings.paths.warehouse), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            found = row_hashes(connection, "marts", LOAD_COLUMNS)
        return {table: mart.row_hash for table, mart in found.items()}


def ledger_rows(settings: Settings) -> dict[str, list[Row]]:
    """Return the ledger's state as the rows that `land_ledger` and load would make of it."""
    ledger = Ledger.of(settings)
    found: dict[str, list[Row]] = {}
    with ledger.reading() as connection:
        for entity in SOURCE.entities:
            table = metadata.tables[entity.entity]
            names = [name for name in entity.schema.names if name in table.c]
            rows = connection.execute(
                table.select().with_only_columns(*(table.c[n] for n in names))
            )
            found[entity.raw_table] = [
                {name: _naive(value) for name, value in row._mapping.items()} for row in rows
            ]
    return found


def landed(rows: Sequence[Row], night: date) -> list[Row]:
    """Return rows as they lie in raw when they arrived in a night."""
    return [{**row, "_window_start": night} for row in rows]


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _moment(night: date) -> datetime:
    day = night + timedelta(days=1)
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
