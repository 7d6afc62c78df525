"""Reports: what a push planned and did, in the words of the design.

Belongs here: the frozen reports that leave the push, making them of its results, and the judgement
whether it went well. Doesn't belong here: doing it (push.py), showing it (report_text.py, the
command line, the pages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from touchproof.errors import TouchproofError
from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.budget import CostEstimate, ObjectCost
from touchproof.salesforce.compare import Held, Kind, Operation, PlanGroup
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.error_actions import error_action
from touchproof.salesforce.observe import Observation
from touchproof.salesforce.outbox import NIGHTLY, refused_records
from touchproof.salesforce.perform import GroupResult
from touchproof.salesforce.plan import PushPlan
from touchproof.salesforce.priorities import DeferredObject
from touchproof.salesforce.reserve import Reserve
from touchproof.salesforce.resume import Resumed
from touchproof.salesforce.session import CallCounter
from touchproof.salesforce.spending import Spending


@dataclass(frozen=True)
class GroupReport:
    """Count the records of one object, operation and kind.

    planned = pushed + refused + deferred + held. `held` are those that consent held back once their
    bytes were to be frozen; `opt_outs` are among the pushed. `calls` are what its jobs spent in
    this push.
    """

    object: str
    operation: Operation
    kind: Kind
    planned: int
    pushed: int = 0
    refused: int = 0
    deferred: int = 0
    held: int = 0
    opt_outs: int = 0
    jobs: int = 0
    calls: int = 0


@dataclass(frozen=True)
class RefusedRow:
    """Name one record that Salesforce didn't take; `record` is its Id or its source key."""

    object: str
    record: str
    code: str
    reason: str
    owner: str
    action: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class PushReport:
    """Say how a push went.

    Args:
        night: The night that was asked for.
        handoff_night: The committed night whose handoff was read.
        status: `waiting` if the plan waits to be confirmed or for the allowance; consent went.
        held: Records with something to say that consent holds back, by the plan or at the last
            moment.
        held_late: Those at the last moment: the plan had them, and their people left meanwhile.
        opt_outs: Opt-outs that Salesforce confirmed.
        held_children: Records held back because one that they hang on failed or isn't there yet.
        dead_letters: Open ones after this push.
        push_calls: Requests that counted against the allowance; token requests apart.
        changed_share: Share of the acknowledged records whose values the plan changes.
        baseline_records: Records whose values were acknowledged from reading for the first time.
        drifted_records: Records in which someone changed a field of ours.
        resumed_jobs: Jobs of a killed run that were settled or given up first.
        resumed_records: Records that those jobs had written, now acknowledged.
        needs_confirmation: Whether the plan waits for `--confirm-plan`.
        estimate: What all that could go costs, known before its first call.
        object_costs: The same by object, the most important first.
        deferred_objects: What waits for allowance or storage, the most important first.
        reserve: What wasn't ours to spend; None where the allowance isn't known.
        storage_megabytes: Data storage that was left before the push; None where it isn't known.
        limits_seen_at: When allowance and storage were seen (UTC), if that was before this push.
    """

    night: date
    handoff_night: date
    lane: str
    status: Literal["ok", "waiting"]
    is_dry_run: bool
    groups: tuple[GroupReport, ...]
    planned: int
    pushed: int
    refused: int
    deferred: int
    held: int
    held_late: int
    opt_outs: int
    held_children: int
    held_records: tuple[Held, ...]
    refused_rows: tuple[RefusedRow, ...]
    dead_letters: int
    push_calls: int
    token_requests: int
    allowance_used: int | None
    allowance_max: int | None
    plan_hash: str
    changed_share: float
    waiting_reason: str | None
    baseline_records: int
    drifted_records: int
    resumed_jobs: int
    resumed_records: int
    estimate: CostEstimate
    needs_confirmation: bool = False
    object_costs: tuple[ObjectCost, ...] = ()
    deferred_objects: tuple[DeferredObject, ...] = ()
    reserve: Reserve | None = None
    storage_megabytes: int | None = None
    limits_seen_at: datetime | None = None

    def with_spending(self, spending: Spending) -> PushReport:
        """Return the report with what the plan costs and what of it waits."""
        usage, is_before = spending.limits.usage, self.allowance_max is None
        return replace(
            self,
            estimate=spending.total,
            object_costs=spending.objects,
            deferred_objects=spending.choice.deferred,
            reserve=spending.reserve,
            storage_megabytes=spending.limits.storage_megabytes,
            limits_seen_at=spending.limits.seen_at,
            allowance_used=usage.used if usage is not None and is_before else self.allowance_used,
            allowance_max=usage.max if usage is not None and is_before else self.allowance_max,
        )

    def with_calls(self, counter: CallCounter, usage: LimitUsage | None) -> PushReport:
        """Return the report with what the push itself called, and the allowance after it."""
        return replace(
            self,
            push_calls=counter.push_calls,
            token_requests=counter.token_requests,
            allowance_used=usage.used if usage else None,
            allowance_max=usage.max if usage else None,
        )


class PushFailedError(TouchproofError):
    """Report a push that is recorded to its end and still isn't good.

    Args:
        report: What it did, refused records named.
    """

    def __init__(self, what: str, *, report: PushReport, where: str = "", todo: str = "") -> None:
        self.report = report
        super().__init__(what, where=where, todo=todo)


def report_of(
    plan: PushPlan,
    observation: Observation,
    *,
    night: date,
    handoff_night: date,
    dead_letters: int,
    waiting_reason: str | None = None,
    results: Sequence[GroupResult] = (),
    followed: Sequence[GroupResult] = (),
    resumed: Resumed | None = None,
) -> PushReport:
    """Say what a push planned and did; what it spent is added by the report's own methods.

    Args:
        plan: What it planned; a group without a result was deferred.
        observation: What it acknowledged of what the extract read.
        night: The night that was asked for.
        handoff_night: The committed night whose handoff was read.
        dead_letters: Open ones after it.
        waiting_reason: What waits and why, None if nothing does.
        results: What became of the plan's groups.
        followed: What was sent to records that others became.
        resumed: What a killed run had left.
    """
    done = {result.group.name: result for result in results}
    groups = tuple(
        _group_report(group, result)
        for group, result in [
            *((group, done.get(group.name)) for group in plan.groups),
            *((result.group, result) for result in followed),
        ]
    )
    late = sum(group.held for group in groups)
    refusals = refused_records([o for result in (*results, *followed) for o in result.outcomes])
    return PushReport(
        night=night,
        handoff_night=handoff_night,
        lane=NIGHTLY,
        status="ok" if waiting_reason is None else "waiting",
        is_dry_run=False,
        groups=groups,
        planned=sum(group.planned for group in groups),
        pushed=sum(group.pushed for group in groups),
        refused=sum(group.refused for group in groups),
        deferred=sum(group.deferred for group in groups),
        held=sum(held.creations + held.records for held in plan.held) + late,
        held_late=late,
        opt_outs=sum(group.opt_outs for group in groups) + (resumed.opt_outs if resumed else 0),
        held_children=sum(held.children for held in plan.held),
        held_records=plan.held,
        refused_rows=refused_rows(refusals),
        dead_letters=dead_letters,
        push_calls=0,
        token_requests=0,
        allowance_used=None,
        allowance_max=None,
        plan_hash=plan.plan_hash,
        changed_share=round(plan.changed_share, 6),
        waiting_reason=waiting_reason,
        needs_confirmation=plan.waiting_reason is not None,
        baseline_records=observation.baseline_records,
        drifted_records=observation.drifted_records,
        resumed_jobs=resumed.jobs if resumed else 0,
        resumed_records=resumed.written if resumed else 0,
        estimate=CostEstimate(),
    )


def _group_report(group: PlanGroup, result: GroupResult | None) -> GroupReport:
    rows = group.rows.num_rows
    if result is None:
        return GroupReport(group.object, group.operation, group.kind, rows, deferred=rows)
    return GroupReport(
        object=group.object,
        operation=group.operation,
        kind=group.kind,
        planned=rows,
        pushed=result.pushed,
        refused=result.refused,
        deferred=rows - result.pushed - result.refused - len(result.held),
        held=len(result.held),
        opt_outs=result.opt_outs,
        jobs=result.jobs,
        calls=result.calls,
    )


def refused_rows(refusals: list[Refusal]) -> tuple[RefusedRow, ...]:
    """Name refusals with reason and owner, in a fixed order."""
    rows = []
    for refusal in refusals:
        action = error_action(refusal.code)
        rows.append(
            RefusedRow(
                object=refusal.object,
                record=refusal.record,
                code=action.code,
                reason=action.reason,
                owner=action.owner,
                action=action.action,
                fields=refusal.fields,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.object, row.record)))


def require_good(report: PushReport, max_refused_share: float, few_refused: int) -> None:
    """Fail a push whose refusals are more than single records' own faults.

    Raises:
        PushFailedError: If an opt-in or opt-out was refused for another reason than that its
            record is gone or converted, or if more than `max_refused_share` of the records that
            were sent (and more than `few_refused`) were refused.
    """
    consent = sum(group.refused for group in report.groups if group.kind == "consent")
    moved = sum(error_action(row.code).is_moved for row in report.refused_rows)
    if consent > moved:
        raise PushFailedError(
            f"Salesforce refused the consent of {consent} records",
            report=report,
            where=f"push:{report.lane}",
            todo="Look at `touchproof push dead-letters` now: an opt-out must reach the CRM.",
        )
    sent = report.pushed + report.refused
    if report.refused > max(few_refused, max_refused_share * sent):
        raise PushFailedError(
            f"Salesforce refused {report.refused} of {sent} records",
            report=report,
            where=f"push:{report.lane}",
            todo="Look at `touchproof push dead-letters`; they come again with the next push.",
        )


def require_no_long_wait(
    report: PushReport, nights_waited: Mapping[str, int], max_waiting_nights: int
) -> None:
    """Fail a push that defers an object which has waited for too long.

    Args:
        report: What the push did.
        nights_waited: Nights in a row that each object waited before this one.
        max_waiting_nights: So many may be, with this one.

    Raises:
        PushFailedError: Naming the objects and what to do.
    """
    nights = {one.object: nights_waited.get(one.object, 0) + 1 for one in report.deferred_objects}
    long = {name: count for name, count in nights.items() if count > max_waiting_nights}
    if not long:
        return
    listed = ", ".join(f"{name} {count} nights" for name, count in long.items())
    raise PushFailedError(
        f"Objects wait for too long: {listed}",
        report=report,
        where=f"push:{report.lane}",
        todo=f"{report.waiting_reason or ''} See `touchproof audit-api` for who spends the "
        "allowance, and Setup, Storage Usage for the storage; nothing is lost meanwhile.".strip(),
    )
