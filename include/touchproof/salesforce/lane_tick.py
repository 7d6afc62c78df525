"""One tick of the lane of new leads: choosing, sending and settling its calls.

Belongs here: the order of a tick: what an earlier one left, opt-outs, new leads. Doesn't belong
here: its report (lane.py), each of those steps (lane_plan.py, lane_calls.py, lane_outbox.py).

What goes is chosen in the very transaction that writes it down: the newest landed words about
consent are read in it, so that bytes are never older than consent.

A call that fails is given up only if it surely did nothing and the next plan has its rows again.
Everything else stays in the outbox until it is known how it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pyarrow.parquet as pq
from sqlalchemy import Connection

from touchproof.clock import Clock
from touchproof.handoff import Handoff
from touchproof.ledger.records import FieldValues
from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.budget import has_room
from touchproof.salesforce.client import COLLECTION_MAX_RECORDS, Client
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.inputs import RULES_SEED, SPELLINGS_SEED
from touchproof.salesforce.lane_calls import (
    CONVERTED,
    follow_conversions,
    look_for_leads,
    send,
)
from touchproof.salesforce.lane_known import Known, lane_file, newest_reading, read_known
from touchproof.salesforce.lane_landed import Landed, newest_batches, read_landed
from touchproof.salesforce.lane_outbox import FrozenRow, LaneOutbox, LaneOutcome
from touchproof.salesforce.lane_plan import (
    CONTACT,
    LEAD,
    OPT_IN,
    OPT_OUT,
    LanePlan,
    LedgerView,
    OptOut,
    allowed,
    lacks,
    people_of,
    plan_lane,
)
from touchproof.salesforce.lane_view import (
    acknowledged_values,
    busy_records,
    known_org,
    read_view,
)
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.rules import read_field_rules, written_fields
from touchproof.settings import Settings

logger = logging.getLogger(__name__)

LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
_ITS_OWN_FAULT = (400, 404)
"""Statuses of a call that is refused for what it says; other calls may well go through."""


@dataclass
class LaneTick:
    """Carry one tick from its plan to its last call.

    Args:
        settings: The world's settings.
        handoff: The newest committed one.
        ledger: The world's ledger.
        clock: Tells when ledger states change.

    Attributes:
        done: Every call that was settled, with how it ended.
        tried: (object, record) of what was sent and isn't settled by it.
        resumed: Rows of calls that an earlier tick left.
        chosen: Calls whose rows this tick chose; their rows can be chosen again.
        sent: Calls that this tick has sent, whatever became of them.
        refused: (object, operation) whose calls Salesforce refuses.
        failure: The first error that other calls went on after.
    """

    settings: Settings
    handoff: Handoff
    ledger: Ledger
    clock: Clock
    landed: Landed = field(default_factory=Landed)
    known: Known = field(default_factory=Known)
    done: list[tuple[OutboxJob, LaneOutcome]] = field(default_factory=list)
    tried: set[tuple[str, str]] = field(default_factory=set)
    resumed: int = 0
    chosen: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    failure: SalesforceCallError | None = None

    def __post_init__(self) -> None:
        seed = pq.ParquetFile(lane_file(self.handoff, RULES_SEED)).read()
        self.rules = read_field_rules(seed)
        self.writable = {
            name: frozenset(rule.field for rule in written_fields(self.rules, name))
            for name in (LEAD, CONTACT)
        }
        self.org_id = known_org(self.ledger)

    # Planning

    def plan_now(self) -> LanePlan:
        """Plan on what the ledger says just now."""
        with self.ledger.reading() as connection:
            return self._plan(connection)

    def _plan(self, connection: Connection) -> LanePlan:
        view = self._view(connection)
        # What was sent in this tick and isn't settled by it waits for the next one.
        view = replace(view, busy=view.busy | self.tried)
        return plan_lane(self.landed, self.known, view, self.writable)

    def _view(self, connection: Connection) -> LedgerView:
        """Read the newest batches, unless they were read before, and the ledger."""
        batches = newest_batches(self.settings, self.handoff.night)
        if tuple(str(batch.path) for batch in batches) != self.landed.batches:
            spellings = lane_file(self.handoff, SPELLINGS_SEED)
            self.landed = read_landed(self.settings, batches, spellings)
            self.known = read_known(self.handoff, self.landed.identifiers)
        return read_view(connection, self.org_id, self.landed, self.known)

    # Performing

    def has_opt_outs_left(self) -> bool:
        """Tell whether an opt-out waits, or a lead that may have been made of who left since."""
        outbox = self.outbox()
        return bool(self.plan_now().opt_outs) or any(
            job.operation == "update" or self._without_consent(outbox.rows(job))
            for job in outbox.unfinished()
        )

    def has_work(self) -> bool:
        """Tell whether a call is needed; finding out costs none."""
        return bool(self.outbox().unfinished()) or not self.plan_now().is_empty

    def send_everything(self, client: Client, org_id: str) -> None:
        """Send everything that goes, call by call; each is settled before the next is chosen.

        Raises:
            SalesforceError: If Salesforce refuses a call or doesn't answer it; what was done until
                then is in `done`.
        """
        self.org_id = org_id
        self.ledger.require_org(org_id)
        outbox = self.outbox()
        left = outbox.unfinished()
        for job in left:
            if job.operation == "update":
                self.resumed += self._send(job, outbox.rows(job), client, outbox)
        while (job_ := self._next_opt_outs(outbox)) is not None:
            self._send(job_, outbox.rows(job_), client, outbox)
        for job in left:
            if job.operation != "update":
                self.resumed += self._finish(job, client, outbox)
        # What an earlier tick had created may have opted out since.
        while (job_ := self._next_opt_outs(outbox) or self._next_leads(client, outbox)) is not None:
            self._send(job_, outbox.rows(job_), client, outbox)
        if self.failure is not None:
            raise self.failure

    def _next_opt_outs(self, outbox: LaneOutbox) -> OutboxJob | None:
        """Choose and freeze the next call of opt-outs."""
        for job in outbox.unfinished():
            if job.operation == "update" and job.id not in self.sent:
                return job  # contacts of leads that were converted meanwhile
        if not self._free_opt_outs(self.plan_now()):
            return None
        with self.ledger.transaction() as connection:
            opt_outs = self._free_opt_outs(self._plan(connection))
            if not opt_outs:
                return None
            name = opt_outs[0].object
            ids = [one.salesforce_id for one in opt_outs if one.object == name]
            rows = [self._opt_out(name, one) for one in ids[:COLLECTION_MAX_RECORDS]]
            job = outbox.freeze(
                connection,
                rows,
                night=self.handoff.night,
                object_name=name,
                operation="update",
            )
        self.chosen.add(job.id)
        return job

    def _free_opt_outs(self, plan: LanePlan) -> list[OptOut]:
        return [one for one in plan.opt_outs if (one.object, "update") not in self.refused]

    def _next_leads(self, client: Client, outbox: LaneOutbox) -> OutboxJob | None:
        """Choose and freeze the next call of new leads, with consent as it is at this moment."""
        if (LEAD, "upsert") in self.refused:
            return None
        if not self.plan_now().creations or not self._has_room(client):
            return None
        with self.ledger.transaction() as connection:
            creations = self._plan(connection).creations[:COLLECTION_MAX_RECORDS]
            if not creations:
                return None
            rows = [
                FrozenRow(one.source_key, None, self._creation(one.fields), one)
                for one in creations
            ]
            job = outbox.freeze(
                connection,
                rows,
                night=self.handoff.night,
                object_name=LEAD,
                operation="upsert",
            )
        self.chosen.add(job.id)
        return job

    def _finish(self, job: OutboxJob, client: Client, outbox: LaneOutbox) -> int:
        """Settle leads that an earlier tick left: send them again, which by key makes none twice.

        A lead whose person doesn't consent any more isn't sent again. If the first sending reached
        Salesforce, the lead is acknowledged as it went out, and the opt-out follows at once.

        Returns:
            How many rows are settled now.
        """
        rows = outbox.rows(job)
        gone = self._without_consent(rows)
        kept = [row for row in rows if row not in gone]
        before = client.counter.push_calls
        try:
            settled = look_for_leads(client, gone)
        except SalesforceCallError as error:
            outbox.note_calls(job, client.counter.push_calls - before)
            self._note(error)
            return 0
        calls = client.counter.push_calls - before
        return self._send(job, kept, client, outbox, settled=settled, calls=calls)

    def _send(
        self,
        job: OutboxJob,
        rows: Sequence[OutboxRow],
        client: Client,
        outbox: LaneOutbox,
        *,
        settled: LaneOutcome = LaneOutcome(),  # noqa: B008  it is frozen and empty
        calls: int = 0,
    ) -> int:
        """Make one call and settle it, as far as its end is known; return how many rows are.

        Raises:
            SalesforceCallError: If Salesforce doesn't answer, or wouldn't take other calls either.
        """
        self.tried |= {(job.object, row.record) for row in rows}
        self.sent.add(job.id)
        before = client.counter.push_calls
        contacts: Mapping[str, str] = {}
        failure: SalesforceCallError | None = None
        message: str | None = None
        try:
            outcome = send(client, job, rows, self.rules)
        except SalesforceCallError as error:
            failure, message = error, f"Salesforce refused the call: {error.code}"
            given_up = self._given_up(job, rows, error, client)
            if given_up is None:
                outbox.note_calls(job, calls + client.counter.push_calls - before)
                self._note(error)
                return 0
            outcome = given_up
            self.refused.add((job.object, job.operation))
        else:
            try:
                outcome, contacts = follow_conversions(client, job, outcome)
            except SalesforceCallError as error:
                failure = error
                if error.status not in _ITS_OWN_FAULT:
                    outcome = _without_contact(outcome, {row.record for row, _ in outcome.refused})
        outcome = outcome.and_also(settled)
        outcome, opt_outs = self._contacts(outcome, contacts)
        outbox.settle(
            job,
            outcome,
            night=self.handoff.night,
            calls=calls + client.counter.push_calls - before,
            contacts=opt_outs,
            message=message,
        )
        # A resumed lead whose opt-out follows now isn't to wait for the next tick.
        settled_now = (*(row for row, _ in outcome.written), *outcome.withdrawn)
        self.tried -= {(job.object, row.record) for row in settled_now}
        self.done.append((job, outcome))
        logger.info(
            "lane call %s (%s %s): %s written, %s routed, %s refused, %s wait",
            job.id,
            job.object,
            job.operation,
            len(outcome.written),
            len(outcome.routed),
            len(outcome.refused),
            len(outcome.waiting),
        )
        if failure is not None:
            self._note(failure)
        return len(rows) + len(settled.written) + len(settled.withdrawn) - len(outcome.waiting)

    def _note(self, error: SalesforceCallError) -> None:
        """Remember an error that is one call's own fault; end the tick for any other."""
        if error.status not in _ITS_OWN_FAULT:
            raise error
        self.failure = self.failure or error

    def _given_up(
        self, job: OutboxJob, rows: Sequence[OutboxRow], error: SalesforceCallError, client: Client
    ) -> LaneOutcome | None:
        """Account for the rows of a call that failed; None where it has to stay in the outbox.

        What an earlier tick sent may have arrived then, and an opt-out that was routed stands in
        no plan: these calls stay while waiting may help. Else it is looked which leads are there,
        and an opt-out that no plan would have again becomes a dead letter.
        """
        if error.is_outcome_unknown:
            return None
        if job.id in self.chosen:
            return LaneOutcome(withdrawn=tuple(rows))
        if error.status not in _ITS_OWN_FAULT:
            return None
        if job.operation == "update":
            return self._planned_again(job, rows, error.code)
        try:
            return look_for_leads(client, rows)
        except SalesforceCallError:
            return None

    def _planned_again(self, job: OutboxJob, rows: Sequence[OutboxRow], code: str) -> LaneOutcome:
        """Withdraw the opt-outs that a plan would have again; name the others as refused."""
        own = {(job.object, row.record) for row in rows}
        with self.ledger.reading() as connection:
            view = self._view(connection)
        view = replace(view, busy=view.busy - own)
        planned = plan_lane(self.landed, self.known, view, self.writable).opt_outs
        again = {one.salesforce_id for one in planned if one.object == job.object}
        return LaneOutcome(
            withdrawn=tuple(row for row in rows if row.record in again),
            refused=tuple(
                (row, Refusal(job.object, row.record, row.salesforce_id, code))
                for row in rows
                if row.record not in again
            ),
        )

    def _contacts(
        self, outcome: LaneOutcome, contacts: Mapping[str, str]
    ) -> tuple[LaneOutcome, list[FrozenRow]]:
        """Return the opt-outs of contacts that go now; a lead waits for a contact that is busy."""
        if not contacts:
            return outcome, []
        ids = set(contacts.values())
        with self.ledger.reading() as connection:
            busy = {record for name, record in busy_records(connection, self.org_id, ids)}
            known = acknowledged_values(connection, self.org_id, ids)
        wanted = allowed(OPT_OUT, self.writable[CONTACT])
        lacking = {one for one in ids - busy if lacks(wanted, known.get((CONTACT, one)))}
        waiting = {lead for lead, contact in contacts.items() if contact in busy}
        opt_outs = [self._opt_out(CONTACT, one) for one in sorted(lacking)]
        return _without_contact(outcome, waiting), opt_outs

    def _without_consent(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        with self.ledger.reading() as connection:
            view = self._view(connection)
        consenting = {
            request.source_key
            for person in people_of(self.landed, self.known, view.suppressed)
            if person.state == "opted_in"
            for request in person.requests
        }
        return [row for row in rows if row.record not in consenting]

    def _has_room(self, client: Client) -> bool:
        """Tell whether one more call leaves the reserve of other systems alone, where known."""
        usage = client.counter.last_limit
        return usage is None or has_room(usage, 1, self.settings.salesforce_reserve_share)

    # Values

    def _opt_out(self, object_name: str, salesforce_id: str) -> FrozenRow:
        values = allowed(OPT_OUT, self.writable[object_name])
        return FrozenRow(salesforce_id, salesforce_id, values)

    def _creation(self, fields: FieldValues) -> FieldValues:
        """Return what a new lead says, and which fields it leaves empty."""
        texts = [rule.field for rule in written_fields(self.rules, LEAD) if rule.type != "boolean"]
        return {**dict.fromkeys(texts), **allowed({**fields, **OPT_IN}, self.writable[LEAD])}

    def outbox(self) -> LaneOutbox:
        """Return the lane's outbox of the org as it is known by now."""
        newest = newest_reading(self.handoff)
        not_before = newest + timedelta(microseconds=1) if newest else None
        return LaneOutbox(self.ledger, self.org_id, self.clock, not_before)


def _without_contact(outcome: LaneOutcome, records: Collection[str]) -> LaneOutcome:
    """Let converted leads wait, because their contact isn't known or can't be written now."""
    waiting = [
        row for row, one in outcome.refused if one.code == CONVERTED and row.record in records
    ]
    refused = tuple(pair for pair in outcome.refused if pair[0] not in waiting)
    return replace(outcome, refused=refused, waiting=(*outcome.waiting, *waiting))
