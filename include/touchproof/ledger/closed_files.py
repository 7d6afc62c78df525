"""Copies of the files of closed months, beside the copies of the ledger that names them.

Belongs here: keeping a copy of each file under its hash, and putting back what a restored ledger
names. Doesn't belong here: the copies of the ledger itself (backup.py), what the files hold
(touchproof.closed_months).

The files never change, so a copy is made once and serves every later backup; it is never removed.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from touchproof.durable import fsync, rename, sha256_of
from touchproof.errors import LedgerError

STORE = "closed"
"""The folder of the copies, beside the ledger's backups."""


@dataclass(frozen=True)
class ClosedFile:
    """Name one file of a closed month: its place below `ledger/closed/` and its hash."""

    month: str
    name: str
    sha256: str

    @property
    def place(self) -> Path:
        return Path(self.month) / self.name

    @property
    def copy(self) -> Path:
        stem, _, ending = self.name.rpartition(".")
        return Path(self.month) / f"{stem}-{self.sha256[:12]}.{ending}"


def closed_files(ledger_file: Path) -> list[ClosedFile]:
    """Return the files that a SQLite ledger, live or copied, names."""
    query = "select month, files_json from closed_periods order by month"
    with closing(sqlite3.connect(ledger_file)) as connection:
        rows = connection.execute(query).fetchall()
    return [
        ClosedFile(month[:7], name, sha256)
        for month, files in rows
        for name, sha256 in sorted(json.loads(files).items())
    ]


def keep_copies(ledger_file: Path, closed_months: Path, backups: Path) -> int:
    """Copy the files that a ledger names to where its backups lie; return how many were new.

    Raises:
        LedgerError: If a file is missing or damaged, and no copy of it was ever made.
    """
    new = 0
    for file in closed_files(ledger_file):
        copy = backups / STORE / file.copy
        if not _is(copy, file.sha256):
            _copy(closed_months / file.place, copy, file)
            new += 1
    return new


def bring_back(ledger_file: Path, closed_months: Path, backups: Path) -> int:
    """Put the files that a ledger names back to their place; return how many were.

    What lies there instead is kept under its own hash first.

    Raises:
        LedgerError: If a file is lost; nothing in its place has changed then.
    """
    missing = [
        file
        for file in closed_files(ledger_file)
        if not _is(closed_months / file.place, file.sha256)
    ]
    for file in missing:
        _require(backups / STORE / file.copy, file)
    for file in missing:
        place = closed_months / file.place
        if place.is_file():
            there = ClosedFile(file.month, file.name, sha256_of(place))
            _copy(place, backups / STORE / there.copy, there)
        _copy(backups / STORE / file.copy, place, file)
    return len(missing)


def _copy(source: Path, target: Path, file: ClosedFile) -> None:
    _require(source, file)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_name(f".{target.name}.tmp")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o600)
    fsync(temporary)
    rename(temporary, target)


def _require(path: Path, file: ClosedFile) -> None:
    if not _is(path, file.sha256):
        raise LedgerError(
            f"A file of the closed month {file.month} is missing or damaged",
            where=f"{path.parent.name}/{path.name}",
            todo=f"Bring the file with the sha256 {file.sha256[:12]}... back from another copy.",
        )


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def leftovers(backups: Path) -> Iterator[Path]:
    """Return what a killed backup left among the copies."""
    return (backups / STORE).glob("*/.*.tmp")
