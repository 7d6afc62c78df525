"""The budget: what a push will cost, before its first call, and how long to wait for a job.

Belongs here: counting jobs, batches, calls and storage of a plan, what Marketo Engage will pull
again because of it, whether a few more calls have room, and the waits between polls. Doesn't belong
here: what isn't ours to spend (reserve.py), which objects go (priorities.py), asking Salesforce
(client.py), sending (perform.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.client import MULTIPART_MAX_CHARACTERS
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.reserve import share_of
from touchproof.salesforce.storage import kilobytes_of
from touchproof.salesforce.tables import Rows, count_distinct
from touchproof.salesforce.wire import JobSize, job_sizes

BATCH_ROWS = 10_000
"""Rows that Salesforce puts into one internal batch of a Bulk 2.0 job."""

MARKETO_OBJECTS = frozenset({"Lead", "Contact", "Campaign", "CampaignMember", "Opportunity"})
MARKETO_RECORDS_PER_CALL = 200
MARKETO_RECORDS_PER_HOUR = 10_000  # a community figure, per object
_EXPECTED_POLLS = 2
_RESULT_FILES = 3


@dataclass(frozen=True)
class PollPolicy:
    """Say how long to wait between looks at a job: growing, jittered, in seconds.

    Args:
        first_seconds: First wait of a small job.
        rows_per_second: Rows that Salesforce is expected to process in a second; the first look
            comes when a job should be over.
        growth: Factor from one wait to the next.
        longest_seconds: No single wait is longer.
        give_up_seconds: After so much waiting the job is left to later runs, which look once.
    """

    first_seconds: float
    rows_per_second: int
    growth: float = 2.0
    longest_seconds: float = 120.0
    give_up_seconds: float = 2 * 3600.0

    def waits(self, rows: int, waited: float = 0.0) -> Iterator[float]:
        """Yield the waits of a job of so many rows, until it is time to give up.

        Args:
            rows: The job's.
            waited: Seconds that it has been waited for already: their waits are over.
        """
        wait = min(self.first_seconds + rows / self.rows_per_second, self.longest_seconds)
        begins = 0.0
        while max(begins, waited) < self.give_up_seconds:
            if begins >= waited:
                yield wait
            begins += wait
            wait = min(wait * self.growth, self.longest_seconds)

    def left_seconds(self, rows: int, processed: int, waited: float) -> float:
        """Return how long a job should still take at the pace that it has shown, if it has."""
        if not processed:
            return 0.0
        return min(waited * max(rows - processed, 0) / processed, self.longest_seconds)


@dataclass(frozen=True)
class CostEstimate:
    """Say what a plan costs; calls count the create, upload, close, polls and result files.

    `marketo_calls` and `marketo_delay_hours` are what Marketo Engage spends, and how much later it
    sees a new lead, because it pulls every touched record again. `storage_kilobytes` are what the
    `new_records` take.
    """

    rows: int = 0
    fields: int = 0
    jobs: int = 0
    batches: int = 0
    calls: int = 0
    new_records: int = 0
    storage_kilobytes: int = 0
    marketo_calls: int = 0
    marketo_delay_hours: float = 0.0

    @property
    def org_calls(self) -> int:
        """Return what it takes of the org's allowance, by us and by Marketo Engage."""
        return self.calls + self.marketo_calls


@dataclass(frozen=True)
class ObjectCost:
    """Say what all groups of one object cost."""

    object: str
    cost: CostEstimate


@dataclass(frozen=True)
class GroupCost:
    """Say what it takes to send one group; `fields` are its filled cells."""

    group: PlanGroup
    fields: int
    jobs: int
    batches: int
    calls: int


def is_small(size: JobSize) -> bool:
    """Tell whether a job's CSV fits into the one call that creates, uploads and closes it."""
    return size.characters <= MULTIPART_MAX_CHARACTERS


def has_room(usage: LimitUsage, calls: int, reserve_share: float) -> bool:
    """Tell whether so many calls leave the reserve of other systems untouched.

    Args:
        usage: The org's allowance as it stands.
        calls: What we'd spend.
        reserve_share: Share of the whole allowance that isn't ours to spend.
    """
    return usage.remaining - calls >= share_of(usage.max, reserve_share)


def cost_of(group: PlanGroup) -> GroupCost:
    """Count what it takes to send a group, by its real encoded bytes."""
    jobs = batches = calls = 0
    for size in job_sizes(group):
        jobs += 1
        batches += math.ceil(size.rows / BATCH_ROWS)
        calls += (1 if is_small(size) else 3) + _EXPECTED_POLLS + _RESULT_FILES
    return GroupCost(group, _cells(group), jobs, batches, calls)


def total_cost(costs: Sequence[GroupCost]) -> CostEstimate:
    """Add up what groups cost; Marketo Engage pulls a record once however many jobs touch it."""
    groups = [cost.group for cost in costs]
    touched = _records_by_object(group for group in groups if group.object in MARKETO_OBJECTS)
    made = [group for group in groups if group.kind == "creation"]
    return CostEstimate(
        rows=sum(group.rows.num_rows for group in groups),
        fields=sum(cost.fields for cost in costs),
        jobs=sum(cost.jobs for cost in costs),
        batches=sum(cost.batches for cost in costs),
        calls=sum(cost.calls for cost in costs),
        new_records=sum(group.rows.num_rows for group in made),
        storage_kilobytes=sum(kilobytes_of(one.object, one.rows.num_rows) for one in made),
        marketo_calls=sum(math.ceil(rows / MARKETO_RECORDS_PER_CALL) for rows in touched),
        marketo_delay_hours=round(max(touched, default=0) / MARKETO_RECORDS_PER_HOUR, 2),
    )


def estimate_cost(groups: Sequence[PlanGroup]) -> CostEstimate:
    """Count what it takes to send these groups."""
    return total_cost([cost_of(group) for group in groups])


def cost_by_object(costs: Sequence[GroupCost]) -> tuple[ObjectCost, ...]:
    """Add up by object, in the order in which objects first come."""
    names = dict.fromkeys(cost.group.object for cost in costs)
    of_object = {name: [cost for cost in costs if cost.group.object == name] for name in names}
    return tuple(ObjectCost(name, total_cost(found)) for name, found in of_object.items())


def _cells(group: PlanGroup) -> int:
    if not group.fields:
        return 0
    counts = group.rows.aggregate(", ".join(f'count("{field}")' for field in group.fields))
    return sum(int(count) for count in counts)


def _records_by_object(groups: Iterable[PlanGroup]) -> list[int]:
    """Return how many records of each object are touched; a group has a record once."""
    rows: dict[str, list[Rows]] = {}
    for group in groups:
        rows.setdefault(group.object, []).append(group.rows)
    return [
        found[0].num_rows if len(found) == 1 else count_distinct("record", found)
        for found in rows.values()
    ]
