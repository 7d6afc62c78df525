"""The lane of new leads: one tick, from landing and the handoff to Salesforce.

Belongs here: the order of a tick (settle what an earlier one left, opt-outs, new leads, call by
call) and its report. Doesn't belong here: each of those steps; the nightly push (push.py). The lane
never opens the warehouse, and an idle tick makes no call, not even a login.

What goes is chosen in the very transaction that writes it down: the newest landed words about
consent are read in it, so that bytes are never older than consent.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta

import pyarrow.parquet as pq
from sqlalchemy import Connection

from touchproof.clock import Clock, night_of
from touchproof.errors import SalesforceError
from touchproof.handoff import Handoff, committed_handoff
from touchproof.ledger.records import FieldValues
from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.budget import has_room
from touchproof.salesforce.client import (
    COLLECTION_MAX_RECORDS,
    Client,
    connection_from_settings,
)
from touchproof.salesforce.dead_letters import list_dead_letters
from touchproof.salesforce.error_actions import error_action
from touchproof.salesforce.inputs import RULES_SEED, SPELLINGS_SEED
from touchproof.salesforce.lane_calls import (
    CONVERTED,
    converted_contacts,
    leads_by_key,
    send,
)
from touchproof.salesforce.lane_known import (
    Known,
    lane_file,
    newest_reading,
    read_known,
    require_lane_files,
)
from touchproof.salesforce.lane_landed import Landed, newest_batches, read_landed
from touchproof.salesforce.lane_latency import lane_latency
from touchproof.salesforce.lane_outbox import FrozenRow, LaneOutbox, LaneOutcome
from touchproof.salesforce.lane_plan import (
    CONTACT,
    LEAD,
    OPT_IN,
    OPT_OUT,
    LanePlan,
    LedgerView,
    allowed,
    people_of,
    plan_lane,
)
from touchproof.salesforce.lane_report import LaneFailedError, LaneReport, require_good
from touchproof.salesforce.lane_view import NEW_LEADS, known_org, read_view
from touchproof.salesforce.outbox import OutboxJob, OutboxRow
from touchproof.salesforce.push_lock import push_lock
from touchproof.salesforce.report import refused_rows
from touchproof.salesforce.rules import read_field_rules, written_fields
from touchproof.settings import Settings
from touchproof.sources.definition import ExtractReport
from touchproof.sources.extract import extract

__all__ = ["LaneFailedError", "LaneReport", "extract_for_lane", "run_lane"]

logger = logging.getLogger(__name__)

_LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
_MOVED = ("forget", "route_to_contact")


def run_lane(
    settings: Settings,
    clock: Clock,
    *,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    client: Client | None = None,
) -> LaneReport:
    """Send what landed since the newest committed night: opt-outs, then new leads.

    Args:
        settings: The world's settings.
        clock: Tells when ledger states change.
        dry_run: Plan only: no call, no change of the ledger.
        sleep: Waits between tries of a read; seconds.
        jitter: Returns a number in [0, 1); spreads the waits.
        client: Client of the org; made from the settings when there is something to send.

    Returns:
        The report; its status is `waiting` before the first night is published.

    Raises:
        LaneFailedError: If an opt-out or too many leads were refused, or Salesforce didn't let the
            tick end, after everything was recorded.
        SalesforceError: If another tick runs, or Salesforce doesn't answer the login.
    """
    handoff = committed_handoff(settings)
    if handoff is None:
        reason = "Nothing has been published yet, so it isn't known whom the CRM has."
        return LaneReport(None, NEW_LEADS, "waiting", dry_run, waiting_reason=reason)
    require_lane_files(handoff)

    def connect() -> Client:
        return client or Client(
            connection_from_settings(settings), purpose="push", sleep=sleep, jitter=jitter
        )

    tick = _Tick(settings, handoff, Ledger.of(settings), clock, connect)
    if dry_run:
        return replace(tick.idle(tick.plan_now()), is_dry_run=True)
    with push_lock(settings.paths.ledger.with_name(f"push-{NEW_LEADS}.lock")):
        report = tick.perform()
    require_good(report, tick.refused_opt_outs, settings.max_refused_share)
    return report


def extract_for_lane(source: str, settings: Settings, clock: Clock) -> ExtractReport:
    """Land what one of the lane's sources has by now, today's growing files among it.

    Args:
        source: `app` or `web_forms`.
        settings: The world's settings.
        clock: Tells the moment; a file may lie under today's date of either time zone.
    """
    now = clock()
    business_day = night_of(now, settings.business_timezone) + timedelta(days=1)
    return extract(source, max(business_day, now.astimezone(UTC).date()), settings, clock)


@dataclass
class _Tick:
    """Carry one tick from plan to report."""

    settings: Settings
    handoff: Handoff
    ledger: Ledger
    clock: Clock
    connect: Callable[[], Client]
    landed: Landed = field(default_factory=Landed)
    known: Known = field(default_factory=Known)
    done: list[tuple[OutboxJob, LaneOutcome]] = field(default_factory=list)
    tried: set[tuple[str, str]] = field(default_factory=set)
    resumed: int = 0

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

    def perform(self) -> LaneReport:
        """Send everything that goes, call by call; each is settled before the next is chosen."""
        plan = self.plan_now()
        if plan.is_empty and not self._outbox().unfinished():
            return self.idle(plan)
        client = self.connect()
        self.org_id = client.org_id
        self.ledger.require_org(self.org_id)
        outbox = self._outbox()
        failure: SalesforceError | None = None
        try:
            self._send_everything(client, outbox)
        except SalesforceError as error:
            # A spent allowance makes leads wait; an opt-out must go, so it makes the tick red.
            is_spent = getattr(error, "code", "") == _LIMIT_EXCEEDED
            failure = None if is_spent and not self.plan_now().opt_outs else error
        return self._report(client, failure)

    def _send_everything(self, client: Client, outbox: LaneOutbox) -> None:
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
            if error.is_outcome_unknown or is_resumed:
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
        values = allowed(OPT_OUT, self.writable[object_name])
        return FrozenRow(salesforce_id, salesforce_id, values)

    def _creation(self, fields: FieldValues) -> FieldValues:
        """Return what a new lead says, and which fields it leaves empty."""
        texts = [rule.field for rule in written_fields(self.rules, LEAD) if rule.type != "boolean"]
        return {**dict.fromkeys(texts), **allowed({**fields, **OPT_IN}, self.writable[LEAD])}

    # Reporting

    @property
    def refused_opt_outs(self) -> int:
        """Count the refused opt-outs whose record is neither gone nor converted."""
        return sum(
            error_action(refusal.code).action not in _MOVED
            for job, outcome in self.done
            if job.operation == "update"
            for _, refusal in outcome.refused
        )

    def idle(self, plan: LanePlan) -> LaneReport:
        """Report a tick that sent nothing, with what it would send or leaves alone."""
        # Opt-outs whose answer was lost are among those that wait; leads count as sent.
        unheard = sum(job.rows for job in self._outbox().unfinished() if job.operation != "update")
        deferred = len(plan.opt_outs) + len(plan.creations) + plan.waiting + unheard
        return LaneReport(
            night=self.handoff.night,
            lane=NEW_LEADS,
            status="waiting" if deferred else "ok",
            planned=deferred,
            deferred=deferred,
            held=plan.held,
            skipped=plan.refused,
            dead_letters=len(list_dead_letters(self.ledger, self.org_id)),
            waiting_reason=_WAITING if deferred else None,
            latency=lane_latency(self.ledger, self.clock()),
        )

    def _report(self, client: Client, failure: SalesforceError | None) -> LaneReport:
        outcomes = [outcome for _, outcome in self.done]
        refusals = [refusal for outcome in outcomes for _, refusal in outcome.refused]
        opt_outs = sum(len(o.written) for job, o in self.done if job.operation == "update")
        created = sum(len(o.written) for job, o in self.done if job.operation != "update")
        routed = sum(len(outcome.routed) for outcome in outcomes)
        # Sent and refused only for now: these are refused, not deferred.
        retried = {(one.object, one.record) for one in refusals} & self.tried
        self.tried -= retried
        left = self.idle(self._left(retried))
        usage = client.counter.last_limit
        report = replace(
            left,
            planned=left.deferred + opt_outs + created + routed + len(refusals),
            pushed=opt_outs + created + routed,
            opt_outs=opt_outs,
            created=created,
            routed=routed,
            refused=len(refusals),
            resumed=self.resumed,
            refused_rows=refused_rows(refusals),
            push_calls=client.counter.push_calls,
            token_requests=client.counter.token_requests,
            allowance_used=usage.used if usage else None,
            allowance_max=usage.max if usage else None,
        )
        if failure is not None:
            raise LaneFailedError(
                failure.what,
                report=report,
                where=failure.where,
                todo=f"{failure.todo} The next tick goes on where this one ended.".strip(),
            ) from failure
        return report

    def _left(self, refused: Collection[tuple[str, str]]) -> LanePlan:
        """Plan once more, without the records that this tick's refusals name already."""
        plan = self.plan_now()
        return replace(
            plan,
            opt_outs=tuple(
                one for one in plan.opt_outs if (one.object, one.salesforce_id) not in refused
            ),
            creations=tuple(one for one in plan.creations if (LEAD, one.source_key) not in refused),
        )

    def _outbox(self) -> LaneOutbox:
        newest = newest_reading(self.handoff)
        not_before = newest + timedelta(microseconds=1) if newest else None
        return LaneOutbox(self.ledger, self.org_id, self.clock, not_before)


_WAITING = (
    "Records wait for the next tick: the allowance has no room for leads beside the reserve of "
    "other systems, another push holds the records, or Salesforce didn't let the tick end."
)
