"""The outbox: what is to be sent stands in the ledger before the first call, and how it ended.

Belongs here: the ledger's tables `push_jobs` and `outbox`, and the transaction in which a job's
results become acknowledged values and dead letters. Doesn't belong here: any call (perform.py),
what follows from an unfinished job (resume.py).

A job goes `planned` -> `created` (its id is known) -> `submitted` (Salesforce has the rows) ->
`done`, or `discarded` if its rows never reached Salesforce; the next plan has them again, since
nothing was acknowledged.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Text, bindparam, cast, func, select, update
from sqlalchemy.exc import IntegrityError

from touchproof.clock import Clock
from touchproof.errors import SalesforceError
from touchproof.ledger import schema
from touchproof.ledger.engine import parts_of
from touchproof.ledger.records import AcknowledgedRow, FieldValues, canonical_json
from touchproof.ledger.store import Ledger, fetch_arrow
from touchproof.salesforce.acknowledged import COLUMNS
from touchproof.salesforce.canonical import CLEAR
from touchproof.salesforce.consent_gate import ConsentGate
from touchproof.salesforce.dead_letters import Refusal, note_refusals
from touchproof.salesforce.error_actions import UNPROCESSED, error_action
from touchproof.salesforce.lane_plan import is_opt_out
from touchproof.salesforce.matching import SENT
from touchproof.salesforce.moves import Record
from touchproof.salesforce.observe import Observation
from touchproof.salesforce.rules import KEY_FIELD, key_field
from touchproof.salesforce.tables import BATCH_ROWS, Rows, fresh_path
from touchproof.salesforce.wire import Chunk, narrowed

NIGHTLY = "nightly"
PLANNED, CREATED, SUBMITTED = "planned", "created", "submitted"
DONE, DISCARDED = "done", "discarded"

_ACKNOWLEDGED = pa.schema([(name, pa.string()) for name in (*COLUMNS, "acknowledged_at")])


@dataclass(frozen=True)
class OutboxJob:
    """Describe one job as the ledger has it; `planned_at` is the time its values count from.

    `changed_at` is when it came to its state, where that was read from the ledger.
    """

    id: int
    night: date
    object: str
    operation: str
    state: str
    rows: int
    planned_at: datetime
    salesforce_job_id: str | None = None
    changed_at: datetime | None = None

    @property
    def key_field(self) -> str:
        return key_field(self.object, self.operation)

    @property
    def external_id(self) -> str | None:
        """Return the key of an upsert, None for what has none."""
        return self.key_field if self.operation == "upsert" else None


@dataclass(frozen=True)
class OutboxRow:
    """Hold one record of a job; `record` is the value of the job's key field.

    `fields` has what the row sends (None clears) and, for a creation, what it leaves empty (None).
    """

    id: int
    record: str
    salesforce_id: str | None
    fields: FieldValues


@dataclass(frozen=True)
class JobOutcome:
    """Hold how each row of a job ended; every row is in exactly one part.

    Args:
        written: `row_id` and `salesforce_id` of the rows that Salesforce confirmed, in order.
        refused: Rows that it refused, never came to, or doesn't account for.
        opt_outs: How many of the written rows are opt-outs.
    """

    written: pa.Table
    refused: tuple[tuple[OutboxRow, Refusal], ...]
    opt_outs: int = 0


class Outbox:
    """Write and settle the outbox of one org.

    Args:
        ledger: The world's ledger.
        org_id: The org.
        clock: Tells when a state changed.
        not_before: Moment of the newest observation. What we send is newer than what we read,
            even where the clocks of two tasks disagree.
    """

    def __init__(
        self, ledger: Ledger, org_id: str, clock: Clock, not_before: datetime | None = None
    ) -> None:
        self.ledger = ledger
        self.org_id = org_id
        self._clock = clock
        self._not_before = not_before

    def acknowledged(self, folder: Path) -> Rows:
        """Write every acknowledged record to a file, with the time from which its values count.

        Args:
            folder: Where the file goes.
        """
        table = schema.acknowledged
        columns = [cast(table.c[name], Text).label(name) for name in _ACKNOWLEDGED.names]
        query = select(*columns).where(table.c.org_id == self.org_id)
        path = fresh_path(folder / "acknowledged.parquet")
        with self.ledger.reading() as connection:
            tables = fetch_arrow(connection, query, _ACKNOWLEDGED)
            return Rows.write(path, tables, _ACKNOWLEDGED)

    def first_push_night(self) -> date | None:
        """Return the night of the first nightly job for this org, or None before it."""
        table = schema.push_jobs
        query = select(func.min(table.c.night)).where(
            table.c.org_id == self.org_id, table.c.lane == NIGHTLY
        )
        with self.ledger.reading() as connection:
            first: date | None = connection.scalar(query)
        return first

    def acknowledge_observation(self, observation: Observation, *, is_baseline: bool) -> None:
        """Acknowledge what the extract read, each record as of its extraction."""
        with self.ledger.transaction() as connection:
            for batch in observation.rows.batches():
                by_moment: dict[datetime, list[AcknowledgedRow]] = {}
                for row in batch.to_pylist():
                    by_moment.setdefault(row["extracted_at"], []).append(
                        AcknowledgedRow(
                            object=row["object"],
                            record_key=row["salesforce_id"],
                            salesforce_id=row["salesforce_id"],
                            fields=json.loads(row["fields_json"]),
                            origin="baseline" if is_baseline and not row["is_known"] else "read",
                        )
                    )
                for moment, rows in sorted(by_moment.items()):
                    self.ledger.acknowledge(self.org_id, rows, at=moment, connection=connection)

    def plan(
        self, chunk: Chunk, gate: ConsentGate, *, night: date, lane: str
    ) -> tuple[OutboxJob | None, Chunk, frozenset[Record]]:
        """Write one job and its rows, before anything of it is sent.

        Consent is read in the same transaction: the job's bytes are never older than it.

        Returns:
            The job, None if nothing of it may go; the chunk as it goes; and (object, record) of
            what consent, as it is now, holds back.
        """
        now = self.now()
        group = chunk.group
        common = {
            "org_id": self.org_id,
            "lane": lane,
            "night": night,
            "object": group.object,
            "operation": group.operation,
            "state": PLANNED,
            "planned_at": now,
            "changed_at": now,
        }
        with self.ledger.transaction() as connection:
            rows, held = gate.check(replace(group, rows=chunk.rows), connection)
            if not rows.num_rows:
                return None, chunk, held
            if rows != chunk.rows:
                chunk = narrowed(chunk, rows)
            job = {
                **common,
                "external_id_field": group.key_field if group.operation == "upsert" else None,
                "rows": chunk.size.rows,
                "content_sha256": chunk.sha256,
            }
            inserted = connection.execute(schema.push_jobs.insert(), job)
            assert inserted.inserted_primary_key is not None  # noqa: S101  one row was inserted
            job_id = int(inserted.inserted_primary_key[0])
            try:
                for batch in chunk.rows.batches():
                    planned_rows = [
                        {
                            **common,
                            "push_job_id": job_id,
                            "record_key": row["record"],
                            "salesforce_id": row["salesforce_id"],
                            "fields_json": canonical_json(_acknowledgeable(row, chunk)),
                        }
                        for row in batch.to_pylist()
                    ]
                    connection.execute(schema.outbox.insert(), planned_rows)
            except IntegrityError:
                # Chosen by the lane of new leads after this push had planned.
                raise SalesforceError(
                    "Another push has some of these records in its outbox",
                    where=group.name,
                    todo="Push again: they go then, unless they need nothing any more.",
                ) from None
        rows_planned = chunk.size.rows
        planned = OutboxJob(
            job_id, night, group.object, group.operation, PLANNED, rows_planned, now
        )
        return planned, chunk, held

    def mark(self, job: OutboxJob, state: str, salesforce_job_id: str) -> OutboxJob:
        """Note that Salesforce knows the job, or has its rows."""
        table = schema.push_jobs
        query = update(table).where(table.c.id == job.id)
        values = {"state": state, "salesforce_job_id": salesforce_job_id, "changed_at": self.now()}
        with self.ledger.transaction() as connection:
            connection.execute(query.values(**values))
        return replace(job, state=state, salesforce_job_id=salesforce_job_id)

    def settle(self, job: OutboxJob, outcome: JobOutcome, *, night: date, calls: int) -> JobOutcome:
        """Finish a job: acknowledge what was written, name what was refused; all or nothing.

        Args:
            job: The job, with its Salesforce id.
            outcome: How each of its rows ended.
            night: The night in which the refusals are seen.
            calls: Requests that this run spent on the job.

        Returns:
            The outcome, with its opt-outs counted.
        """
        now = self.now()
        opt_outs = 0
        refusals = [refusal for _, refusal in outcome.refused]
        unprocessed = sum(refusal.code == UNPROCESSED for refusal in refusals)
        with self.ledger.transaction() as connection:
            for part in _parts(outcome.written):
                found = self._rows(
                    connection, job, schema.outbox.c.id.between(min(part), max(part))
                )
                written = [row for row in found if row.id in part]
                opt_outs += sum(is_opt_out(row.fields) for row in written)
                self.ledger.acknowledge(
                    self.org_id,
                    [_confirmed(job, row, part[row.id]) for row in written],
                    at=job.planned_at,
                    connection=connection,
                )
            note_refusals(connection, self.org_id, refusals, night)
            self._finish_rows(connection, job, DONE, now)
            if outcome.refused:
                query = update(schema.outbox).where(schema.outbox.c.id == bindparam("row_id"))
                connection.execute(
                    query.values(state="refused", code=bindparam("c"), message=bindparam("m")),
                    [
                        {
                            "row_id": row.id,
                            "c": refusal.code,
                            "m": error_action(refusal.code).reason,
                        }
                        for row, refusal in outcome.refused
                    ],
                )
            self._finish_job(
                connection,
                job,
                DONE,
                now,
                rows_done=outcome.written.num_rows,
                rows_refused=len(refusals) - unprocessed,
                rows_unprocessed=unprocessed,
                calls=schema.push_jobs.c.calls + calls,
            )
        return replace(outcome, opt_outs=opt_outs)

    def discard(self, job: OutboxJob, message: str) -> None:
        """Give a job up whose rows never counted; the next plan has them again."""
        now = self.now()
        with self.ledger.transaction() as connection:
            self._finish_rows(connection, job, DISCARDED, now)
            self._finish_job(connection, job, DISCARDED, now, message=message)

    def unfinished(self) -> list[OutboxJob]:
        """Return the jobs that a killed nightly run left, oldest first."""
        table = schema.push_jobs
        query = select(table).where(
            table.c.org_id == self.org_id,
            table.c.lane == NIGHTLY,
            table.c.finished_at.is_(None),
        )
        with self.ledger.reading() as connection:
            found = connection.execute(query.order_by(table.c.id)).all()
        return [
            OutboxJob(
                row.id,
                row.night,
                row.object,
                row.operation,
                row.state,
                row.rows,
                row.planned_at,
                row.salesforce_job_id,
                row.changed_at,
            )
            for row in found
        ]

    def age(self, job: OutboxJob) -> float:
        """Return for how many seconds a job of an earlier run has been in its state."""
        seconds = (self._clock() - (job.changed_at or job.planned_at)).total_seconds()
        return max(seconds, 0.0)

    def unfinished_records(self) -> set[tuple[str, str]]:
        """Return (object, record) of the rows whose job isn't settled: nobody may send them."""
        table = schema.outbox
        query = select(table.c.object, table.c.record_key).where(
            table.c.org_id == self.org_id, table.c.finished_at.is_(None)
        )
        with self.ledger.reading() as connection:
            return {(row.object, row.record_key) for row in connection.execute(query)}

    def rows(self, job: OutboxJob, ids: Collection[int] | None = None) -> list[OutboxRow]:
        """Return a job's rows in the order in which they were sent.

        Args:
            job: The job.
            ids: Only these rows, if given.
        """
        with self.ledger.reading() as connection:
            if ids is None:
                return self._rows(connection, job)
            return [
                row
                for part in parts_of(sorted(ids))
                for row in self._rows(connection, job, schema.outbox.c.id.in_(part))
            ]

    def _rows(
        self, connection: Connection, job: OutboxJob, *conditions: ColumnElement[bool]
    ) -> list[OutboxRow]:
        table = schema.outbox
        query = select(table.c.id, table.c.record_key, table.c.salesforce_id, table.c.fields_json)
        query = query.where(table.c.push_job_id == job.id, *conditions).order_by(table.c.id)
        return [
            OutboxRow(row.id, row.record_key, row.salesforce_id, json.loads(row.fields_json))
            for row in connection.execute(query)
        ]

    def sent(self, job: OutboxJob) -> Iterator[pa.Table]:
        """Yield `row_id` and `record` of a job's rows, part by part."""
        table = schema.outbox
        query = select(table.c.id, table.c.record_key).where(table.c.push_job_id == job.id)
        with self.ledger.reading() as connection:
            yield from fetch_arrow(connection, query, SENT)

    def known_job_ids(self) -> set[str]:
        """Return every Salesforce job id that the ledger has."""
        table = schema.push_jobs
        query = select(table.c.salesforce_job_id).where(table.c.salesforce_job_id.is_not(None))
        with self.ledger.reading() as connection:
            found: list[str] = list(connection.scalars(query))
        return set(found)

    def now(self) -> datetime:
        """Return the present moment, which is later than the newest observation."""
        now = self._clock()
        if self._not_before is not None and now <= self._not_before:
            return self._not_before
        return now

    def _finish_rows(self, connection: Any, job: OutboxJob, state: str, now: datetime) -> None:
        table = schema.outbox
        query = update(table).where(table.c.push_job_id == job.id)
        connection.execute(
            query.values(
                state=state, changed_at=now, finished_at=now, attempts=table.c.attempts + 1
            )
        )

    def _finish_job(
        self, connection: Any, job: OutboxJob, state: str, now: datetime, **values: Any
    ) -> None:
        table = schema.push_jobs
        query = update(table).where(table.c.id == job.id)
        connection.execute(query.values(state=state, changed_at=now, finished_at=now, **values))


def refused_records(outcomes: Iterable[JobOutcome]) -> list[Refusal]:
    """Return every refusal of some jobs."""
    return [refusal for outcome in outcomes for _, refusal in outcome.refused]


def _parts(written: pa.Table) -> Iterator[dict[int, str]]:
    """Yield the Ids of written rows by row, part by part."""
    for start in range(0, written.num_rows, BATCH_ROWS):
        part = written.slice(start, BATCH_ROWS)
        columns = (part.column(name).to_pylist() for name in ("row_id", "salesforce_id"))
        yield dict(zip(*columns, strict=True))


def _acknowledgeable(row: dict[str, Any], chunk: Chunk) -> FieldValues:
    """Return the values that a success of this row confirms; None means empty."""
    fields: dict[str, str | None] = dict.fromkeys(chunk.group.left_empty)
    for field in chunk.group.fields:
        value = row[field]
        if value is not None:
            fields[field] = None if value == CLEAR else str(value)
    return fields


def _confirmed(job: OutboxJob, row: OutboxRow, record_id: str) -> AcknowledgedRow:
    # The record's own key goes along, so that a later row finds it by either name.
    key = {} if job.operation == "update" else {KEY_FIELD: row.record}
    return AcknowledgedRow(
        object=job.object,
        record_key=record_id,
        salesforce_id=record_id,
        fields={**row.fields, **key},
        origin="pushed",
        job_id=job.salesforce_job_id,
    )
