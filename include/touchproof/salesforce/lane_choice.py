"""What the lane of new leads sends next, written down in the transaction that chooses it.

Belongs here: reading the newest landed words and the ledger, and freezing the next call's bytes.
Doesn't belong here: which rows follow from what was read (lane_plan.py), sending (lane_tick.py).

The words about consent are read in the very transaction that freezes a call, so that bytes are
never older than consent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pyarrow.parquet as pq
from sqlalchemy import Connection

from touchproof.clock import Clock
from touchproof.handoff import Handoff
from touchproof.ledger.records import FieldValues
from touchproof.ledger.store import Ledger
from touchproof.salesforce.client import COLLECTION_MAX_RECORDS
from touchproof.salesforce.inputs import RULES_SEED
from touchproof.salesforce.landed_people import LandedPeople
from touchproof.salesforce.lane_known import lane_file, newest_reading
from touchproof.salesforce.lane_outbox import FrozenRow, LaneOutbox
from touchproof.salesforce.lane_plan import (
    LEAD,
    OPT_IN,
    LanePlan,
    LedgerView,
    OptOut,
    allowed,
    lacks,
    opt_out_of,
)
from touchproof.salesforce.lane_view import (
    acknowledged_values,
    busy_records,
    known_org,
)
from touchproof.salesforce.moves import Record
from touchproof.salesforce.org_model import ACCOUNT, CONTACT, rules_of
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.rules import read_field_rules, written_fields
from touchproof.settings import Settings


@dataclass
class LaneChoice:
    """Choose one call after the other.

    Args:
        settings: The world's settings.
        handoff: The newest committed one.
        ledger: The world's ledger.
        clock: Tells when ledger states change.

    Attributes:
        tried: (object, record) of what this tick sent and isn't settled by it; it waits.
        refused: (object, operation) whose calls Salesforce refuses; their rows wait.
    """

    settings: Settings
    handoff: Handoff
    ledger: Ledger
    clock: Clock
    tried: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    _people: LandedPeople = field(init=False)

    def __post_init__(self) -> None:
        self._people = LandedPeople(self.settings, self.handoff)
        seed = pq.ParquetFile(lane_file(self.handoff, RULES_SEED)).read()
        self.rules = rules_of(read_field_rules(seed), self.settings.org_model)
        self._writable = {
            name: frozenset(rule.field for rule in written_fields(self.rules, name))
            for name in (LEAD, CONTACT, ACCOUNT)
        }
        newest = newest_reading(self.handoff)
        self._not_before = newest + timedelta(microseconds=1) if newest else None
        self.org_id = known_org(self.ledger)

    def outbox(self) -> LaneOutbox:
        """Return the lane's outbox of the org as it is known by now."""
        return LaneOutbox(self.ledger, self.org_id, self.clock, self._not_before)

    # Planning

    def plan_now(self) -> LanePlan:
        """Plan on what the ledger says just now."""
        with self.ledger.reading() as connection:
            return self._plan(connection)

    def has_opt_outs_left(self) -> bool:
        """Tell whether an opt-out waits, or a lead that may have been made of who left since."""
        outbox = self.outbox()
        return bool(self.plan_now().opt_outs) or any(
            job.operation == "update" or self.without_consent(outbox.rows(job))
            for job in outbox.unfinished()
        )

    def without_consent(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Return the leads among a call's rows whose person doesn't consent any more."""
        with self.ledger.reading() as connection:
            view = self._view(connection)
        consenting = {
            request.source_key
            for person in self._people.people(view)
            if person.state == "opted_in"
            for request in person.requests
        }
        return [row for row in rows if row.record not in consenting]

    def planned_again(self, job: OutboxJob, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Return the opt-outs among a call's rows that a plan without this call would have."""
        own = {(job.object, row.record) for row in rows}
        with self.ledger.reading() as connection:
            view = self._view(connection)
        view = replace(view, busy=view.busy - own)
        planned = self._people.plan(view, self._writable).opt_outs
        return [row for row in rows if OptOut(job.object, row.record) in planned]

    def _plan(self, connection: Connection) -> LanePlan:
        view = self._view(connection)
        view = replace(view, busy=view.busy | self.tried)
        return self._people.plan(view, self._writable)

    def _view(self, connection: Connection) -> LedgerView:
        return self._people.view(connection, self.org_id)

    # Freezing

    def next_opt_outs(self) -> OutboxJob | None:
        """Choose and freeze the next call of opt-outs, those of one object."""
        if not self._free_opt_outs(self.plan_now()):
            return None
        with self.ledger.transaction() as connection:
            opt_outs = self._free_opt_outs(self._plan(connection))
            if not opt_outs:
                return None
            name = opt_outs[0].object
            ids = [one.salesforce_id for one in opt_outs if one.object == name]
            rows = [self._opt_out(name, one) for one in ids[:COLLECTION_MAX_RECORDS]]
            return self.outbox().freeze(
                connection,
                rows,
                night=self.handoff.night,
                object_name=name,
                operation="update",
            )

    def next_leads(self) -> OutboxJob | None:
        """Choose and freeze the next call of new leads, with consent as it is at this moment."""
        if (LEAD, "upsert") in self.refused or not self.plan_now().creations:
            return None
        with self.ledger.transaction() as connection:
            creations = self._plan(connection).creations[:COLLECTION_MAX_RECORDS]
            if not creations:
                return None
            rows = [
                FrozenRow(one.source_key, None, self._creation(one.fields), one)
                for one in creations
            ]
            return self.outbox().freeze(
                connection,
                rows,
                night=self.handoff.night,
                object_name=LEAD,
                operation="upsert",
            )

    def opt_outs_of(
        self, records: Collection[Record]
    ) -> tuple[dict[str, list[FrozenRow]], frozenset[Record]]:
        """Return the opt-outs that records lack, by object, and the records that wait.

        A record waits while it stands in a push's outbox.
        """
        ids = {record for _, record in records}
        with self.ledger.reading() as connection:
            busy = busy_records(connection, self.org_id, ids)
            known = acknowledged_values(connection, self.org_id, ids)
        found: dict[str, list[FrozenRow]] = {}
        for name, record in sorted(set(records) - busy):
            row = self._opt_out(name, record)
            if lacks(row.fields, known.get((name, record))):
                found.setdefault(name, []).append(row)
        return found, busy

    def _free_opt_outs(self, plan: LanePlan) -> list[OptOut]:
        return [one for one in plan.opt_outs if (one.object, "update") not in self.refused]

    def _opt_out(self, object_name: str, salesforce_id: str) -> FrozenRow:
        values = allowed(opt_out_of(object_name), self._writable[object_name])
        return FrozenRow(salesforce_id, salesforce_id, values)

    def _creation(self, fields: FieldValues) -> FieldValues:
        """Return what a new lead says, and which fields it leaves empty."""
        texts = [rule.field for rule in written_fields(self.rules, LEAD) if rule.type != "boolean"]
        return {**dict.fromkeys(texts), **allowed({**fields, **OPT_IN}, self._writable[LEAD])}
