"""The lane's outbox: what a tick sends stands in the ledger before the call, and how it ended.

Belongs here: the lane's rows in `push_jobs`, `outbox` and `lane_leads`, and the transaction in
which a call's results become acknowledged values, routes and dead letters. Doesn't belong here:
what the ledger says of landed people (lane_view.py), the nightly push's jobs (outbox.py).

One call is one row of `push_jobs`, without a Salesforce job. Both lanes share the guard of the
table `outbox`: a record is unfinished in one of them at most.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from touchproof.clock import Clock
from touchproof.ledger import schema
from touchproof.ledger.records import AcknowledgedRow, FieldValues, canonical_json
from touchproof.ledger.store import Ledger, upsert
from touchproof.salesforce.dead_letters import Refusal, note_refusals, resolve_letters
from touchproof.salesforce.error_actions import error_action
from touchproof.salesforce.lane_landed import LandedRequest
from touchproof.salesforce.lane_plan import LEAD
from touchproof.salesforce.lane_view import (
    ACKNOWLEDGED,
    NEW_LEADS,
    REFUSED,
    ROUTED,
    SENT,
    refused_opt_outs,
)
from touchproof.salesforce.outbox import DISCARDED, DONE, PLANNED, OutboxJob, OutboxRow
from touchproof.salesforce.rules import KEY_FIELD


@dataclass(frozen=True)
class FrozenRow:
    """Hold one record as it goes out; `fields` as `OutboxRow` has them."""

    record: str
    salesforce_id: str | None
    fields: FieldValues
    request: LandedRequest | None = None


@dataclass(frozen=True)
class LaneOutcome:
    """Hold how each row of a call ended; every row is in exactly one part.

    Args:
        written: Rows that Salesforce confirmed, with the record's Id.
        routed: Rows whose lead is another record already, as (object, Id).
        refused: Rows that it refused.
        withdrawn: Rows that don't go with this call: the next plan has what is still wanted.
        waiting: Rows whose end isn't known yet; they stay in the outbox for the next tick.
    """

    written: tuple[tuple[OutboxRow, str], ...] = ()
    routed: tuple[tuple[OutboxRow, tuple[str, str]], ...] = ()
    refused: tuple[tuple[OutboxRow, Refusal], ...] = ()
    withdrawn: tuple[OutboxRow, ...] = ()
    waiting: tuple[OutboxRow, ...] = ()

    def and_also(self, other: LaneOutcome) -> LaneOutcome:
        """Return this outcome with further rows of the same call."""
        return LaneOutcome(
            (*self.written, *other.written),
            (*self.routed, *other.routed),
            (*self.refused, *other.refused),
            (*self.withdrawn, *other.withdrawn),
            (*self.waiting, *other.waiting),
        )


class LaneOutbox:
    """Write and settle the lane's calls for one org.

    Args:
        ledger: The world's ledger.
        org_id: The org.
        clock: Tells when a state changed.
        not_before: Moment after the newest reading that the handoff has: what we send is newer.
    """

    def __init__(
        self, ledger: Ledger, org_id: str, clock: Clock, not_before: datetime | None = None
    ) -> None:
        self.ledger = ledger
        self.org_id = org_id
        self._clock = clock
        self._not_before = not_before

    def freeze(
        self,
        connection: Connection,
        rows: Sequence[FrozenRow],
        *,
        night: date,
        object_name: str,
        operation: str,
    ) -> OutboxJob:
        """Write one call with all its rows, in the transaction in which they were chosen."""
        now = self._now()
        common = {
            "org_id": self.org_id,
            "lane": NEW_LEADS,
            "night": night,
            "object": object_name,
            "operation": operation,
            "state": PLANNED,
            "planned_at": now,
            "changed_at": now,
        }
        content = canonical_json([[row.record, dict(row.fields)] for row in rows])
        inserted = connection.execute(
            schema.push_jobs.insert(),
            {
                **common,
                "external_id_field": None if operation == "update" else KEY_FIELD,
                "rows": len(rows),
                "content_sha256": hashlib.sha256(content.encode()).hexdigest(),
            },
        )
        assert inserted.inserted_primary_key is not None  # noqa: S101  one row was inserted
        job_id = int(inserted.inserted_primary_key[0])
        connection.execute(
            schema.outbox.insert(),
            [
                {
                    **common,
                    "push_job_id": job_id,
                    "record_key": row.record,
                    "salesforce_id": row.salesforce_id,
                    "fields_json": canonical_json(dict(row.fields)),
                }
                for row in rows
            ],
        )
        upsert(connection, schema.lane_leads, [self._lead(row, now) for row in rows if row.request])
        return OutboxJob(job_id, night, object_name, operation, PLANNED, len(rows), now)

    def unfinished(self) -> list[OutboxJob]:
        """Return the lane's calls that a killed tick left, or whose answer was lost."""
        table = schema.push_jobs
        query = select(table).where(
            table.c.org_id == self.org_id,
            table.c.lane == NEW_LEADS,
            table.c.finished_at.is_(None),
        )
        with self.ledger.reading() as connection:
            found = connection.execute(query.order_by(table.c.id)).all()
        return [
            OutboxJob(
                row.id, row.night, row.object, row.operation, row.state, row.rows, row.planned_at
            )
            for row in found
        ]

    def rows(self, job: OutboxJob) -> list[OutboxRow]:
        """Return a call's rows that aren't settled yet, in request order."""
        table = schema.outbox
        query = (
            select(table)
            .where(table.c.push_job_id == job.id, table.c.finished_at.is_(None))
            .order_by(table.c.id)
        )
        with self.ledger.reading() as connection:
            found = connection.execute(query).all()
        return [
            OutboxRow(row.id, row.record_key, row.salesforce_id, json.loads(row.fields_json))
            for row in found
        ]

    def settle(
        self,
        job: OutboxJob,
        outcome: LaneOutcome,
        *,
        night: date,
        calls: int,
        followed: Mapping[str, Sequence[FrozenRow]] = MappingProxyType({}),
        message: str | None = None,
    ) -> None:
        """Finish a call: acknowledge, route, name what was refused; all or nothing.

        Args:
            job: The call.
            outcome: How each of its rows ended; with rows that wait the call stays unfinished.
            night: The night in which refusals are seen.
            calls: Requests that were spent on it.
            followed: What has to go to other records because of it, by object; the next calls
                send it.
            message: Why Salesforce refused the call as a whole, if it did.
        """
        now = self._now()
        with self.ledger.transaction() as connection:
            written = [_confirmed(job, row, record) for row, record in outcome.written]
            self.ledger.acknowledge(self.org_id, written, at=job.planned_at, connection=connection)
            self._resolve_letters(connection, job, outcome)
            refusals = [refusal for _, refusal in outcome.refused]
            note_refusals(connection, self.org_id, refusals, night)
            for row, _ in outcome.written:
                self._finish_row(connection, row, DONE, now)
            for row, _ in outcome.routed:
                self._finish_row(connection, row, ROUTED, now)
            for row, refusal in outcome.refused:
                self._finish_row(connection, row, REFUSED, now, refusal.code)
            for row in outcome.withdrawn:
                self._finish_row(connection, row, DISCARDED, now)
            if job.operation != "update":
                self._note_leads(connection, outcome, now)
            self._finish_job(connection, job, outcome, now, calls, message)
            for name, rows in sorted(followed.items()):
                self.freeze(connection, rows, night=night, object_name=name, operation="update")

    def note_calls(self, job: OutboxJob, calls: int) -> None:
        """Count requests on a call whose answer was lost."""
        query = update(schema.push_jobs).where(schema.push_jobs.c.id == job.id)
        with self.ledger.transaction() as connection:
            connection.execute(query.values(calls=schema.push_jobs.c.calls + calls))

    def _resolve_letters(
        self, connection: Connection, job: OutboxJob, outcome: LaneOutcome
    ) -> None:
        """Close the dead letters of what went through; other refusals of a record stay open."""
        ended = [row.record for row, _ in (*outcome.written, *outcome.routed)]
        records = {(job.object, record) for record in ended}
        if job.operation == "update":
            records &= refused_opt_outs(connection, self.org_id, ended)
        resolve_letters(connection, self.org_id, records)

    def _finish_job(
        self,
        connection: Connection,
        job: OutboxJob,
        outcome: LaneOutcome,
        now: datetime,
        calls: int,
        message: str | None,
    ) -> None:
        table = schema.push_jobs
        counts = {
            "rows_done": len(outcome.written) + len(outcome.routed),
            "rows_refused": len(outcome.refused),
            "rows_unprocessed": len(outcome.withdrawn),
        }
        ended = {"state": DISCARDED if message else DONE, "finished_at": now}
        query = update(table).where(table.c.id == job.id)
        connection.execute(
            query.values(
                changed_at=now,
                message=message,
                calls=table.c.calls + calls,
                **{name: func.coalesce(table.c[name], 0) + n for name, n in counts.items()},
                **({} if outcome.waiting else ended),
            )
        )

    def _note_leads(self, connection: Connection, outcome: LaneOutcome, now: datetime) -> None:
        for row, record in outcome.written:
            self._note_lead(connection, row, ACKNOWLEDGED, LEAD, record, now)
        for row, (object_name, record) in outcome.routed:
            self._note_lead(connection, row, ROUTED, object_name, record, None)
        for row, _ in outcome.refused:
            self._note_lead(connection, row, REFUSED, None, None, None)
        self._forget_leads(connection, outcome.withdrawn)

    def _note_lead(
        self,
        connection: Connection,
        row: OutboxRow,
        state: str,
        object_name: str | None,
        salesforce_id: str | None,
        acknowledged_at: datetime | None,
    ) -> None:
        table = schema.lane_leads
        query = update(table).where(table.c.org_id == self.org_id, table.c.source_key == row.record)
        connection.execute(
            query.values(
                state=state,
                object=object_name,
                salesforce_id=salesforce_id,
                acknowledged_at=acknowledged_at,
            )
        )

    def _forget_leads(self, connection: Connection, rows: Iterable[OutboxRow]) -> None:
        table = schema.lane_leads
        for row in rows:
            connection.execute(
                delete(table).where(
                    table.c.org_id == self.org_id,
                    table.c.source_key == row.record,
                    table.c.state == SENT,
                )
            )

    def _lead(self, row: FrozenRow, now: datetime) -> dict[str, Any]:
        assert row.request is not None  # noqa: S101  only creations come here
        return {
            "org_id": self.org_id,
            "source_key": row.record,
            "state": SENT,
            "object": None,
            "salesforce_id": None,
            "created_at": row.request.requested_at,
            "landed_at": row.request.landed_at,
            "sent_at": now,
            "acknowledged_at": None,
        }

    def _finish_row(
        self,
        connection: Connection,
        row: OutboxRow,
        state: str,
        now: datetime,
        code: str | None = None,
    ) -> None:
        table = schema.outbox
        query = update(table).where(table.c.id == row.id)
        connection.execute(
            query.values(
                state=state,
                changed_at=now,
                finished_at=now,
                attempts=table.c.attempts + 1,
                code=code,
                message=None if code is None else error_action(code).reason,
            )
        )

    def _now(self) -> datetime:
        now = self._clock()
        return now if self._not_before is None else max(now, self._not_before)


def _confirmed(job: OutboxJob, row: OutboxRow, record_id: str) -> AcknowledgedRow:
    key = {} if job.operation == "update" else {KEY_FIELD: row.record}
    return AcknowledgedRow(job.object, record_id, record_id, {**row.fields, **key}, "pushed")
