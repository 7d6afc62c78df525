"""One tick of the lane of new leads: sending and settling its calls.

Belongs here: the order of a tick (what an earlier one left, opt-outs, new leads) and what follows
from a call that fails. Doesn't belong here: its report (lane.py), which rows go (lane_choice.py),
the call itself (lane_calls.py), how its end is written down (lane_outbox.py).

A call that fails is given up only if it surely did nothing and the next plan has its rows again.
Everything else stays in the outbox until it is known how it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.budget import has_room
from touchproof.salesforce.client import Client
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.lane_calls import (
    follow_moves,
    look_for_leads,
    send,
)
from touchproof.salesforce.lane_choice import LaneChoice
from touchproof.salesforce.lane_outbox import FrozenRow, LaneOutbox, LaneOutcome
from touchproof.salesforce.moves import may_have_moved
from touchproof.salesforce.outbox import OutboxJob, OutboxRow

logger = logging.getLogger(__name__)

LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
_ITS_OWN_FAULT = (400, 404)
"""Statuses of a call that is refused for what it says; other calls may well go through."""


@dataclass
class LaneTick:
    """Carry one tick from its first call to its last.

    Args:
        choice: Chooses the calls.

    Attributes:
        done: Every call that was settled, with how it ended.
        resumed: Rows of calls that an earlier tick left and that are settled now.
    """

    choice: LaneChoice
    done: list[tuple[OutboxJob, LaneOutcome]] = field(default_factory=list)
    resumed: int = 0
    _chosen: set[int] = field(default_factory=set)  # their rows can be chosen again
    _sent: set[int] = field(default_factory=set)
    _failure: SalesforceCallError | None = None

    def has_work(self) -> bool:
        """Tell whether a call is needed; finding out costs none."""
        return bool(self.choice.outbox().unfinished()) or not self.choice.plan_now().is_empty

    def send_everything(self, client: Client, org_id: str) -> None:
        """Send everything that goes, call by call; each is settled before the next is chosen.

        Raises:
            SalesforceError: If Salesforce refuses a call or doesn't answer it; what was done until
                then is in `done`.
        """
        self.choice.org_id = org_id
        self.choice.ledger.require_org(org_id)
        outbox = self.choice.outbox()
        left = outbox.unfinished()
        for job in left:
            if job.operation == "update":
                self.resumed += self._send(job, outbox.rows(job), client, outbox)
        while (next_job := self._next_opt_outs(outbox)) is not None:
            self._send(next_job, outbox.rows(next_job), client, outbox)
        for job in left:
            if job.operation != "update":
                self.resumed += self._finish(job, client, outbox)
        # What an earlier tick had created may have opted out since.
        while (next_job := self._next_opt_outs(outbox) or self._next_leads(client)) is not None:
            self._send(next_job, outbox.rows(next_job), client, outbox)
        if self._failure is not None:
            raise self._failure

    def _next_opt_outs(self, outbox: LaneOutbox) -> OutboxJob | None:
        """Return the next call of opt-outs: of what records became, or a chosen one."""
        for job in outbox.unfinished():
            if job.operation == "update" and job.id not in self._sent:
                return job
        return self._remembered(self.choice.next_opt_outs())

    def _next_leads(self, client: Client) -> OutboxJob | None:
        return self._remembered(self.choice.next_leads()) if self._has_room(client) else None

    def _remembered(self, job: OutboxJob | None) -> OutboxJob | None:
        if job is not None:
            self._chosen.add(job.id)
        return job

    def _has_room(self, client: Client) -> bool:
        """Tell whether one more call leaves the reserve of other systems alone, where known."""
        usage = client.counter.last_limit
        share = self.choice.settings.salesforce_reserve_share
        return usage is None or has_room(usage, 1, share)

    def _finish(self, job: OutboxJob, client: Client, outbox: LaneOutbox) -> int:
        """Settle leads that an earlier tick left: send them again, which by key makes none twice.

        A lead whose person doesn't consent any more isn't sent again. If the first sending reached
        Salesforce, the lead is acknowledged as it went out, and the opt-out follows at once.

        Returns:
            How many rows are settled now.
        """
        rows = outbox.rows(job)
        gone = self.choice.without_consent(rows)
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
        """Make one call and settle it, as far as its end is known.

        Args:
            job: The call.
            rows: Those of its rows that are sent.
            client: Client of the org.
            outbox: The lane's.
            settled: How its other rows ended.
            calls: Requests that finding that out took.

        Returns:
            How many rows are settled now.

        Raises:
            SalesforceCallError: If Salesforce doesn't answer, or wouldn't take other calls either.
        """
        self.choice.tried |= {(job.object, row.record) for row in rows}
        self._sent.add(job.id)
        before = client.counter.push_calls
        opt_outs: dict[str, list[FrozenRow]] = {}
        failure: SalesforceCallError | None = None
        message: str | None = None
        try:
            outcome = send(client, job, rows, self.choice.rules)
        except SalesforceCallError as error:
            given_up = self._given_up(job, rows, error, client)
            if given_up is None:
                outbox.note_calls(job, calls + client.counter.push_calls - before)
                self._note(error)
                return 0
            self.choice.refused.add((job.object, job.operation))
            outcome, failure = given_up, error
            message = f"Salesforce refused the call: {error.code}"
        else:
            outcome, opt_outs, failure = self._followed(job, outcome, client)
        outcome = outcome.and_also(settled)
        outbox.settle(
            job,
            outcome,
            night=self.choice.handoff.night,
            calls=calls + client.counter.push_calls - before,
            followed=opt_outs,
            message=message,
        )
        # A resumed lead whose opt-out follows now isn't to wait for the next tick.
        free = (*(row for row, _ in outcome.written), *outcome.withdrawn)
        self.choice.tried -= {(job.object, row.record) for row in free}
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

    # Calls that fail, and records that were converted or merged

    def _note(self, error: SalesforceCallError) -> None:
        """Remember an error that is one call's own fault; end the tick for any other."""
        if error.status not in _ITS_OWN_FAULT:
            raise error
        self._failure = self._failure or error

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
        if job.id in self._chosen:
            return LaneOutcome(withdrawn=tuple(rows))
        if error.status not in _ITS_OWN_FAULT:
            return None
        if job.operation == "update":
            again = self.choice.planned_again(job, rows)
            refused = [row for row in rows if row not in again]
            return LaneOutcome(
                withdrawn=tuple(again),
                refused=tuple(
                    (row, Refusal(job.object, row.record, row.salesforce_id, error.code))
                    for row in refused
                ),
            )
        try:
            return look_for_leads(client, rows)
        except SalesforceCallError:
            return None

    def _followed(
        self, job: OutboxJob, outcome: LaneOutcome, client: Client
    ) -> tuple[LaneOutcome, dict[str, list[FrozenRow]], SalesforceCallError | None]:
        """Follow records that were converted or merged; return the opt-outs of what they are now.

        Whatever becomes of that look, which may fail, the other rows' ends are known and settled.
        Where it may go better later, and where the other record is busy, the row waits.
        """
        org_model = self.choice.settings.org_model
        try:
            outcome, moves = follow_moves(client, job, outcome, org_model)
        except SalesforceCallError as error:
            if error.status in _ITS_OWN_FAULT:
                return outcome, {}, error
            return _waiting(outcome, {row.record for row, _ in outcome.refused}), {}, error
        opt_outs, busy = self.choice.opt_outs_of(set(moves.values()))
        waiting = {record for record, to in moves.items() if to in busy}
        return _waiting(outcome, waiting), opt_outs, None


def _waiting(outcome: LaneOutcome, records: Collection[str]) -> LaneOutcome:
    """Let some of the records that may have moved wait in the outbox."""
    waiting = [
        row
        for row, one in outcome.refused
        if may_have_moved(one.object, one.code) and row.record in records
    ]
    refused = tuple(pair for pair in outcome.refused if pair[0] not in waiting)
    return replace(outcome, refused=refused, waiting=(*outcome.waiting, *waiting))
