"""One tick of the lane of new leads: choosing, sending and settling its calls.

Belongs here: the order of a tick: what an earlier one left, opt-outs, new leads. Doesn't belong
here: its report (lane.py), each of those steps (lane_plan.py, lane_calls.py, lane_outbox.py).

What goes is chosen in the very transaction that writes it down: the newest landed words about
consent are read in it, so that bytes are never older than consent.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
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
from touchproof.salesforce.inputs import RULES_SEED, SPELLINGS_SEED
from touchproof.salesforce.lane_calls import CONVERTED, converted_contacts, leads_by_key, send
from touchproof.salesforce.lane_known import Known, lane_file, newest_reading, read_known
from touchproof.salesforce.lane_landed import Landed, newest_batches, read_landed
from touchproof.salesforce.lane_outbox import FrozenRow, LaneOutbox, LaneOutcome
from touchproof.salesforce.lane_plan import (
    LEAD,
    OPT_IN,
    LanePlan,
    LedgerView,
    allowed,
    opt_out_of,
    people_of,
    plan_lane,
)
from touchproof.salesforce.lane_view import known_org, read_view
from touchproof.salesforce.org_model import ACCOUNT, CONTACT, rules_of
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.rules import read_field_rules, written_fields
from touchproof.settings import Settings

logger = logging.getLogger(__name__)

LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"


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

    def __post_init__(self) -> None:
        seed = pq.ParquetFile(lane_file(self.handoff, RULES_SEED)).read()
        self.rules = rules_of(read_field_rules(seed), self.settings.org_model)
        self.writable = {
            name: frozenset(rule.field for rule in written_fields(self.rules, name))
            for name in (LEAD, CONTACT, ACCOUNT)
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
            self.known = read_known(self.handoff, self.landed.identifiers, self.settings.org_model)
        return read_view(connection, self.org_id, self.landed, self.known)

    # Performing

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
                self._send(job, outbox.rows(job), client, outbox, is_resumed=True)
        while (job_ := self._next_opt_outs(outbox)) is not None:
            self._send(job_, outbox.rows(job_), client, outbox)
        for job in left:
            if job.operation != "update":
                self._finish(job, client, outbox)
        # What an earlier tick had created may have opted out since.
        while (job_ := self._next_opt_outs(outbox) or self._next_leads(client, outbox)) is not None:
            self._send(job_, outbox.rows(job_), client, outbox)

    def _next_opt_outs(self, outbox: LaneOutbox) -> OutboxJob | None:
        """Choose and freeze the next call of opt-outs."""
        routed = [job for job in outbox.unfinished() if job.operation == "update"]
        if routed:
            return routed[0]  # contacts of leads that were converted meanwhile
        if not self.plan_now().opt_outs:
            return None
        with self.ledger.transaction() as connection:
            opt_outs = self._plan(connection).opt_outs
            if not opt_outs:
                return None
            name = opt_outs[0].object
            ids = [one.salesforce_id for one in opt_outs if one.object == name]
            rows = [self._opt_out(name, one) for one in ids[:COLLECTION_MAX_RECORDS]]
            return outbox.freeze(
                connection,
                rows,
                night=self.handoff.night,
                object_name=name,
                operation="update",
            )

    def _next_leads(self, client: Client, outbox: LaneOutbox) -> OutboxJob | None:
        """Choose and freeze the next call of new leads, with consent as it is at this moment."""
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
            return outbox.freeze(
                connection,
                rows,
                night=self.handoff.night,
                object_name=LEAD,
                operation="upsert",
            )

    def _finish(self, job: OutboxJob, client: Client, outbox: LaneOutbox) -> None:
        """Settle leads that an earlier tick left: send them again, which by key makes none twice.

        A lead whose person doesn't consent any more isn't sent again. If the first sending reached
        Salesforce, the lead is acknowledged as it went out, and the opt-out follows at once.
        """
        rows = outbox.rows(job)
        gone = self._without_consent(rows)
        before = client.counter.push_calls
        found = leads_by_key(client, [row.record for row in gone]) if gone else {}
        settled = LaneOutcome(
            written=tuple((row, found[row.record]) for row in gone if row.record in found),
            withdrawn=tuple(row for row in gone if row.record not in found),
        )
        kept = [row for row in rows if row not in gone]
        calls = client.counter.push_calls - before
        self._send(job, kept, client, outbox, settled=settled, calls=calls, is_resumed=True)

    def _send(
        self,
        job: OutboxJob,
        rows: Sequence[OutboxRow],
        client: Client,
        outbox: LaneOutbox,
        *,
        settled: LaneOutcome = LaneOutcome(),  # noqa: B008  it is frozen and empty
        calls: int = 0,
        is_resumed: bool = False,
    ) -> None:
        """Make one call and settle it; one whose answer is lost stays for the next tick."""
        self.tried |= {(job.object, row.record) for row in rows}
        before = client.counter.push_calls
        try:
            outcome = send(client, job, rows, self.rules)
            contacts = self._contacts(job, outcome, client)
        except SalesforceCallError as error:
            calls += client.counter.push_calls - before
            # What an earlier tick left may have arrived then: it is kept while waiting may help.
            may_help = error.is_transient or error.code == LIMIT_EXCEEDED
            if error.is_outcome_unknown or (is_resumed and may_help):
                outbox.note_calls(job, calls)
            else:
                outbox.discard(job, f"Salesforce refused the call: {error.code}", calls=calls)
                self.tried -= {(job.object, row.record) for row in rows}
            raise
        outcome = replace(
            outcome,
            written=(*outcome.written, *settled.written),
            withdrawn=settled.withdrawn,
        )
        outbox.settle(
            job,
            outcome,
            night=self.handoff.night,
            calls=calls + client.counter.push_calls - before,
            contacts=[self._opt_out(CONTACT, one) for one in contacts],
        )
        # A resumed lead whose opt-out follows now isn't to wait for the next tick.
        self.tried -= {(job.object, row.record) for row, _ in outcome.written}
        self.done.append((job, outcome))
        self.resumed += is_resumed * job.rows
        logger.info(
            "lane call %s (%s %s): %s written, %s routed, %s refused",
            job.id,
            job.object,
            job.operation,
            len(outcome.written),
            len(outcome.routed),
            len(outcome.refused),
        )

    def _contacts(self, job: OutboxJob, outcome: LaneOutcome, client: Client) -> list[str]:
        """Return the contacts that take an opt-out whose lead was converted meanwhile."""
        if job.operation != "update" or job.object != LEAD:
            return []
        converted = [row.record for row, refusal in outcome.refused if refusal.code == CONVERTED]
        return sorted(set(converted_contacts(client, "Id", converted).values()))

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
        values = allowed(opt_out_of(object_name), self.writable[object_name])
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
