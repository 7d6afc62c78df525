"""Pauses: a push that is left while Salesforce works, and goes on later as the same push.

Belongs here: what a push keeps of itself when it is left, in the ledger, and the report of the
whole made of its parts. Doesn't belong here: when a wait is too long (perform.py), what is left of
its jobs (resume.py), who comes again (the DAGs).

Whoever pushes the same night next goes on with it: what was written is acknowledged, the job that
was waited for is in the outbox, and the rest is planned afresh. Only what Salesforce refused looks
as if it had never been sent; it is named here, or every part would send it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Literal

from pydantic import TypeAdapter

from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import LongWaitError
from touchproof.salesforce.budget import CostEstimate, ObjectCost
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.outbox import NIGHTLY, refused_records
from touchproof.salesforce.perform import Begun, GroupResult
from touchproof.salesforce.plan import PushPlan
from touchproof.salesforce.report import GroupReport, PushReport, RefusedRow, refused_rows
from touchproof.salesforce.resume import Resumed
from touchproof.salesforce.session import CallCounter

STEP = f"paused:{NIGHTLY}"
MAX_PAUSES = 100
"""A push that was left so often stays from then on: each pause is longer than a minute."""
_OPEN, _OVER = "waiting", "ok"  # as the ledger's runs call it


@dataclass(frozen=True)
class RefusedOnce:
    """Name a row that a part sent and Salesforce refused: its group, its object, its record."""

    group: str
    object: str
    record: str


@dataclass(frozen=True)
class FirstPlan:
    """Keep what was told of the plan before anything of it was sent.

    `is_free` says that it might go: what is left of it needs no confirmation of its own.
    """

    plan_hash: str
    changed_share: float
    estimate: CostEstimate
    object_costs: tuple[ObjectCost, ...]
    is_free: bool


@dataclass(frozen=True)
class PushPart:
    """Hold what a push had done when it was left; nothing, if it begins now.

    Args:
        groups: What it had sent; what waited or was held back is planned again.
        refused_rows: Refusals of the groups that were over, as the report names them.
        refused: The same as rows of the plan.
        plan: Its plan; None before it had one.
        job_id: Salesforce's id of the job that it waits for.
        job_group: Number of that job's group in `groups`; None for a job of an earlier push.
        begun_group: Name of the group in which it was left.
        begun: What it did of that group and couldn't end.
        pauses: How often it was left.
        handoff_version: What it pushed.
    """

    groups: tuple[GroupReport, ...] = ()
    refused_rows: tuple[RefusedRow, ...] = ()
    refused: tuple[RefusedOnce, ...] = ()
    plan: FirstPlan | None = None
    job_id: str = ""
    job_group: int | None = None
    begun_group: str = ""
    begun: Begun = Begun()  # noqa: RUF009  it is frozen and empty
    pauses: int = 0
    handoff_version: str = ""
    push_calls: int = 0
    token_requests: int = 0
    baseline_records: int = 0
    drifted_records: int = 0
    resumed_jobs: int = 0
    resumed_records: int = 0
    resumed_opt_outs: int = 0

    @property
    def is_free(self) -> bool:
        """Tell whether its plan was allowed to go."""
        return self.plan is not None and self.plan.is_free

    @property
    def refused_records(self) -> set[tuple[str, str]]:
        """Return (object, record) of what it sent in vain."""
        return {(one.object, one.record) for one in self.refused}

    def without_refused(self, plan: PushPlan) -> PushPlan:
        """Return a plan without the rows that this push has sent in vain."""
        if not self.refused:
            return plan
        groups = [self._left_of(group) for group in plan.groups]
        return replace(plan, groups=tuple(group for group in groups if group.rows.num_rows))

    def begun_of(self, group: PlanGroup) -> Begun:
        """Return what was done of a group in which the push was left, of the rows it still has."""
        if _name(group) != self.begun_group or not self.begun.refused:
            return Begun()
        found = set(group.rows.only("record", self.begun.records).column("record").to_pylist())
        wanted = tuple(one for one in self.begun.refused if one.record in found)
        return replace(self.begun, refused=wanted)

    def _left_of(self, group: PlanGroup) -> PlanGroup:
        records = {one.record for one in self.refused if one.group == _name(group)}
        return replace(group, rows=group.rows.without(records, "record")) if records else group

    def take_up(self, resumed: Resumed) -> tuple[PushPart, Resumed]:
        """Count the job that was waited for as this push's own, if it is over.

        Returns:
            The part with it, and what else was resumed.
        """
        own = [one for one in resumed.settled if one.job_id == self.job_id]
        if self.job_group is None or not own:
            return self, resumed
        written = own[0].outcome.written.num_rows
        group = self.groups[self.job_group]
        done = replace(
            group,
            planned=group.planned + written,
            pushed=group.pushed + written,
            opt_outs=group.opt_outs + own[0].outcome.opt_outs,
            jobs=group.jobs + 1,
            calls=group.calls + own[0].calls,
        )
        groups = (*self.groups[: self.job_group], done, *self.groups[self.job_group + 1 :])
        others = tuple(one for one in resumed.settled if one is not own[0])
        refused = (refusal for _, refusal in own[0].outcome.refused)
        known = {one.record: one for one in (*self.begun.refused, *refused)}
        begun = replace(self.begun, refused=tuple(known.values()))
        return (
            replace(self, groups=groups, job_id="", job_group=None, begun=begun),
            replace(resumed, jobs=resumed.jobs - 1, settled=others),
        )

    def whole(self, report: PushReport) -> PushReport:
        """Return the report of the whole push, given that of its last part."""
        if not self.pauses:
            return report
        groups = list(self.groups)
        for later in report.groups:
            same = [number for number, one in enumerate(self.groups) if _name(one) == _name(later)]
            if same:
                groups[same[0]] = _sum(groups[same[0]], later)
            else:
                groups.append(later)
        groups = [group for group in groups if group.planned or group.jobs]
        rows = (*self.refused_rows, *report.refused_rows)
        plan = self.plan or _first_plan(report)
        return replace(
            report,
            plan_hash=plan.plan_hash,
            changed_share=plan.changed_share,
            estimate=plan.estimate,
            object_costs=plan.object_costs,
            groups=tuple(groups),
            planned=sum(group.planned for group in groups),
            pushed=sum(group.pushed for group in groups),
            refused=sum(group.refused for group in groups),
            deferred=sum(group.deferred for group in groups),
            opt_outs=_opt_outs(groups)
            + self.resumed_opt_outs
            + (report.opt_outs - _opt_outs(report.groups)),
            refused_rows=tuple(sorted(rows, key=lambda row: (row.object, row.record))),
            push_calls=self.push_calls + report.push_calls,
            token_requests=self.token_requests + report.token_requests,
            baseline_records=self.baseline_records + report.baseline_records,
            drifted_records=self.drifted_records + report.drifted_records,
            resumed_jobs=self.resumed_jobs + report.resumed_jobs,
            resumed_records=self.resumed_records + report.resumed_records,
        )

    def waiting_on(self, resumed: Resumed, wait: LongWaitError, counter: CallCounter) -> PushPart:
        """Return this part, still waiting: the push looked at its jobs and did nothing else.

        Args:
            resumed: What became of other pushes' jobs.
            wait: The wait that is too long.
            counter: Has what looking took.
        """
        return replace(
            self,
            job_id=wait.job_id,
            job_group=self.job_group if wait.job_id == self.job_id else None,
            pauses=self.pauses + 1,
            push_calls=self.push_calls + counter.push_calls,
            token_requests=self.token_requests + counter.token_requests,
            resumed_jobs=self.resumed_jobs + len(resumed.settled),
            resumed_records=self.resumed_records + resumed.written,
            resumed_opt_outs=self.resumed_opt_outs + resumed.opt_outs,
        )

    def after(
        self,
        report: PushReport,
        results: Sequence[GroupResult],
        wait: LongWaitError,
        untold: set[tuple[str, str]],
    ) -> PushPart:
        """Return what a push had done that is left in one of its own jobs.

        Args:
            report: Of the whole push until then, this part's before among it.
            results: What this time became of its groups and of what it sent to other records.
            wait: The wait that is too long.
            untold: (object, record) of refusals that are to be followed up again.
        """
        refused = {
            RefusedOnce(_name(result.group), refusal.object, refusal.record)
            for result in results
            for refusal in refused_records(result.outcomes)
            if result.failure is None and (refusal.object, refusal.record) not in untold
        }
        known = (*self.refused, *sorted(refused, key=lambda one: (one.group, one.record)))
        left = next((result for result in results if result.failure is wait), None)
        groups = [_done(group) for group in report.groups]
        cut_short = [result for result in results if result.failure is not None]
        for result in cut_short:
            if result.refused:
                at = _place(report, result.group, "refused")
                planned = groups[at].planned - result.refused
                refused_before = groups[at].refused - result.refused
                groups[at] = replace(groups[at], planned=planned, refused=refused_before)
        # Rows of its job are neither written nor refused: they are told as deferred until then.
        number = None if left is None else _place(report, left.group, "deferred")
        outcomes = [outcome for result in cut_short for outcome in result.outcomes]
        sent_again = set(refused_rows(refused_records(outcomes)))
        return PushPart(
            groups=tuple(groups),
            refused_rows=tuple(row for row in report.refused_rows if row not in sent_again),
            refused=known,
            plan=self.plan or _first_plan(report),
            job_id=wait.job_id,
            job_group=number,
            begun_group=_name(left.group) if left else "",
            begun=_begun(left) if left else Begun(),
            pauses=self.pauses + 1,
            handoff_version=self.handoff_version,
            push_calls=report.push_calls,
            token_requests=report.token_requests,
            baseline_records=report.baseline_records,
            drifted_records=report.drifted_records,
            resumed_jobs=report.resumed_jobs,
            resumed_records=report.resumed_records,
            resumed_opt_outs=report.opt_outs - _opt_outs(report.groups),
        )


def keep_part(ledger: Ledger, night: date, part: PushPart, at: datetime) -> None:
    """Keep what a push has done, until the next one of this night goes on with it."""
    from touchproof.steps import as_json

    ledger.record_run(night, STEP, _OPEN, as_json(part), at)


def left_part(ledger: Ledger, night: date, handoff_version: str) -> PushPart:
    """Return what a push of this night had done when it was left, an empty part if none was.

    Of another handoff only what was done counts: its plan is new, and what was refused may go.
    """
    runs = ledger.runs(night, step=STEP)
    if not runs or runs[-1].status != _OPEN:
        return PushPart(handoff_version=handoff_version)
    told = {field.name: runs[-1].report[field.name] for field in fields(PushPart)}
    part = TypeAdapter(PushPart).validate_python(told)
    if part.handoff_version == handoff_version:
        return part
    return replace(
        part,
        handoff_version=handoff_version,
        plan=None,
        refused=(),
        begun_group="",
        begun=Begun(),
    )


def forget_part(ledger: Ledger, night: date, part: PushPart, at: datetime) -> None:
    """Note that a push is over, if it was ever left."""
    if part.pauses:
        ledger.record_run(night, STEP, _OVER, {}, at)


def _name(group: PlanGroup | GroupReport) -> str:
    """Name a group; a late one isn't late any more when the push goes on."""
    return f"{group.object} {group.operation} {group.kind}"


def _place(report: PushReport, group: PlanGroup, count: Literal["refused", "deferred"]) -> int:
    """Return where a report has a group: of several of that name the one that has most to tell."""
    named = [at for at, one in enumerate(report.groups) if _name(group) == _name(one)]
    return max(named, key=lambda at: int(getattr(report.groups[at], count)))


def _first_plan(report: PushReport) -> FirstPlan:
    return FirstPlan(
        report.plan_hash,
        report.changed_share,
        report.estimate,
        report.object_costs,
        not report.needs_confirmation,
    )


def _begun(result: GroupResult) -> Begun:
    return Begun(tuple(refused_records(result.outcomes)), result.rounds)


def _done(group: GroupReport) -> GroupReport:
    """Return what a group has behind it; the others of its rows are planned again."""
    return replace(group, planned=group.pushed + group.refused, deferred=0, held=0)


def _opt_outs(groups: Sequence[GroupReport]) -> int:
    return sum(group.opt_outs for group in groups)


def _sum(group: GroupReport, later: GroupReport) -> GroupReport:
    return replace(
        group,
        planned=group.planned + later.planned,
        pushed=group.pushed + later.pushed,
        refused=group.refused + later.refused,
        deferred=group.deferred + later.deferred,
        held=group.held + later.held,
        opt_outs=group.opt_outs + later.opt_outs,
        jobs=group.jobs + later.jobs,
        calls=group.calls + later.calls,
    )
