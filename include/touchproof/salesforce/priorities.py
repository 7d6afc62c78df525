"""Which objects go when not everything can: whole objects by priority, consent in any case.

Belongs here: reading the table `object_priorities.csv` (priority, object, reason), and choosing by
it what the allowance and the data storage take. Doesn't belong here: what a group costs
(budget.py), what isn't ours to spend (reserve.py), the order in which what goes is sent (plan.py).

An object that doesn't fit waits whole, and a less important one that fits goes: its calls have
dropped out of the rolling allowance by the next night, so it takes nothing from the one that waits.
Where the data storage doesn't suffice, an object's creations wait, all of them, while its other
changes go: they need none. Storage doesn't come back overnight, so no creation passes a more
important one that waits for it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from touchproof.salesforce.budget import CostEstimate, GroupCost, total_cost
from touchproof.salesforce.compare import PlanGroup

Shortage = Literal["allowance", "storage"]


@dataclass(frozen=True)
class DeferredObject:
    """Name an object that waits: all of it for allowance, or its creations for storage.

    Args:
        org_calls: What it takes of the allowance, by us and by Marketo Engage.
        storage_kilobytes: What its new records take.
    """

    object: str
    shortage: Shortage
    rows: int
    org_calls: int
    storage_kilobytes: int


@dataclass(frozen=True)
class Choice:
    """Say what goes and what waits.

    Args:
        groups: What goes, in the plan's order.
        deferred: What waits, the most important first.
        calls_left: What was left of the room for the first object that waits for allowance, None
            where none does.
        storage_left: The same in KB.
    """

    groups: tuple[PlanGroup, ...]
    deferred: tuple[DeferredObject, ...] = ()
    calls_left: int | None = None
    storage_left: int | None = None

    def waits(self, group: PlanGroup) -> bool:
        """Tell whether a group waits with its object."""
        shortages = {one.shortage for one in self.deferred if one.object == group.object}
        is_consent, is_creation = group.kind == "consent", group.kind == "creation"
        return not is_consent and ("allowance" in shortages or (is_creation and bool(shortages)))


def choose(
    costs: Sequence[GroupCost],
    *,
    room: int | None,
    storage_kilobytes: int | None,
) -> Choice:
    """Choose what goes: consent always, then each object that fits, the most important first.

    Args:
        costs: All that could go, in the plan's order.
        room: Calls that are ours to spend; None where it isn't known, and nothing waits for them.
        storage_kilobytes: Data storage that is left; None where it isn't known.
    """
    kept = [cost for cost in costs if cost.group.kind == "consent"]
    left = None if room is None else room - total_cost(kept).org_calls
    storage = storage_kilobytes
    deferred: list[DeferredObject] = []
    short: dict[Shortage, int] = {}
    others = _by_object(costs)
    for name in sorted(others, key=priority_of):
        consent = [cost for cost in kept if cost.group.object == name]
        wanted = others[name]
        if storage is not None and total_cost(wanted).storage_kilobytes > storage:
            creations = [cost for cost in wanted if cost.group.kind == "creation"]
            deferred.append(_deferred(name, "storage", creations, []))
            short.setdefault("storage", storage)
            storage = 0
            wanted = [cost for cost in wanted if cost.group.kind != "creation"]
            if not wanted:
                continue
        needed = _further(wanted, consent)
        if left is not None and needed.org_calls > left:
            deferred.append(_deferred(name, "allowance", wanted, consent))
            short.setdefault("allowance", max(left, 0))
            continue
        kept += wanted
        if left is not None:
            left -= needed.org_calls
        if storage is not None:
            storage -= needed.storage_kilobytes
    going = {cost.group.name for cost in kept}
    return Choice(
        groups=tuple(cost.group for cost in costs if cost.group.name in going),
        deferred=tuple(deferred),
        calls_left=short.get("allowance"),
        storage_left=short.get("storage"),
    )


def priority_of(object_name: str) -> tuple[int, str]:
    """Return the rank of an object, small ones first; what the table doesn't name comes last."""
    table = _priorities()
    return table.get(object_name, max(table.values()) + 1), object_name


def _by_object(costs: Sequence[GroupCost]) -> Mapping[str, list[GroupCost]]:
    found: dict[str, list[GroupCost]] = defaultdict(list)
    for cost in costs:
        if cost.group.kind != "consent":
            found[cost.group.object].append(cost)
    return found


def _further(wanted: Sequence[GroupCost], consent: Sequence[GroupCost]) -> CostEstimate:
    """Return what an object costs on top of its consent, whose records are pulled again anyway."""
    alone = total_cost(wanted)
    pulled = total_cost([*consent, *wanted]).marketo_calls - total_cost(consent).marketo_calls
    return CostEstimate(
        rows=alone.rows,
        calls=alone.calls,
        storage_kilobytes=alone.storage_kilobytes,
        marketo_calls=pulled,
    )


def _deferred(
    name: str, shortage: Shortage, waits: Sequence[GroupCost], consent: Sequence[GroupCost]
) -> DeferredObject:
    needed = _further(waits, consent)
    return DeferredObject(name, shortage, needed.rows, needed.org_calls, needed.storage_kilobytes)


@cache
def _priorities() -> dict[str, int]:
    text = files("touchproof.salesforce").joinpath("object_priorities.csv").read_text("utf-8")
    return {row["object"]: int(row["priority"]) for row in csv.DictReader(text.splitlines())}
