"""The ledger as the rest of touchproof sees it.

Belongs here: opening one world's ledger, its transactions, and the state of nights, runs, persons
and acknowledged values. Doesn't belong here: the outbox and its jobs (salesforce/outbox.py), the
claims' life (claims.py), fits (model_fits.py), packs (evidence/), landing its state (snapshot.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from itertools import islice
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Executable, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from touchproof.errors import LedgerError
from touchproof.ledger import schema
from touchproof.ledger.closed_periods import commit_closings
from touchproof.ledger.engine import (
    claim_ownership,
    migrate,
    open_engine,
    parts_of,
    read_transaction,
    require_owner,
    write_transaction,
)
from touchproof.ledger.model_fits import commit_fits
from touchproof.ledger.records import (
    AcknowledgedRow,
    ClosedPeriod,
    ModelFit,
    PublishedNight,
    RunRecord,
    canonical_json,
)
from touchproof.settings import FOUR_EYES_CENTS, Settings

RUN_STATUSES = ("ok", "failed", "stale", "waiting")

_FETCHED_ROWS, _FETCHES_A_TABLE = 500, 20

ACKNOWLEDGED_SCHEMA = pa.schema(
    [
        ("object", pa.string()),
        ("record_key", pa.string()),
        ("salesforce_id", pa.string()),
        ("fields_json", pa.string()),
        ("origin", pa.string()),
        ("job_id", pa.string()),
    ]
)


class Ledger:
    """Open the ledger of one world, making or migrating it where needed.

    Args:
        url: SQLAlchemy URL, e.g. `settings.ledger_location`.
        world: The world that the ledger must belong to; a new ledger becomes this world's.
        org_id: If given, also `require_org`.
        four_eyes_cents: Claims above this fee need a preparer, a reviewer and an issuer.

    Raises:
        LedgerError: If it belongs to another world or org, or is newer than this code.
    """

    def __init__(
        self,
        url: str,
        world: str,
        org_id: str | None = None,
        *,
        four_eyes_cents: int = FOUR_EYES_CENTS,
    ) -> None:
        self.url = url
        self.world = world
        self.four_eyes_cents = four_eyes_cents
        self.engine = open_engine(url)
        migrate(self.engine)
        self._own("world", world)
        if org_id is not None:
            self.require_org(org_id)

    @classmethod
    def of(cls, settings: Settings) -> Ledger:
        """Open the ledger of the settings' world."""
        return cls(
            settings.ledger_location, settings.world, four_eyes_cents=settings.four_eyes_cents
        )

    def transaction(self) -> AbstractContextManager[Connection]:
        """Hold one immediate write transaction: all of it or nothing."""
        return write_transaction(self.engine)

    def reading(self) -> AbstractContextManager[Connection]:
        """Hold one consistent view that blocks no writer."""
        return read_transaction(self.engine)

    @contextmanager
    def _within(self, connection: Connection | None) -> Iterator[Connection]:
        """Join the caller's transaction, or hold one of our own."""
        if connection is not None:
            yield connection
        else:
            with self.transaction() as own:
                yield own

    def require_org(self, org_id: str, connection: Connection | None = None) -> None:
        """Bind the ledger to a Salesforce org at first use and refuse any other.

        Args:
            org_id: The org.
            connection: Join this write transaction instead of holding an own one.

        Raises:
            LedgerError: If it belongs to another org.
        """
        self._own("org_id", org_id, connection)

    def _own(self, name: str, value: str, connection: Connection | None = None) -> None:
        if connection is None:
            query = select(schema.meta.c.value).where(schema.meta.c.name == name)
            with self.reading() as view:
                owner = view.scalar(query)
            if owner is not None:
                require_owner(name, owner, value)
                return
        with self._within(connection) as transaction:
            claim_ownership(transaction, name, value)

    # Nights

    def commit_night(
        self,
        night: date,
        *,
        published_at: datetime,
        published_sha256: str,
        handoff_hashes: Mapping[str, str],
        mart_hashes: Mapping[str, str],
        ledger_batch: Mapping[str, str],
        new_person_ids: pa.Table | Iterable[tuple[str, str]] = (),
        person_id_changes: Iterable[tuple[str, str]] = (),
        new_model_fits: Iterable[ModelFit] = (),
        closings: Iterable[ClosedPeriod] = (),
    ) -> None:
        """Write the row that makes a night published, with all that moves with it.

        A repeat of the night replaces its hashes; persons that are known stay as they are.

        Args:
            night: The night.
            published_at: Timezone-aware moment.
            published_sha256: Of `published/touchproof.duckdb`.
            handoff_hashes: sha256 by path below `handoff/<night>/`, e.g.
                `evidence/fct_skip_referrals.parquet`.
            mart_hashes: Row hash by mart.
            ledger_batch: Content sha256 by entity of the landed ledger batches (see snapshot.py).
            new_person_ids: Table or rows of (identifier_hmac, person_id).
            person_id_changes: Rows of (old_person_id, new_person_id).
            new_model_fits: The first fits of data-driven models, made by this night's build.
            closings: The months that this night closes; their files lie in their place.
        """
        values = {
            "published_at": published_at,
            "published_sha256": published_sha256,
            "handoff_hashes_json": canonical_json(dict(handoff_hashes)),
            "mart_hashes_json": canonical_json(dict(mart_hashes)),
            "ledger_batch_json": canonical_json(dict(ledger_batch)),
        }
        persons = [
            {"identifier_hmac": hmac, "person_id": person, "assigned_night": night}
            for hmac, person in _pairs(new_person_ids)
        ]
        changes = [
            {"old_person_id": old, "new_person_id": new, "night": night}
            for old, new in person_id_changes
        ]
        with self.transaction() as connection:
            upsert(connection, schema.published_nights, [{"night": night, **values}])
            insert_missing(connection, schema.person_ids, persons)
            insert_missing(connection, schema.person_id_history, changes)
            commit_fits(connection, night, new_model_fits, published_at)
            commit_closings(connection, closings, published_at)

    def published_nights(self) -> list[PublishedNight]:
        """Return the committed nights, oldest first."""
        table = schema.published_nights
        with self.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.night)).all()
        return [
            PublishedNight(
                night=row.night,
                published_at=row.published_at,
                published_sha256=row.published_sha256,
                handoff_hashes=json.loads(row.handoff_hashes_json),
                mart_hashes=json.loads(row.mart_hashes_json),
                ledger_batch=json.loads(row.ledger_batch_json),
            )
            for row in rows
        ]

    def last_published_night(self) -> PublishedNight | None:
        """Return the latest committed night, or None before the first."""
        nights = self.published_nights()
        return nights[-1] if nights else None

    # Runs

    def record_run(self, night: date, step: str, status: str, report: Any, at: datetime) -> None:
        """Note how a step of a night ended; the newest record of a step counts.

        Args:
            night: The night.
            step: E.g. `extract:ga4`, `push:nightly`.
            status: `ok`, `failed`, `stale` or `waiting`.
            report: JSON-able report of the step: ids and counts, never values.
            at: Timezone-aware moment.
        """
        if status not in RUN_STATUSES:
            raise LedgerError(f"A run can't be '{status}'", where=step, todo=str(RUN_STATUSES))
        row = {
            "night": night,
            "step": step,
            "status": status,
            "report_json": json.dumps(report, default=str, ensure_ascii=False),
            "recorded_at": at,
        }
        with self.transaction() as connection:
            connection.execute(schema.runs.insert(), row)

    def runs(self, night: date | None = None, step: str | None = None) -> list[RunRecord]:
        """Return the newest record of each (night, step), in the order of recording.

        Args:
            night: Only its records, if given.
            step: Only its records, if given.
        """
        table = schema.runs
        newest = select(func.max(table.c.id)).group_by(table.c.night, table.c.step)
        query = select(table).where(table.c.id.in_(newest)).order_by(table.c.id)
        if night is not None:
            query = query.where(table.c.night == night)
        if step is not None:
            query = query.where(table.c.step == step)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [
            RunRecord(row.night, row.step, row.status, json.loads(row.report_json), row.recorded_at)
            for row in rows
        ]

    def failures_in_a_row(self, step: str) -> int:
        """Return how many of a step's newest records say `failed`, up to the first that doesn't.

        Every record counts, of whatever night: a step of the day's lanes has many a night.
        """
        table = schema.runs
        newest_other = select(func.max(table.c.id)).where(
            table.c.step == step, table.c.status != "failed"
        )
        after = select(func.count()).where(
            table.c.step == step,
            table.c.id > func.coalesce(newest_other.scalar_subquery(), 0),
        )
        with self.reading() as connection:
            return int(connection.execute(after).scalar_one())

    # Acknowledged values

    def acknowledge(
        self,
        org_id: str,
        rows: Iterable[AcknowledgedRow],
        *,
        at: datetime,
        connection: Connection | None = None,
    ) -> int:
        """Merge confirmed or read values into the acknowledged ones, field by field.

        Fields that a row doesn't name keep their value. Call it only with success results or
        with what was read from Salesforce.

        Args:
            org_id: The org; the ledger must belong to it.
            rows: At most one a record.
            at: Timezone-aware moment.
            connection: Join this transaction instead of holding an own one.

        Returns:
            The number of rows written.
        """
        given = list(rows)
        table = schema.acknowledged
        with self._within(connection) as transaction:
            self.require_org(org_id, transaction)
            known: dict[tuple[str, str], str] = {}
            for name in sorted({row.object for row in given}):
                keys = [row.record_key for row in given if row.object == name]
                for part in parts_of(keys):
                    query = select(table.c.record_key, table.c.fields_json).where(
                        table.c.org_id == org_id,
                        table.c.object == name,
                        table.c.record_key.in_(part),
                    )
                    for found in transaction.execute(query):
                        known[name, str(found.record_key)] = str(found.fields_json)
            upsert(
                transaction,
                table,
                [
                    {
                        "org_id": org_id,
                        "object": row.object,
                        "record_key": row.record_key,
                        "salesforce_id": row.salesforce_id,
                        "fields_json": _merged(known.get((row.object, row.record_key)), row),
                        "origin": row.origin,
                        "job_id": row.job_id,
                        "acknowledged_at": at,
                    }
                    for row in given
                ],
            )
        return len(given)

    def acknowledged(self, org_id: str, object_name: str | None = None) -> pa.Table:
        """Return the acknowledged values as an Arrow table, one row a record.

        Columns as `ACKNOWLEDGED_SCHEMA`, sorted by object and record_key; `fields_json` is
        canonical JSON of text (or null) by API field name.
        """
        self.require_org(org_id)
        table = schema.acknowledged
        columns = [table.c[name] for name in ACKNOWLEDGED_SCHEMA.names]
        query = select(*columns).where(table.c.org_id == org_id)
        if object_name is not None:
            query = query.where(table.c.object == object_name)
        query = query.order_by(table.c.object, table.c.record_key)
        with self.reading() as connection:
            return arrow_table(connection.execute(query).all(), ACKNOWLEDGED_SCHEMA)


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, replacing those with the same primary key."""
    if rows:
        insert = _insert(connection, table)
        keys = [column.name for column in table.primary_key]
        replaced = {name: insert.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replaced), rows)


def insert_missing(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, leaving those alone that exist."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def _insert(connection: Connection, table: Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def arrow_table(rows: Iterable[Any], arrow_schema: pa.Schema) -> pa.Table:
    """Turn fetched rows, in the schema's column order, into an Arrow table."""
    columns = list(zip(*rows, strict=True)) or [() for _ in arrow_schema]
    return pa.table(
        [
            pa.array(column, type=field.type)
            for column, field in zip(columns, arrow_schema, strict=True)
        ],
        schema=arrow_schema,
    )


def fetch_arrow(
    connection: Connection, query: Executable, arrow_schema: pa.Schema
) -> Iterator[pa.Table]:
    """Yield the rows of a query as Arrow tables, part by part.

    Args:
        connection: Holds a view of the ledger.
        query: Its columns are as the schema has them.
        arrow_schema: Of the tables.
    """
    # Few rows at a time, while the processor has them at hand: that halves the time.
    options = {"yield_per": _FETCHED_ROWS}
    parts = connection.execute(query, execution_options=options).partitions()
    while some := [arrow_table(part, arrow_schema) for part in islice(parts, _FETCHES_A_TABLE)]:
        yield pa.concat_tables(some)


def _merged(known: str | None, row: AcknowledgedRow) -> str:
    return canonical_json({**(json.loads(known) if known else {}), **row.fields})


def _pairs(persons: pa.Table | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    if isinstance(persons, pa.Table):
        columns = [persons.column(name).to_pylist() for name in ("identifier_hmac", "person_id")]
        return list(zip(*columns, strict=True))
    return persons
