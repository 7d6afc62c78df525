"""Opening the ledger's database: engine, transactions, file mode, migrations, owner.

Belongs here: everything about the database as a thing (SQLite pragmas, locks, the schema's
revision, which world and org it belongs to). Doesn't belong here: what its rows mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from touchproof.errors import LedgerError
from touchproof.file_lock import file_lock
from touchproof.ledger.schema import HEAD_REVISION, meta

BUSY_TIMEOUT_SECONDS = 60
_MIGRATIONS = Path(__file__).parent / "migrations"
_READING = "touchproof_reading"
_NAMES_A_QUERY = 500  # a statement of SQLite takes so many parameters and some more

Name = TypeVar("Name")


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for another database.

    Raises:
        LedgerError: If the URL names an in-memory database, which would keep nothing.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError(
            "The ledger can't live in memory", where="TOUCHPROOF_LEDGER_URL", todo="Name a file."
        )
    return Path(parsed.database)


def open_engine(url: str) -> Engine:
    """Return an engine whose transactions are immediate, durable and safe across forks.

    The file is made with mode 0600 if it is missing, and narrowed to it if it is wider.
    """
    file = sqlite_file(url)
    if file is None:
        return create_engine(url, poolclass=NullPool)
    _make_private(file)
    engine = create_engine(url, poolclass=NullPool)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        # Never a file that is there: closing it again would end the locks that SQLite holds on it
        # for other connections of this process, and another process could take away their log.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)


def _set_pragmas(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # transactions are begun by `_begin` alone
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
        "foreign_keys = on",
        "synchronous = full",
    ):
        dbapi_connection.execute(f"pragma {pragma}")


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Hold one immediate transaction: committed at the end, rolled back by any error.

    Raises:
        LedgerError: If another process holds the ledger for longer than the busy timeout.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        raise LedgerError(
            f"The ledger is held by another process for more than {BUSY_TIMEOUT_SECONDS} s",
            where=_place(engine),
            todo="Wait for that step to end, then run this one again.",
        ) from None


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Hold one consistent view of the ledger that blocks no writer."""
    with engine.connect() as connection:
        yield connection.execution_options(**{_READING: True})


def parts_of(names: Sequence[Name], size: int = _NAMES_A_QUERY) -> Iterator[Sequence[Name]]:
    """Cut names that a query looks up into parts that one statement takes."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def claim_ownership(connection: Connection, name: str, value: str) -> None:
    """Write the ledger's owner once and refuse any other from then on.

    Args:
        connection: An open write transaction.
        name: `world` or `org_id`.
        value: Who opens the ledger.

    Raises:
        LedgerError: If it belongs to another.
    """
    owner = connection.scalar(select(meta.c.value).where(meta.c.name == name))
    if owner is None:
        connection.execute(meta.insert().values(name=name, value=value))
    else:
        require_owner(name, owner, value)


def require_owner(name: str, owner: str, value: str) -> None:
    """Refuse a ledger that belongs to another world or org."""
    if owner != value:
        raise LedgerError(
            f"This ledger belongs to the {name} {owner}, not to {value}",
            where="ledger",
            todo="Check TOUCHPROOF_WORLD, the ledger's URL and the Salesforce connection.",
        )


def revision(engine: Engine) -> str | None:
    """Return the schema revision of the database, or None if it is empty."""
    with read_transaction(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("select version_num from alembic_version"))
        return None if found is None else str(found)


def migrate(engine: Engine) -> None:
    """Bring the database to this code's schema, in one transaction; do nothing if it is there.

    Raises:
        LedgerError: If the database is newer than this code.
    """
    if revision(engine) == HEAD_REVISION:
        return
    with ledger_lock(engine):
        if (found := revision(engine)) == HEAD_REVISION:
            return
        if found is not None and found > HEAD_REVISION:
            raise LedgerError(
                f"The ledger has schema {found}, newer than this code's {HEAD_REVISION}",
                where=_place(engine),
                todo="Install the newer touchproof.",
            )
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None  # noqa: S101  # a live connection has its driver's
                driver.execute("pragma journal_mode = wal")
        with engine.begin() as connection:
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    """Run the migrations; Alembic is imported here because opening a current ledger needs none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def ledger_lock(engine: Engine) -> Iterator[None]:
    """Hold the operating-system lock around a migration or a restore (SQLite only)."""
    if engine.dialect.name != "sqlite":
        yield
        return
    file = Path(str(engine.url.database))
    with file_lock(file.with_name(f"{file.name}.lock")):
        yield


def _place(engine: Engine) -> str:
    return Path(engine.url.database or "ledger").name
