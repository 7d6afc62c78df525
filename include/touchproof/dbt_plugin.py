"""The dbt-duckdb plugin: the warehouse lock, the pseudonym key, and messages without values.

Belongs here: what dbt's connection needs and SQL files may not hold. The pseudonym key is known
to temporary macros only, which live in a cursor and reach neither compiled SQL nor the database
file; so is the night, for whose sake dbt would have to parse the project anew. What earlier nights
showed is attached beside the warehouse: the published file as the database `published`, closed
months as `closed`. Doesn't belong here: running dbt (transform.py), models, business rules.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin

from touchproof.closed_months import attach_closed_months
from touchproof.dbt_settings import NIGHT_VARIABLE
from touchproof.pseudonym import hmac_sql, pseudonym_macro
from touchproof.settings import Settings
from touchproof.skips.keyed_hash import read_keys, secrets_of
from touchproof.skips.terms_seed import check_terms
from touchproof.warehouse import (
    acquire_warehouse_lock,
    attach_published,
    release_warehouse_lock,
)

PUBLISHED_DATABASE = "published"
_HASHED = "kind || ':' || normalised"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+")
_NUMBER = re.compile(r"\d{3,}")
_NAMES_SQL_ONLY = re.compile(r"\b(Binder|Catalog|Compilation|Parser) Error\b")
_SPEAKS_OF_SQL_ONLY = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


class _Process:
    """Remember what this process's dbt runs share."""

    settings: Settings | None = None
    holds_lock = False


def use_settings(settings: Settings | None) -> None:
    """Let the next dbt run of this process use these settings instead of the environment's."""
    _Process.settings = settings


def keyed_hash_macro(secrets: Mapping[str, bytes]) -> str:
    """Return SQL that creates `keyed_hash(key_id, kind, normalised)` of skips/keyed_hash.py.

    An unknown key id gives null.

    Args:
        secrets: The banks' secrets by key id.
    """
    branches = " ".join(
        f"when '{key_id}' then {hmac_sql(secret, _HASHED)}" for key_id, secret in secrets.items()
    )
    return (
        "create or replace temporary macro keyed_hash(key_id, kind, normalised) as "
        f"case key_id when null then null {branches} end"
    )


def night_macro(night: date) -> str:
    """Return SQL that creates `build_night()`, the night that is built."""
    return f"create or replace temporary macro build_night() as date '{night.isoformat()}'"


def masked(error: BaseException) -> str:
    """Return an error's message without values from the data.

    Messages about SQL itself (unknown column, syntax) stay as they are; in all others everything
    quoted, every address and every number of three or more digits is replaced.
    """
    message = str(error)
    if isinstance(error, _SPEAKS_OF_SQL_ONLY) or _NAMES_SQL_ONLY.search(message):
        return message
    return _NUMBER.sub("<number>", _QUOTED.sub("<value>", message.split("\n", 1)[0]))


def release_warehouse() -> None:
    """Close dbt's connections of this process and give the warehouse lock back."""
    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()
    if _Process.holds_lock:
        _Process.holds_lock = False
        release_warehouse_lock()


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt's classes are untyped
    """Bring lock, key and masking to dbt; named in profiles.yml."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Check the terms, then take the warehouse lock before dbt opens the file."""
        self.settings = _Process.settings or Settings()
        check_terms()
        _mask_messages()
        in_memory = self.creds is not None and self.creds.path == ":memory:"
        if not in_memory and not _Process.holds_lock:
            acquire_warehouse_lock(
                self.settings.paths.warehouse_lock,
                step="build",
                timeout_seconds=self.settings.lock_timeout_seconds,
            )
            _Process.holds_lock = True

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Attach what earlier nights showed; a build in memory has no earlier nights."""
        if self.creds is not None and self.creds.path == ":memory:":
            return
        attach_published(conn, self.settings.paths.published, PUBLISHED_DATABASE)
        attach_closed_months(conn, self.settings)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Give the cursor its macros; the keys go no further."""
        night = os.environ.get(NIGHT_VARIABLE)
        macros = (
            pseudonym_macro(self.settings.require_pseudonym_key()),
            keyed_hash_macro(secrets_of(self.settings, read_keys())),
            night_macro(date.fromisoformat(night) if night else date.max),
        )
        cursor.execute("; ".join(macros))  # at once: every node has a cursor of its own


def _mask_messages() -> None:
    """Make dbt log and record database errors without the values that DuckDB quotes."""
    original = DuckDBConnectionManager.exception_handler
    if getattr(original, "masks_values", False):
        return

    @contextmanager
    def handler(self: Any, sql: str, connection_name: str = "master") -> Iterator[None]:
        with original(self, sql, connection_name):
            try:
                yield
            except duckdb.Error as error:
                raise type(error)(masked(error)) from None

    handler.masks_values = True  # type: ignore[attr-defined]
    DuckDBConnectionManager.exception_handler = handler
