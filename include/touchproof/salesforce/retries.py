"""Retries within a push: rows that another process locked go again, in smaller jobs.

Belongs here: which rows go again, how they are cut and ordered, how long to wait, when to give up,
pure. Doesn't belong here: sending them (perform.py), what other refusals mean (error_actions.csv).

Each retry is a job of its own in the outbox. Between two of them the refusal stands in the ledger
as a dead letter, so that a push that is killed there has lost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.budget import estimate_cost
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.error_actions import RETRY_NOW, error_action
from touchproof.salesforce.outbox import JobOutcome


@dataclass(frozen=True)
class RetryPolicy:
    """Say how often, how soon and in which jobs locked rows go again.

    Args:
        rounds: Retries of a row at most; then its dead letter stays.
        job_rows: Rows of a job; Salesforce works through so few one after the other.
        max_jobs: Jobs of one round at most, so that a locked table doesn't eat the allowance; the
            jobs become larger then.
        first_seconds: Wait before the first round.
        growth: Factor from one wait to the next.
        reserve_calls: Calls of the allowance that retries leave alone; those of consent don't.
    """

    rounds: int = 3
    job_rows: int = 200
    max_jobs: int = 10
    first_seconds: float = 20.0
    growth: float = 3.0
    reserve_calls: int = 0

    def waits(self, jitter: Callable[[], float]) -> Iterator[float]:
        """Yield the seconds before each round, from half as long to half as long again."""
        for number in range(self.rounds):
            yield self.first_seconds * self.growth**number * (0.5 + jitter())

    def may_go(self, pieces: Sequence[PlanGroup], usage: LimitUsage | None) -> bool:
        """Tell whether a round leaves the reserve alone; consent goes in any case."""
        if usage is None or all(piece.kind == "consent" for piece in pieces):
            return True
        return usage.remaining - estimate_cost(pieces).calls >= self.reserve_calls


def locked_records(outcomes: Sequence[JobOutcome]) -> frozenset[str]:
    """Return the records that were refused and may go through within the same push."""
    return frozenset(
        refusal.record
        for outcome in outcomes
        for _, refusal in outcome.refused
        if error_action(refusal.code).action == RETRY_NOW
    )


def pieces_of(
    group: PlanGroup, records: Collection[str], policy: RetryPolicy
) -> tuple[PlanGroup, ...]:
    """Cut some rows of a group into small jobs.

    Rows keep the group's order, which has those of one parent together: jobs go one after the
    other, so that two of them never want the same parent at once.
    """
    if not records:
        return ()
    rows = group.rows.only("record", records)
    size = max(policy.job_rows, -(-rows.num_rows // policy.max_jobs))
    starts = range(0, rows.num_rows, size)
    return tuple(replace(group, rows=rows.slice(start, size)) for start in starts)


def and_retried(
    outcomes: Sequence[JobOutcome], retried: JobOutcome | None, records: Collection[str]
) -> list[JobOutcome]:
    """Return outcomes in which each retried row ended as its retry did.

    Args:
        outcomes: Of the group's jobs until then.
        retried: Of the retry; None where consent has held all of it back since.
        records: The retry's.
    """
    earlier = [
        replace(one, refused=tuple(pair for pair in one.refused if pair[0].record not in records))
        for one in outcomes
    ]
    return earlier if retried is None else [*earlier, retried]
