"""Nights of incremental builds on the tiny world, without publishing: raw rows in, tables out.

Belongs here: what moves from night to night, what a build takes part in, comparing two warehouses.
Doesn't belong here: the events of the nights and what they must show (test_increments.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
from dbt_built import planted_settings
from dbt_planted import Row, plant

from touchproof.closed_months import close_months
from touchproof.ledger.closed_periods import commit_closings
from touchproof.ledger.store import Ledger
from touchproof.row_hash import hash_table, row_hashes
from touchproof.settings import Settings
from touchproof.transform import build

ENDS = (
    "mart_campaign_performance",
    "mart_channel_performance",
    "mart_campaign_cohorts",
    "int_persons_applied",
    "int_conversions_restated",
)
"""The models that matter here; a build of all others would only take longer."""
LAST = date(2026, 7, 1)
"""The night of every build: the rows say what is news."""
FEES = "int_fee_accruals_booked"
"""A month is closed with its fees too, which no person's attribution reaches."""
WITH_SEEDS = (*(f"+{end}" for end in (*ENDS, FEES)), "closed_months")
MODELS = tuple(f"+{end},path:models" for end in (*ENDS, FEES))
INCREMENTS = tuple(f"int_persons_fingerprinted+,+{end}" for end in ENDS)
INCREMENTAL = ("int_credits_computed", "int_persons_fingerprinted")
_PERSON_IDS = "identifier_hmac, person_id"
_FITS = (
    "model_fit_id, attribution_model, training_start_date, training_end_date, data_sha256,"
    " parameters_json, credits_from_date"
)


class Increments:
    """Build night after night in one warehouse, the ledger's persons and fits in between."""

    def __init__(self, folder: Path, tables: dict[str, list[Row]]) -> None:
        self.settings = planted_settings(folder)
        self.tables = tables

    def night(self, assigned: date, select: Sequence[str] = MODELS) -> None:
        """Build a night from the raw rows and keep what a publish would commit."""
        plant(self.settings.paths.warehouse, self.tables)
        build(self.settings, LAST, select=select, with_data_tests=False)
        self._keep("ledger__person_ids", _PERSON_IDS, "int_person_ids_assigned",
                   {"assigned_night": assigned})  # fmt: skip
        self._keep("ledger__model_fits", _FITS, "int_model_fits_applied",
                   {"fitted_at": datetime(2026, 6, 29, 5)})  # fmt: skip

    def _keep(self, table: str, columns: str, model: str, more: Row) -> None:
        new = rows(self.settings, f"select {columns} from intermediate.{model} where is_new")
        names = columns.split(", ")
        self.tables[table] = [
            *self.tables.get(table, ()),
            *(dict(zip(names, row, strict=True)) | more for row in new),
        ]

    def close(self, month: date, night: date) -> None:
        """Name a month in the built seed and freeze it as a publish would."""
        with duckdb.connect(str(self.settings.paths.warehouse)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(
                "insert into seeds.closed_months values (?, ?, 'test')", [month, night]
            )
            closings = close_months(connection, self.settings, night)
        with Ledger.of(self.settings).transaction() as transaction:
            commit_closings(transaction, closings, datetime(2026, 7, 1, 5, tzinfo=UTC))

    def persons(self, *identifiers: str) -> list[str]:
        """Return the persons of identifiers, in their order."""
        query = "select identifier, person_id from intermediate.int_person_identifiers"
        known = dict(rows(self.settings, query))
        return [known[identifier] for identifier in identifiers]

    @contextmanager
    def aside(self) -> Iterator[Settings]:
        """Try something on the warehouse and put it back."""
        warehouse = self.settings.paths.warehouse
        kept = warehouse.with_suffix(".kept")
        shutil.copy(warehouse, kept)
        try:
            yield self.settings
        finally:
            shutil.move(kept, warehouse)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query of the warehouse."""
    with duckdb.connect(str(settings.paths.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def change(settings: Settings, *statements: str) -> None:
    """Change tables of the warehouse between two builds."""
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in statements:
            connection.execute(statement)


def dirty(settings: Settings) -> dict[str, str]:
    """Return the last build's dirty persons with their reasons."""
    return dict(rows(settings, "select person_id, reason from intermediate.int_persons_dirty"))


def hashes(settings: Settings) -> dict[str, str]:
    """Return the row hash of every mart and of the incremental tables behind them."""
    with duckdb.connect(str(settings.paths.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        found = row_hashes(connection, "marts")
        for table in INCREMENTAL:
            found[table] = hash_table(connection, "intermediate", table)
    return {table: one.row_hash for table, one in found.items()}
