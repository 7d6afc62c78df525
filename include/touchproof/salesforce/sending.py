"""Sending: the groups of a push, one after the other, and what became of them.

Belongs here: what a group leaves to others (unfinished jobs, children of what failed, moved
records), and when sending stops. Doesn't belong here: one group's jobs (perform.py), which groups
go and in which order (push.py).

Whatever fails of one object's consent, the others' is sent. Nothing else goes once a call failed. A
push that is left while a job takes long, be it one of consent, sends the rest when it goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from touchproof.errors import SalesforceError
from touchproof.salesforce.answers import LongWaitError
from touchproof.salesforce.client import Client
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.consent_gate import ConsentGate
from touchproof.salesforce.follow import Follower
from touchproof.salesforce.moves import Record
from touchproof.salesforce.outbox import NIGHTLY, JobOutcome, Outbox, refused_records
from touchproof.salesforce.pauses import PushPart
from touchproof.salesforce.perform import Begun, GroupResult, Waiting, perform_group
from touchproof.salesforce.plan import hold_children
from touchproof.salesforce.retries import RetryPolicy


@dataclass
class Sending:
    """Send groups.

    Args:
        client: Client of the org.
        outbox: The nightly push's.
        waiting: How to wait for jobs.
        gate: Consent as it is when bytes are frozen.
        retry: How locked rows go again.
        night: The night of the push.
        unfinished: Records of jobs of which nobody knows what they will still write.
        failed: Records that were refused or aren't there: what hangs on them is held back.
        part: What this push did before it was left.

    Attributes:
        results: What became of the groups, in order.
        held_children: Records that were held back because one that they hang on failed.
    """

    client: Client
    outbox: Outbox
    waiting: Waiting
    gate: ConsentGate
    retry: RetryPolicy
    night: date
    unfinished: set[Record]
    failed: set[Record]
    part: PushPart
    results: list[GroupResult] = field(default_factory=list)
    held_children: set[Record] = field(default_factory=set)

    @property
    def failure(self) -> SalesforceError | None:
        """Return what ended a group early, if anything did."""
        return next((one.failure for one in self.results if one.failure is not None), None)

    @property
    def held(self) -> set[Record]:
        """Return the records that consent held back at the last moment."""
        return {record for result in self.results for record in result.held}

    def send(self, group: PlanGroup, begun: Begun = Begun()) -> GroupResult:  # noqa: B008  frozen
        """Perform one group as it is; `begun` is what was done of it before."""
        return perform_group(
            group,
            self.client,
            self.outbox,
            self.waiting,
            self.gate,
            night=self.night,
            lane=NIGHTLY,
            retry=self.retry,
            begun=begun,
        )

    def send_all(self, groups: Sequence[PlanGroup], follower: Follower) -> None:
        """Send groups, consent first; `follower` takes the rows of moved records."""
        for group in groups:
            failure = self.failure or follower.failure
            if failure is not None and group.kind != "consent":
                return
            if isinstance(failure, LongWaitError):
                return
            free = follower.without_moved(without(group, self.unfinished))
            free, children = hold_children(free, self.failed)
            result = follower.follow(group, self.send(free, self.part.begun_of(free)))
            self.results.append(result)
            self.held_children |= children
            # Whoever is there already is the gate's business for each child.
            missing = result.held if group.kind == "creation" else frozenset()
            self.failed |= refused_in(result.outcomes) | missing | children


def refused_in(outcomes: Sequence[JobOutcome]) -> set[Record]:
    """Return (object, record) of what was refused."""
    return {(refusal.object, refusal.record) for refusal in refused_records(outcomes)}


def without(group: PlanGroup, records: Collection[Record]) -> PlanGroup:
    """Return a group without some records, named by Id or by key."""
    names = {record for name, record in records if name == group.object}
    if not names:
        return group
    return replace(group, rows=group.rows.without(names, "record", "record_key"))
