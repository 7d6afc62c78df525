"""Copies of the ledger, taken while it is in use, and putting one back.

Belongs here: backup and restore of a SQLite ledger. Doesn't belong here: a PostgreSQL ledger,
whose own tools do this, the files of closed months (closed_files.py), and what must be checked in
Salesforce after a restore (`push reconcile`).
"""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from touchproof.clock import Clock
from touchproof.durable import fsync, rename, sha256_of
from touchproof.errors import BadInputError, LedgerError
from touchproof.ledger.closed_files import bring_back, keep_copies, leftovers
from touchproof.ledger.engine import BUSY_TIMEOUT_SECONDS, ledger_lock, open_engine, sqlite_file
from touchproof.ledger.schema import HEAD_REVISION
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

_LOG = logging.getLogger(__name__)
KEPT_BACKUPS = 14
_PATTERN = "touchproof-*.sqlite.gz"
_COMPRESSION = 3


class DamagedLedgerError(LedgerError):
    """Report a file that isn't a sound ledger."""


@dataclass(frozen=True)
class BackupReport:
    """Tell which copy was made and which old ones went; paths are relative to the world."""

    path: str
    sha256: str
    size_bytes: int
    removed: int


@dataclass(frozen=True)
class RestoreReport:
    """Tell what was restored and where the replaced ledger lies (None: there was none)."""

    restored_from: str
    replaced: str | None


def backup(settings: Settings, night: date, clock: Clock) -> BackupReport:
    """Copy the ledger to `ledger/backups/` while others use it; keep the last 14 copies.

    The files of closed months go with it, each once, and stay.

    Args:
        settings: The world.
        night: The night after whose publish the copy is made; part of the file's name.
        clock: Gives the moment, the other part of the name.

    Raises:
        LedgerError: If the ledger isn't a SQLite file, the copy isn't sound, or a file of a closed
            month is gone.
    """
    file = _file_of(settings)
    Ledger.of(settings)  # refuses another world
    folder = settings.paths.ledger_backups
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in (*folder.glob(".*.tmp*"), *leftovers(folder)):
        leftover.unlink()
    target = folder / f"touchproof-{_stamp(clock())}-night-{night.isoformat()}.sqlite.gz"
    copy = folder / f".{target.name}.tmp"
    packed = folder / f".{target.name}.tmp.gz"
    _private(copy)
    with closing(_connect(file)) as source, closing(_connect(copy)) as destination:
        source.backup(destination)
        destination.execute("pragma journal_mode = delete")
    _require_sound(copy, settings.world)
    keep_copies(copy, settings.paths.closed_months, folder)
    _private(packed)
    with (
        copy.open("rb") as content,
        packed.open("wb") as raw,
        gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as out,
    ):
        shutil.copyfileobj(content, out)
    fsync(packed)
    rename(packed, target)
    copy.unlink()
    old = sorted(folder.glob(_PATTERN))[:-KEPT_BACKUPS]
    for path in old:
        path.unlink()
    _LOG.info("ledger copied to %s, %d old copies removed", target.name, len(old))
    return BackupReport(
        path=target.relative_to(settings.paths.root).as_posix(),
        sha256=sha256_of(target),
        size_bytes=target.stat().st_size,
        removed=len(old),
    )


def backups(settings: Settings) -> list[Path]:
    """Return the copies of the world's ledger, oldest first."""
    return sorted(settings.paths.ledger_backups.glob(_PATTERN))


def restore(settings: Settings, path: Path, clock: Clock) -> RestoreReport:
    """Put a copy in the ledger's place in one step; the replaced ledger is kept aside.

    A process that has the ledger open sees the old state or the restored one, never a mixture.

    Args:
        settings: The world.
        path: A file made by `backup`.
        clock: Gives the moment, which names the replaced ledger.

    Raises:
        BadInputError: If there is no such file.
        LedgerError: If the copy is damaged, newer than this code, belongs to another world or org,
            or names a file of a closed month that is lost; the ledger then stays as it is.
    """
    file = _file_of(settings)
    if not path.is_file():
        raise BadInputError("There is no such backup", where=path.name, todo="List the backups.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with _unpacked(path, file.parent) as copy:
        org_id = _require_sound(copy, settings.world)
        closed = settings.paths.closed_months
        if not file.exists():
            bring_back(copy, closed, path.parent)
            rename(copy, file)
            return RestoreReport(path.name, None)
        with ledger_lock(open_engine(settings.ledger_location)):
            aside = file.with_name(f"{file.stem}-replaced-{_stamp(clock())}.sqlite")
            is_writable = _keep_aside(file, aside, settings.world, org_id)
            bring_back(copy, closed, path.parent)
            if is_writable:
                with closing(_connect(copy)) as source, closing(_connect(file)) as destination:
                    source.backup(destination)  # one transaction of the live ledger
            else:
                rename(copy, file)
    _LOG.info("ledger restored from %s, the replaced one is %s", path.name, aside.name)
    return RestoreReport(path.name, aside.relative_to(settings.paths.root).as_posix())


def _keep_aside(file: Path, aside: Path, world: str, org_id: str | None) -> bool:
    """Copy the live ledger aside; return whether it is a database that can be written to.

    A damaged one is moved aside as it is, its journal too, which must never meet another file.
    """
    _private(aside)
    try:
        with closing(_connect(file)) as source, closing(_connect(aside)) as destination:
            source.backup(destination)
            destination.execute("pragma journal_mode = delete")
        live_org = _require_sound(aside, world, "ledger")
    except (sqlite3.DatabaseError, DamagedLedgerError):
        shutil.copyfile(file, aside)
        for suffix in ("-wal", "-shm"):
            journal = file.with_name(f"{file.name}{suffix}")
            if journal.exists():
                journal.replace(aside.with_name(f"{aside.name}{suffix}"))
        fsync(aside)
        return False
    except LedgerError:
        aside.unlink()
        raise
    if live_org is not None and org_id is not None and live_org != org_id:
        aside.unlink()
        raise LedgerError(
            "The backup belongs to another Salesforce org than the ledger",
            where=file.name,
            todo="Restore it into its own world.",
        )
    fsync(aside)
    return True


def _require_sound(file: Path, world: str, subject: str = "backup") -> str | None:
    """Check a copy's integrity, schema and world; return its org, if it has one."""
    try:
        with closing(_connect(file)) as connection:
            verdict = connection.execute("pragma integrity_check").fetchone()[0]
            broken = connection.execute("pragma foreign_key_check").fetchone()
            owners = dict(connection.execute("select name, value from meta").fetchall())
            revision = connection.execute("select version_num from alembic_version").fetchone()[0]
    except sqlite3.DatabaseError:
        verdict, broken, owners, revision = "not a ledger", None, {}, HEAD_REVISION
    if verdict != "ok" or broken is not None:
        raise DamagedLedgerError(
            f"The {subject} isn't a sound ledger", where=file.name, todo="Use another backup."
        )
    if revision > HEAD_REVISION:
        raise LedgerError(
            f"The {subject} has schema {revision}, newer than this code's {HEAD_REVISION}",
            where=file.name,
            todo="Install the newer touchproof.",
        )
    if owners.get("world") != world:
        raise LedgerError(
            f"The {subject} belongs to the world {owners.get('world')}, not to {world}",
            where=file.name,
            todo="Check TOUCHPROOF_WORLD and the backup's name.",
        )
    return owners.get("org_id")


@contextmanager
def _unpacked(path: Path, folder: Path) -> Iterator[Path]:
    """Unpack a copy beside the ledger (same file system) for the time of the restore."""
    copy = folder / f".restore-{os.getpid()}.sqlite"
    _private(copy)
    try:
        try:
            with gzip.open(path, "rb") as content, copy.open("wb") as out:
                shutil.copyfileobj(content, out)
        except (OSError, EOFError) as error:
            raise DamagedLedgerError(
                "The backup can't be unpacked", where=path.name, todo="Use another backup."
            ) from error
        fsync(copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _file_of(settings: Settings) -> Path:
    file = sqlite_file(settings.ledger_location)
    if file is None:
        raise LedgerError(
            "Only a SQLite ledger is backed up by touchproof",
            where="TOUCHPROOF_LEDGER_URL",
            todo="Back a PostgreSQL ledger up with pg_dump.",
        )
    return file


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)


def _private(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
