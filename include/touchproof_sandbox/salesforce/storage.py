"""The loopback org's state in one SQLite file.

Belongs here: tables, transactions, the settable clock, stamps, record ids and small settings.
Doesn't belong here: what may be written (rules.py, writer.py), jobs (jobs.py), HTTP (routes_*.py).

One process with one thread uses the file; a transaction that a killed server left open is gone
after the restart, so that every request has either happened or not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from touchproof_sandbox.salesforce.schema import OBJECTS, ORG_ID, SObject, record_id

Record = dict[str, str | None]
"""A whole record: every declared field, values as stored, None for empty."""

FIRST_MOMENT = datetime(2026, 3, 1, tzinfo=UTC)

_TABLES = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists sessions (token text primary key, created_at text not null);
create table if not exists calls (
    number integer primary key, at text not null, client text not null, kind text not null,
    method text not null, path text not null, status integer not null, counted integer not null
);
create index if not exists calls_at on calls (at, counted);
create table if not exists refusals (
    number integer primary key, object text not null, field text not null, value text not null,
    code text not null, message text not null, fields text not null, times integer
);
create table if not exists faults (
    number integer primary key, calls text not null, effect text not null, options text not null,
    seen integer not null default 0
);
create table if not exists job_faults (
    job_id text primary key, effect text not null, options text not null
);
create table if not exists org_rules (
    number integer primary key, object text not null, kind text not null, options text not null
);
create table if not exists cursors (id text primary key, soql text not null, deleted integer);
create table if not exists applied (key text primary key, ids text not null);
create table if not exists jobs (
    number integer primary key, id text unique not null, kind text not null,
    operation text not null, object text not null, external_id_field text, soql text,
    delimiter text not null, line_ending text not null, state text not null,
    created_at text not null, modified_at text not null, closed_wall real,
    polls_left integer not null default 0, processed integer not null default 0,
    failed integer not null default 0, error text, has_content integer not null default 0
);
"""


class Storage:
    """Own the org's SQLite file and everything that is read or written by key.

    Args:
        folder: Folder of the loopback server; `jobs/` in it holds uploads and results.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs_folder = folder / "jobs"
        self.jobs_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.db = sqlite3.connect(folder / "state.sqlite", isolation_level=None)
        (folder / "state.sqlite").chmod(0o600)
        self.db.row_factory = sqlite3.Row
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = normal")
        self.db.executescript(_TABLES)
        for sobject in OBJECTS.values():
            self._create_table(sobject)
        self.db.execute(
            "insert or ignore into Organization (Id, IsDeleted, CreatedDate, SystemModstamp, Name)"
            " values (?, 'false', ?, ?, 'Touchproof Sandbox')",
            (ORG_ID, format_moment(FIRST_MOMENT), format_moment(FIRST_MOMENT)),
        )

    def _create_table(self, sobject: SObject) -> None:
        columns = ", ".join(
            f'"{field.name}" text' + (" primary key" if field.name == "Id" else "")
            for field in sobject.fields
        )
        self.db.execute(f'create table if not exists "{sobject.name}" ({columns})')
        known = {row["name"] for row in self.db.execute(f'pragma table_info("{sobject.name}")')}
        for field in sobject.fields:
            if field.name not in known:  # the schema has grown since the file was made
                self.db.execute(f'alter table "{sobject.name}" add column "{field.name}" text')
            if field.external_id or field.name == "SystemModstamp":
                self.db.execute(
                    f'create index if not exists "{sobject.name}_{field.name}"'
                    f' on "{sobject.name}" ("{field.name}")'
                )

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def wipe(self) -> None:
        """Forget everything but the org itself."""
        with self.transaction():
            tables = ["meta", "sessions", "calls", "refusals", "cursors", "applied", "jobs"]
            tables += ["faults", "job_faults", "org_rules"]
            tables += [sobject.name for sobject in OBJECTS.values() if sobject.writable]
            for table in tables:
                self.db.execute(f'delete from "{table}"')  # noqa: S608  names of ours
        for path in self.jobs_folder.iterdir():
            path.unlink()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all; may be nested."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    # Small settings

    def get(self, key: str, default: Any) -> Any:
        """Return a small JSON value by its key."""
        row = self.db.execute("select value from meta where key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row["value"])

    def put(self, key: str, value: Any) -> None:
        """Keep a small JSON value."""
        self.db.execute("insert or replace into meta values (?, ?)", (key, json.dumps(value)))

    # Clock, stamps and ids

    @property
    def now(self) -> datetime:
        """Return the org's present moment: it moves only when it is set."""
        return datetime.fromisoformat(self.get("now", FIRST_MOMENT.isoformat()))

    def set_now(self, moment: datetime) -> None:
        """Set the org's present moment."""
        self.put("now", moment.astimezone(UTC).isoformat())

    def next_stamp(self) -> str:
        """Return the SystemModstamp of a write: the clock's, but later than every earlier one."""
        last = self.get("last_stamp", None)
        moment = self.now
        if last is not None:
            moment = max(moment, datetime.fromisoformat(last) + timedelta(milliseconds=1))
        self.put("last_stamp", moment.isoformat())
        return format_moment(moment)

    def seen_stamp(self, stamp: str) -> None:
        """Keep later stamps behind one that came with seeded records."""
        moment = datetime.fromisoformat(stamp)
        last = self.get("last_stamp", None)
        if last is None or moment > datetime.fromisoformat(last):
            self.put("last_stamp", moment.isoformat())

    def next_ids(self, prefix: str, count: int) -> list[str]:
        """Return ids that no record has had."""
        first = int(self.get(f"ids_{prefix}", 1))
        self.put(f"ids_{prefix}", first + count)
        return [record_id(prefix, number) for number in range(first, first + count)]

    # Records

    def find(self, sobject: SObject, field: str, values: Iterable[str]) -> dict[str, list[Record]]:
        """Return the records, deleted ones too, by the value of one field."""
        wanted = list(dict.fromkeys(values))
        found: dict[str, list[Record]] = {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            statement = f'select * from "{sobject.name}" where "{field}" in ({marks})'  # noqa: S608
            for row in self.db.execute(statement, some):
                found.setdefault(row[field], []).append(dict(row))
        return found

    def write(self, sobject: SObject, records: Sequence[Record]) -> None:
        """Insert or replace whole records by Id."""
        names = [field.name for field in sobject.fields]
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * len(names))
        self.db.executemany(
            f'insert or replace into "{sobject.name}" ({columns}) values ({marks})',  # noqa: S608
            ([record.get(name) for name in names] for record in records),
        )


def format_moment(moment: datetime) -> str:
    """Return a datetime in the one form that is stored, with milliseconds, sorting as text."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )
