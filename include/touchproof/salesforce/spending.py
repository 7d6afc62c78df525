"""What a push may spend, which objects go for it, and which wait.

Belongs here: the org's limits as a push sees them or saw them last, and the plan's costs put
against them. Doesn't belong here: counting costs (budget.py), the reserve (reserve.py), the choice
by priority (priorities.py), showing it (report_text.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.budget import (
    CostEstimate,
    ObjectCost,
    cost_by_object,
    cost_of,
    total_cost,
)
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.priorities import Choice, DeferredObject, choose, priority_of
from touchproof.salesforce.reserve import HourlyUse, Reserve, reserve_of
from touchproof.salesforce.storage import KILOBYTES_A_MEGABYTE, megabytes
from touchproof.salesforce.storage import LIMIT as STORAGE_LIMIT
from touchproof.settings import Settings

ALLOWANCE_LIMIT = "DailyApiRequests"
_PUSH = "push:"


@dataclass(frozen=True)
class OrgLimits:
    """Say what the org has left.

    Args:
        usage: The allowance of calls; None where it isn't known.
        storage_megabytes: Data storage that is left; None where it isn't known.
        seen_at: When the ledger noted it (UTC); None where the org answered just now.
    """

    usage: LimitUsage | None = None
    storage_megabytes: int | None = None
    seen_at: datetime | None = None

    @classmethod
    def from_answer(cls, limits: Mapping[str, LimitUsage]) -> OrgLimits:
        """Read what `/limits` answered."""
        storage = limits.get(STORAGE_LIMIT)
        left = None if storage is None else storage.remaining
        return cls(limits.get(ALLOWANCE_LIMIT), left)


@dataclass(frozen=True)
class Spending:
    """Say what a plan costs, what of it goes and what waits.

    Args:
        objects: What each object costs, the most important first.
        total: What the whole plan costs.
        reserve: What isn't ours to spend; None where the allowance isn't known.
        room: Calls that are ours to spend; None where the allowance isn't known.
    """

    objects: tuple[ObjectCost, ...]
    total: CostEstimate
    choice: Choice
    limits: OrgLimits
    reserve: Reserve | None
    room: int | None

    @property
    def waiting_reason(self) -> str | None:
        """Return which objects wait, what they need and what is left; None where all goes."""
        reasons = []
        short = _waiting(self.choice, "allowance")
        if short and self.limits.usage is not None and self.reserve is not None:
            listed = ", ".join(
                f"{one.object} ({one.rows:,} records, {one.org_calls:,} calls)" for one in short
            )
            reasons.append(
                f"{listed} {_verb(short)} for allowance: {self.choice.calls_left or 0:,} calls "
                f"were left for the first of them. Of {self.limits.usage.max:,} a day "
                f"{self.limits.usage.used:,} are used and {self.reserve.calls:,} reserved for "
                "other systems and new leads. It goes with the next push that has room."
            )
        short = _waiting(self.choice, "storage")
        if short:
            listed = ", ".join(
                f"new {one.object} records ({one.rows:,}, {megabytes(one.storage_kilobytes):,} MB)"
                for one in short
            )
            left = (self.choice.storage_left or 0) // KILOBYTES_A_MEGABYTE
            reasons.append(
                f"{listed} {_verb(short)} for data storage, of which {left:,} MB are left. Make "
                "room or buy storage; they go with the next push after that."
            )
        return " ".join(reasons) or None


def plan_spending(
    groups: Sequence[PlanGroup],
    limits: OrgLimits,
    settings: Settings,
    use: HourlyUse,
    now: datetime,
) -> Spending:
    """Put what groups cost against what the org has left.

    Args:
        groups: All that could go, in the plan's order.
        limits: What the org has left.
        settings: Have the shares of the reserve.
        use: What others called, by hour.
        now: A UTC moment.
    """
    costs = [cost_of(group) for group in groups]
    usage = limits.usage
    reserve = room = None
    if usage is not None:
        shares = (settings.salesforce_reserve_share, settings.salesforce_lane_share)
        reserve = reserve_of(usage.max, *shares, use, now)
        room = usage.remaining - reserve.calls
    storage = limits.storage_megabytes
    kilobytes = None if storage is None else storage * KILOBYTES_A_MEGABYTE
    objects = sorted(cost_by_object(costs), key=lambda one: priority_of(one.object))
    return Spending(
        objects=tuple(objects),
        total=total_cost(costs),
        choice=choose(costs, room=room, storage_kilobytes=kilobytes),
        limits=limits,
        reserve=reserve,
        room=room,
    )


def deferred_creations(
    groups: Sequence[PlanGroup], going: Sequence[PlanGroup]
) -> set[tuple[str, str]]:
    """Return (object, record) of what would be made and waits: its children wait with it."""
    kept = {group.name for group in going}
    waiting = (one for one in groups if one.kind == "creation" and one.name not in kept)
    return set().union(*(group.records for group in waiting))


def limits_seen(ledger: Ledger) -> OrgLimits:
    """Return what the last pushes and preflights saw of the org's limits, from the ledger."""
    usage = storage = seen_at = None
    for run in reversed(ledger.runs()):
        told = run.report
        if not isinstance(told, Mapping):
            continue
        if usage is None and run.step.startswith(_PUSH) and told.get("allowance_max") is not None:
            usage = LimitUsage(int(told.get("allowance_used") or 0), int(told["allowance_max"]))
            seen_at = run.recorded_at
        if storage is None and told.get("storage_megabytes") is not None:
            storage = int(told["storage_megabytes"])
            seen_at = seen_at or run.recorded_at
    return OrgLimits(usage, storage, seen_at)


def nights_waited(ledger: Ledger, lane: str, night: date) -> dict[str, int]:
    """Return how many nights in a row each object waited up to the one before this night's push.

    A night is counted by its newest push.
    """
    step = f"{_PUSH}{lane}"
    runs = [run for run in ledger.runs(step=step) if run.night < night]
    nights: dict[str, int] = {}
    for run in sorted(runs, key=lambda one: one.night):
        waits = {str(one["object"]) for one in run.report.get("deferred_objects", ())}
        nights = {name: nights.get(name, 0) + 1 for name in waits}
    return nights


def _waiting(choice: Choice, shortage: str) -> list[DeferredObject]:
    return [one for one in choice.deferred if one.shortage == shortage]


def _verb(waiting: Sequence[DeferredObject]) -> str:
    return "waits" if len(waiting) == 1 else "wait"
