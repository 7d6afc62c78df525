"""The push: from a committed handoff to the CRM, and a report that tells the truth.

Belongs here: the order of a push (settle what a killed run left, acknowledge what was read, plan,
budget, perform, report) and the commands about dead letters. Doesn't belong here: each of those
steps; the lane of new leads (lane.py), whose records it leaves alone.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

from touchproof.clock import Clock
from touchproof.errors import (
    BadInputError,
    CheckFailedError,
    PausedError,
    SalesforceError,
    TouchproofError,
)
from touchproof.ledger.store import Ledger
from touchproof.salesforce.acknowledged import Acknowledged
from touchproof.salesforce.answers import LongWaitError
from touchproof.salesforce.call_journal import LedgerJournal
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.consent_gate import ConsentGate
from touchproof.salesforce.dead_letters import (
    OPEN,
    DeadLetter,
    list_dead_letters,
    resolve_all_but,
)
from touchproof.salesforce.follow import Follower, take_out
from touchproof.salesforce.inputs import PushInputs, read_inputs
from touchproof.salesforce.landed_people import LandedPeople
from touchproof.salesforce.lane_view import known_org, lane_holds, lane_refusals
from touchproof.salesforce.member_statuses import learn_statuses
from touchproof.salesforce.moves import Moves, follow_merges, forget_moves, known_moves
from touchproof.salesforce.observe import (
    Observation,
    compare_observed,
    newest_extraction,
    overlay,
)
from touchproof.salesforce.outbox import NIGHTLY, Outbox
from touchproof.salesforce.pauses import MAX_PAUSES, PushPart, forget_part, keep_part, left_part
from touchproof.salesforce.perform import GroupResult, Waiting
from touchproof.salesforce.plan import (
    PlanLimits,
    PushPlan,
    late_children,
    plan_push,
)
from touchproof.salesforce.preflight_run import require_preflight
from touchproof.salesforce.push_lock import push_lock
from touchproof.salesforce.report import (
    PushFailedError,
    PushReport,
    report_of,
    require_good,
    require_no_long_wait,
)
from touchproof.salesforce.resume import resume
from touchproof.salesforce.retries import RetryPolicy
from touchproof.salesforce.sending import Sending, refused_in, without
from touchproof.salesforce.spending import (
    OrgLimits,
    Spending,
    deferred_creations,
    limits_seen,
    nights_waited,
    plan_spending,
)
from touchproof.salesforce.tables import Rows, push_folder
from touchproof.settings import Settings

__all__ = ["PushFailedError", "PushReport", "dead_letters", "replay", "run_push"]

logger = logging.getLogger(__name__)


def run_push(
    settings: Settings,
    night: date,
    clock: Clock,
    *,
    lane: str = NIGHTLY,
    dry_run: bool = False,
    baseline: bool = False,
    confirm: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    client: Client | None = None,
    longest_sleep: float | None = None,
) -> PushReport:
    """Plan a push from the newest committed handoff and perform it.

    Args:
        settings: The world's settings.
        night: The night that the push belongs to in the ledger and the report.
        clock: Tells when ledger states change.
        lane: `nightly`.
        dry_run: Plan only: no call, no change of the ledger.
        baseline: Only acknowledge what the extract read; nothing is planned or sent.
        confirm: Hash of a plan that was looked at and may exceed `max_changed_share`.
        sleep: Waits between polls; seconds.
        jitter: Returns a number in [0, 1); spreads the waits.
        client: Client of the org; made from the settings by default.
        longest_sleep: A longer wait for a job isn't slept, in seconds; None sleeps them all.

    Returns:
        The report, also of what this push did before a pause; its status is `waiting` if something
        waits to be confirmed or for allowance.

    Raises:
        BadInputError: For an unknown lane, or before anything was published.
        CheckFailedError: If the preflight before the first push found what would refuse our
            records; nothing was sent.
        PushFailedError: If too much was refused, an object has waited for too many nights,
            Salesforce didn't let the push end, or it isn't ready for a new field, after everything
            was recorded.
        PausedError: If a wait for a job is longer than `longest_sleep`. The next push of this night
            goes on; until it is due there is nothing to do.
        SalesforceError: If Salesforce doesn't answer before anything was sent, since a pause too.
    """
    _require_lane(lane)
    ledger = Ledger.of(settings)
    with push_folder(settings) as folder:
        inputs = read_inputs(settings, folder)
        part = left_part(ledger, night, inputs.handoff.version)
        push = _Push(settings, inputs, ledger, clock, night, folder, confirm, part=part)
        if dry_run:
            return push.plan_only()
        if baseline:
            _require_no_pause(part)
        may_pause = part.pauses < MAX_PAUSES
        waiting = Waiting.of(settings, sleep, jitter, longest_sleep if may_pause else None)
        report = push.perform_alone(client, waiting, is_baseline_only=baseline)
    require_good(report, settings.max_refused_share, settings.few_refused_records)
    waited = nights_waited(ledger, NIGHTLY, night)
    require_no_long_wait(report, waited, settings.max_waiting_nights)
    return report


def dead_letters(settings: Settings, state: str | None = OPEN) -> list[DeadLetter]:
    """Return the records that Salesforce refused, open ones by default, all for state None."""
    ledger = Ledger.of(settings)
    return list_dead_letters(ledger, known_org(ledger), state)


def replay(
    settings: Settings,
    night: date,
    clock: Clock,
    *,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    client: Client | None = None,
) -> PushReport:
    """Push only the records with an open dead letter, now; arguments as for `run_push`.

    What doesn't differ any more isn't sent, and its dead letter is resolved.
    """
    ledger = Ledger.of(settings)
    letters = list_dead_letters(ledger, known_org(ledger))
    only = frozenset((letter.object, letter.record_key) for letter in letters)
    with push_folder(settings) as folder:
        inputs = read_inputs(settings, folder)
        _require_no_pause(left_part(ledger, night, inputs.handoff.version))
        push = _Push(settings, inputs, ledger, clock, night, folder, None, only)
        report = push.perform_alone(client, Waiting.of(settings, sleep, jitter))
    require_good(report, settings.max_refused_share, settings.few_refused_records)
    return report


@dataclass(frozen=True)
class _Push:
    """Hold what one push works with: a folder for its files among it.

    `only` limits it to some (object, record); `part` is what it did before it was left.
    """

    settings: Settings
    inputs: PushInputs
    ledger: Ledger
    clock: Clock
    night: date
    folder: Path
    confirm: str | None
    only: frozenset[tuple[str, str]] | None = None
    part: PushPart = PushPart()  # noqa: RUF009  it is frozen and empty

    def plan_only(self) -> PushReport:
        """Plan on the ledger and the handoff alone, without a call."""
        org_id = known_org(self.ledger)
        outbox = Outbox(self.ledger, org_id, self.clock)
        acknowledged = outbox.acknowledged(self.folder)
        observation = self._compare_observed(acknowledged)
        known = overlay(acknowledged, observation, self.folder)
        plan = self._plan(known, outbox)
        moves = known_moves(self.ledger, org_id)
        plan, _ = take_out(plan, moves)
        plan = self._foresee(plan, known, outbox, moves)
        spending = self._spending(plan.groups, limits_seen(self.ledger))
        reasons = filter(None, (plan.waiting_reason, spending.waiting_reason))
        report = report_of(
            plan,
            observation,
            night=self.night,
            handoff_night=self.inputs.night,
            dead_letters=len(list_dead_letters(self.ledger, org_id)),
            waiting_reason=" ".join(reasons) or None,
        )
        return replace(report.with_spending(spending), is_dry_run=True)

    def perform_alone(
        self, client: Client | None, waiting: Waiting, *, is_baseline_only: bool = False
    ) -> PushReport:
        """Push while no other push of this lane runs, with a client made from the settings."""
        with push_lock(self.settings.paths.ledger.with_name(f"push-{NIGHTLY}.lock")):
            connected = client or Client(
                connection_from_settings(self.settings),
                purpose="push",
                sleep=waiting.sleep,
                jitter=waiting.jitter,
            )
            return self.perform(connected, waiting, is_baseline_only=is_baseline_only)

    def perform(self, client: Client, waiting: Waiting, *, is_baseline_only: bool) -> PushReport:
        """Push, and keep the calls of `client` in the ledger from here on."""
        org_id = client.org_id
        self.ledger.require_org(org_id)
        journal = LedgerJournal(self.ledger, NIGHTLY, self.night, self.clock)
        with journal.keeping(client.counter):
            try:
                report = self._perform(client, org_id, waiting, is_baseline_only=is_baseline_only)
            except PushFailedError:
                forget_part(self.ledger, self.night, self.part, self.clock())
                raise
            forget_part(self.ledger, self.night, self.part, self.clock())
            return report

    def _perform(
        self, client: Client, org_id: str, waiting: Waiting, *, is_baseline_only: bool
    ) -> PushReport:
        newest = newest_extraction(self.inputs.observed)
        not_before = newest + timedelta(microseconds=1) if newest else None
        outbox = Outbox(self.ledger, org_id, self.clock, not_before)
        resumed = resume(client, outbox, waiting, night=self.night)
        part, resumed = self.part.take_up(resumed)
        if part != self.part:
            keep_part(self.ledger, self.night, part, self.clock())
        failed = refused_in(resumed.outcomes)
        if isinstance(resumed.failure, LongWaitError):
            wait = resumed.failure
            self._pause(part.waiting_on(resumed, wait, client.counter), wait)
        unready = None if is_baseline_only else self._unready(client, org_id)
        observation, known = self._observe(outbox, newest)
        if is_baseline_only:
            report = report_of(
                _EMPTY_PLAN,
                observation,
                night=self.night,
                handoff_night=self.inputs.night,
                dead_letters=len(list_dead_letters(self.ledger, org_id)),
                resumed=resumed,
            )
            return part.whole(report.with_calls(client.counter, client.counter.last_limit))
        plan = self._plan(known, outbox)
        moves = known_moves(self.ledger, org_id)
        limits, stopped = OrgLimits(), None
        try:
            if learn_statuses(client, outbox, plan, self.clock(), self.folder):
                known = Acknowledged(outbox.acknowledged(self.folder))
                plan = self._plan(known, outbox)
            limits = OrgLimits.from_answer(client.limits())
        except SalesforceError as error:
            stopped = error
        plan, gone = take_out(plan, moves)
        foreseen = self._foresee(plan, known, outbox, moves)
        spending = self._spending(foreseen.sendable, limits)
        choice = spending.choice
        sendable = tuple(group for group in choice.groups if not group.is_late)
        if unready is not None or stopped is not None:
            sendable = tuple(group for group in sendable if group.kind == "consent")
        unfinished = outbox.unfinished_records() if resumed.failure else set()
        failed |= unfinished | part.refused_records
        failed |= deferred_creations(plan.sendable, sendable)
        sending = Sending(
            client=client,
            outbox=outbox,
            waiting=waiting,
            gate=self._gate(org_id),
            retry=RetryPolicy(reserve_calls=spending.reserve.calls if spending.reserve else 0),
            night=self.night,
            unfinished=unfinished,
            failed=failed,
            part=part,
        )
        follower = Follower(
            client,
            sending.send,
            outbox,
            self.inputs,
            self.settings.org_model,
            self.night,
            self.folder,
            moves,
            gone,
        )
        follower.follow_known("consent")
        sending.send_all(sendable, follower)
        if len(sendable) == len(plan.groups):
            follower.follow_known("values")
        made = any(one.pushed for one in sending.results if one.group.kind == "creation")
        if made and not sending.failure and not follower.failure:
            known = Acknowledged(outbox.acknowledged(self.folder))
            plan = self._with_late(plan, known, outbox, moves)
            late = [group for group in plan.groups if group.is_late and not choice.waits(group)]
            sending.send_all(late, follower)
        waiting_records = unfinished | sending.held_children | sending.held | follower.unsettled
        waiting_records |= part.refused_records | follower.unfollowed
        letters = self._close_dead_letters(org_id, plan, sending.results, waiting_records, follower)
        report = report_of(
            plan,
            observation,
            night=self.night,
            handoff_night=self.inputs.night,
            dead_letters=letters,
            waiting_reason=plan.waiting_reason or spending.waiting_reason,
            results=sending.results,
            followed=follower.results,
            resumed=resumed,
        )
        report = report.with_calls(client.counter, client.counter.last_limit or limits.usage)
        report = replace(
            report.with_spending(spending),
            held_children=report.held_children + len(sending.held_children),
        )
        report = part.whole(report)
        sent = [*sending.results, *follower.results]
        waits = [one.failure for one in sent if isinstance(one.failure, LongWaitError)]
        if waits:
            untold = follower.unsettled if follower.failure else set()
            self._pause(part.after(report, sent, waits[0], untold), waits[0])
        _require_answered(sending.failure or follower.failure or stopped or resumed.failure, report)
        if unready is not None:
            raise PushFailedError(
                unready.what,
                report=report,
                where=unready.where,
                todo="Only consent was sent. "
                + (
                    unready.todo
                    if isinstance(unready, SalesforceError)
                    else "Mend what `touchproof push preflight` lists."
                ),
            ) from unready
        return report

    def _gate(self, org_id: str) -> ConsentGate:
        """Return the gate of everybody who has left by what has landed since the handoff."""
        people = LandedPeople(self.settings, self.inputs.handoff)
        # Files are read now, not while a job's transaction keeps others from the ledger.
        with suppress(SalesforceError), self.ledger.reading() as connection:
            people.leaving(connection, org_id)
        return ConsentGate(self.inputs.rules, partial(people.leaving, org_id=org_id))

    def _pause(self, part: PushPart, wait: LongWaitError) -> NoReturn:
        """Leave the push, to go on when a job is to be looked at again."""
        keep_part(self.ledger, self.night, part, self.clock())
        raise PausedError(
            "The push waits for a job", seconds=wait.seconds, where=wait.where
        ) from wait

    def _foresee(
        self,
        plan: PushPlan,
        known: Acknowledged,
        outbox: Outbox,
        moves: Moves,
    ) -> PushPlan:
        """Add what will go once the plan's new records are there: its cost is told before."""
        made = [group for group in plan.groups if group.kind == "creation"]
        if not made or not plan.held_children:
            return plan
        return self._with_late(plan, known.with_made(made, self.folder), outbox, moves)

    def _with_late(
        self,
        plan: PushPlan,
        known: Acknowledged,
        outbox: Outbox,
        moves: Moves,
    ) -> PushPlan:
        """Add the children that were held back and whose parents are known now."""
        if self.only is not None or not plan.held_children:
            return plan
        again, _ = take_out(self._plan(known, outbox, plan.held_children), moves)
        return late_children(plan, again)

    def _unready(self, client: Client, org_id: str) -> TouchproofError | None:
        """Return why the org takes nothing but consent just now, None where it takes everything.

        Raises:
            CheckFailedError: If it never took a push: then nothing goes.
            SalesforceError: If it never took one and doesn't answer.
        """
        outbox = Outbox(self.ledger, org_id, self.clock)
        try:
            require_preflight(
                self.settings, self.inputs, outbox, client, self.night, self.clock, self.folder
            )
        except (CheckFailedError, SalesforceError) as error:
            if outbox.first_push_night() is None:
                raise
            return error
        return None

    def _observe(self, outbox: Outbox, newest: datetime | None) -> tuple[Observation, Acknowledged]:
        """Acknowledge what the extract read; return that, and all that is acknowledged then."""
        acknowledged = outbox.acknowledged(self.folder)
        observation = self._compare_observed(acknowledged)
        if observation.rows.num_rows:
            is_baseline = acknowledged.num_rows == 0
            outbox.acknowledge_observation(observation, is_baseline=is_baseline)
        followed = follow_merges(self.ledger, outbox.org_id, self.inputs.merged)
        forget_moves(self.ledger, outbox.org_id, newest)
        if followed:
            return observation, Acknowledged(outbox.acknowledged(self.folder))
        return observation, overlay(acknowledged, observation, self.folder)

    def _compare_observed(self, acknowledged: Rows) -> Observation:
        return compare_observed(self.inputs.observed, acknowledged, self.inputs.rules, self.folder)

    def _plan(
        self, acknowledged: Acknowledged, outbox: Outbox, objects: Collection[str] | None = None
    ) -> PushPlan:
        """Plan these objects; all by default."""
        first_push_night = outbox.first_push_night()
        is_first = first_push_night is None or first_push_night >= self.night
        is_confirmed = self.only is not None or (self.settings.confirm_first_plan and is_first)
        is_confirmed |= self.part.is_free
        limits = PlanLimits(self.settings.max_changed_share, self.confirm, is_confirmed)
        desired = self.inputs.of_objects(objects)
        plan = plan_push(desired, acknowledged, self.inputs.rules, limits, self.folder)
        held = lane_holds(self.ledger, known_org(self.ledger))
        if held:
            groups = (without(group, held) for group in plan.groups)
            plan = replace(plan, groups=tuple(group for group in groups if group.rows.num_rows))
        if self.only is None:
            return self.part.without_refused(plan)
        groups = (_restricted(group, self.only) for group in plan.groups)
        return replace(plan, groups=tuple(group for group in groups if group.rows.num_rows))

    def _spending(self, groups: Sequence[PlanGroup], limits: OrgLimits) -> Spending:
        use = self.inputs.hourly_use
        return plan_spending(groups, limits, self.settings, use, self.clock())

    def _close_dead_letters(
        self,
        org_id: str,
        plan: PushPlan,
        results: Sequence[GroupResult],
        waiting: set[tuple[str, str]],
        follower: Follower,
    ) -> int:
        """Resolve the dead letters of what went through or needs nothing; count the others."""
        outcomes = [o for result in (*results, *follower.results) for o in result.outcomes]
        still = (refused_in(outcomes) - follower.settled) | waiting
        sent = {result.group.name for result in results if result.failure is None}
        of_lane = lane_refusals(self.ledger, org_id, self.inputs.night)
        open_letters = {
            (letter.object, letter.record_key) for letter in list_dead_letters(self.ledger, org_id)
        }
        for group in plan.groups:
            named = {record for name, record in open_letters | of_lane if name == group.object}
            found = group.rows.only("record", named).column("record").to_pylist() if named else []
            records = {(group.object, str(record)) for record in found}
            if group.name in sent:
                of_lane -= records  # what the lane couldn't write went through, or is in `still`
            else:
                still |= records
        # A child whose parent went away can't be sent, which mends nothing.
        for name in {name for name, _ in open_letters} & set(plan.held_children):
            named = {record for object_name, record in open_letters if object_name == name}
            held = plan.held_children[name].only("record", named).column("record").to_pylist()
            still |= {(name, str(record)) for record in held}
        still |= of_lane
        resolve_all_but(self.ledger, org_id, still)
        return len(list_dead_letters(self.ledger, org_id))


_EMPTY_PLAN = PushPlan((), (), 0, 0, "", None)


def _require_lane(lane: str) -> None:
    if lane != NIGHTLY:
        raise BadInputError(
            "There is no such lane", where=f"lane {lane}", todo="Use nightly or new-leads."
        )


def _require_no_pause(part: PushPart) -> None:
    """Leave a push alone that is to go on.

    Raises:
        BadInputError: If it waits for a job.
    """
    if part.job_id:
        raise BadInputError(
            "The push of this night waits for a job",
            where=f"job {part.job_id}",
            todo="Let it end first: Airflow goes on with it, and so does `touchproof push`.",
        )


def _require_answered(failure: SalesforceError | None, report: PushReport) -> None:
    """Fail a push that Salesforce didn't let end, with what it did until then.

    Raises:
        PushFailedError: Naming the call, or the job that isn't over.
    """
    if failure is not None:
        raise PushFailedError(
            failure.what,
            report=report,
            where=failure.where,
            todo=f"{failure.todo} The next push goes on where this one ended.".strip(),
        ) from failure


def _restricted(group: PlanGroup, only: frozenset[tuple[str, str]]) -> PlanGroup:
    names = {record for name, record in only if name == group.object}
    return replace(group, rows=group.rows.only("record", names))
