"""The tables in code and the migrated database are the same thing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from touchproof.errors import LedgerError
from touchproof.ledger import engine
from touchproof.ledger.schema import HEAD_REVISION, metadata
from touchproof.ledger.store import Ledger


def _objects(file: Path) -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("select type, name, sql from sqlite_master where sql is not null")
        return {
            (kind, name): " ".join(sql.split())
            for kind, name, sql in rows
            if name != "alembic_version"
        }


def test_the_migrations_give_exactly_the_tables_indexes_and_triggers_of_the_code(
    tmp_path: Path,
) -> None:
    Ledger(f"sqlite:///{tmp_path}/migrated.sqlite", "test")
    metadata.create_all(create_engine(f"sqlite:///{tmp_path}/declared.sqlite"))
    migrated, declared = (
        _objects(tmp_path / "migrated.sqlite"),
        _objects(tmp_path / "declared.sqlite"),
    )
    assert ("trigger", "refuse_update_of_claim_events") in migrated
    assert migrated == declared


def test_the_head_in_code_is_the_last_migration() -> None:
    scripts = ScriptDirectory(str(Path(engine.__file__).parent / "migrations"))
    assert scripts.get_current_head() == HEAD_REVISION


def test_every_table_can_be_declared_in_postgresql() -> None:
    for table in metadata.sorted_tables:
        declared = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert table.name in declared
        assert "DATETIME" not in declared


def test_a_ledger_newer_than_the_code_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    Ledger(url, "test")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
        connection.commit()
    with pytest.raises(LedgerError, match="newer than this code"):
        Ledger(url, "test")


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    upgrade = command.upgrade

    def fail_at_the_end(config: Config, target: str) -> None:
        upgrade(config, target)
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", fail_at_the_end)
        with pytest.raises(RuntimeError):
            Ledger(url, "test")
    assert _objects(tmp_path / "ledger.sqlite") == {}
    assert Ledger(url, "test").published_nights() == []
