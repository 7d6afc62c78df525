"""A built world: what the dbt tests look at.

Belongs here: its settings, its rows, its compiled SQL. Doesn't belong here: the raw rows
(dbt_world.py) and the fixture that builds it (conftest.py).
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
from dbt_api_logs import api_logs
from dbt_planted import plant
from dbt_world import tiny_world, with_ledger_person

from touchproof.settings import Settings
from touchproof.transform import BuildReport


def pseudonym(text: str) -> str:
    """Return what `pseudonym(text)` must be, by Python's own HMAC."""
    key = Settings(world="tiny").require_pseudonym_key()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class Built:
    """Hold a built world: its settings and the report of its build."""

    settings: Settings
    report: BuildReport

    @property
    def warehouse(self) -> Path:
        return self.settings.paths.warehouse

    def compiled(self, *parts: str) -> str:
        """Return the compiled SQL of a model or test."""
        folder = self.settings.paths.root / "dbt" / "target" / "compiled" / "touchproof"
        return folder.joinpath(*parts).read_text()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query of the warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(query).fetchall()

    def copy(self, folder: Path) -> Path:
        """Copy the warehouse file under its own name, which is the database's name in SQL."""
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(self.warehouse, folder / self.warehouse.name))


def planted_settings(folder: Path) -> Settings:
    """Return the settings of a world whose raw tables are the tiny world's."""
    settings = Settings(data_dir=folder, world="tiny")
    cleo = pseudonym("recipient:rcp_cleo")
    plant(settings.paths.warehouse, with_ledger_person(tiny_world(), cleo) | api_logs())
    return settings
