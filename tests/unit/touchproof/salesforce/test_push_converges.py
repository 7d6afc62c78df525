"""Whatever is wanted, fails, moves and crashes: it comes true once faults stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from durable_steps import Moment, Step, numbered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from night_world import NightWorld

from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.faults import Calls

LEADS = 5
STEPS = ["limits", "list jobs", "create job", "poll", "successful results", "failed results"]
FAULTS: list[Callable[[Control, Calls], Any]] = [
    lambda c, calls: c.answer_html(calls, 503),
    lambda c, calls: c.answer_html(calls, 503, is_worked=True),
    lambda c, calls: c.answer_html(calls, 429),
    lambda c, calls: c.answer_error(calls, 404, "NOT_FOUND"),
    lambda c, calls: c.answer_unreadable(calls),
    lambda c, calls: c.spend_allowance(calls),
    lambda c, calls: c.expire_sessions_at(calls),
    lambda c, calls: c.cut(calls, "before"),
    lambda c, calls: c.cut(calls, "after"),
    lambda c, calls: c.cut(calls, "in_answer"),
    lambda c, calls: c.wrong_length(calls, -9),
    lambda c, _: c.hold_jobs(),
    lambda c, _: c.end_jobs("Failed"),
    lambda c, _: c.end_jobs("Aborted", share=0),
    lambda c, _: c.lose_rows(Calls.step("successful results")),
    lambda c, _: c.refuse("Lead", "Touchproof_Stage__c", "a", "UNABLE_TO_LOCK_ROW", times=2),
    lambda c, _: c.refuse("Lead", "Touchproof_Stage__c", "a", "UNABLE_TO_LOCK_ROW", times=9),
]


class Crash(BaseException):
    """Stop a push where it stands; nothing of it catches this."""


@dataclass(frozen=True)
class Night:
    """Say what a night wants, and what befalls its push.

    Args:
        leads: Stage and opt-out of each lead.
        creations: How many leads have been asked for so far.
        fault: Which fault, at which step, after how many of its calls; None for none.
        crash: Number of the durable step at which the push crashes, and when; None for none.
        moved: A lead that the CRM's people convert, or merge into another one, after the extract.
    """

    leads: tuple[tuple[str, bool], ...]
    creations: int
    fault: tuple[int, str, int] | None
    crash: tuple[int, Moment] | None
    moved: tuple[int, int] | None = None


@dataclass
class Moves:
    """Hold what became of the leads.

    Args:
        ids: Their Ids.
        merged: Master by loser.
        converted: Contact by lead.
        left: Whom an opt-out of a moved lead reaches; it is never taken back.
    """

    ids: list[str]
    merged: dict[str, str] = field(default_factory=dict)
    converted: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    def move(self, world: NightWorld, night: Night) -> None:
        """Merge or convert a lead, if it is there."""
        if night.moved is None:
            return
        lead, other = (self.ids[number] for number in night.moved)
        gone = {*self.merged, *self.converted}
        if lead in gone or (other in gone and other != lead):
            return
        control = world.crm.control
        if lead == other:
            record = {"LastName": "C", "HasOptedOutOfEmail": "false"}
            (target,) = control.apply([{"op": "create", "object": "Contact", "record": record}])
            changed = {"Id": lead, "IsConverted": "true", "ConvertedContactId": target}
            control.apply([{"op": "update", "object": "Lead", "record": changed}])
            self.converted[lead] = target
        else:
            control.merge("Lead", other, lead)
            self.merged[lead] = target = other
        if lead in self.left or night.leads[night.moved[0]][1]:
            self.left.add(target)

    def masters(self) -> pa.Table:
        """Return the merges as a handoff names them, each with its last master."""
        ends = dict(self.merged)
        for _ in ends:
            ends = {loser: self.merged.get(end, end) for loser, end in ends.items()}
        columns = {
            "object": ["Lead"] * len(ends),
            "salesforce_id": list(ends),
            "master_id": list(ends.values()),
        }
        names = ((name, pa.string()) for name in columns)
        return pa.table(columns, schema=pa.schema(names))


LEAD = st.tuples(st.sampled_from("abc"), st.booleans())
NIGHT = st.builds(
    Night,
    st.tuples(*[LEAD] * LEADS),
    st.integers(0, 3),
    st.none()
    | st.tuples(st.integers(0, len(FAULTS) - 1), st.sampled_from(STEPS), st.integers(0, 2)),
    st.none() | st.tuples(st.integers(1, 50), st.sampled_from(["before", "after"])),
    st.none() | st.tuples(st.integers(0, LEADS - 1), st.integers(0, LEADS - 1)),
)


def push_once(world: NightWorld, crash: tuple[int, Moment] | None) -> None:
    def stop(step: Step, moment: Moment) -> None:
        if (step.number, moment) == crash:
            raise Crash

    try:
        with numbered(stop):
            world.try_push()
    except Crash:
        pass


def wish(world: NightWorld, night: Night, moves: Moves, creations: int) -> None:
    """Publish what a night wants, knowing what moved before it."""
    crm = world.crm
    created = creations
    made = Counter(Lead=LEADS + created - len(moves.merged), Contact=len(moves.converted))
    world.records = +made
    crm.rows.clear()
    crm.rows["sync_contact_consent"] = []
    crm.others["sync_records_merged"] = moves.masters()
    world.wanted.clear()
    for contact in moves.converted.values():
        consent = {"HasOptedOutOfEmail": str(contact in moves.left).lower()}
        crm.want("sync_contact_consent", salesforce_id=contact, **consent)
        world.wanted["Contact", contact] = consent
    for record, (stage, opts_out) in zip(moves.ids, night.leads, strict=True):
        if record in moves.merged or record in moves.converted:
            continue
        is_opted_out = opts_out or record in moves.left
        consent = {"HasOptedOutOfEmail": str(is_opted_out).lower()}
        crm.want("sync_lead_consent", salesforce_id=record, **consent)
        crm.want("sync_lead_attributes", salesforce_id=record, Touchproof_Stage__c=stage)
        world.wanted["Lead", record] = consent | {"Touchproof_Stage__c": stage}
    for number in range(created):
        values = {"Touchproof_Stage__c": night.leads[number][0], "LastName": "New"}
        row = {"record_key": f"app:{number}", "Company": "None", **values}
        crm.want("sync_lead_attributes", **row)
        world.wanted["Lead", f"app:{number}"] = values
    crm.publish(is_observed=False)


def check(world: NightWorld, nights: list[Night]) -> None:
    world.reset()
    crm, first = world.crm, world.crm.night
    # Within a day, or the org's count couldn't tell whether a lost call arrived.
    now = crm.clock()
    crm.clock = lambda: now  # type: ignore[method-assign]
    world.records = Counter(Lead=LEADS)
    moves = Moves([str(record["Id"]) for record in world.crm.stored("Lead")])
    creations = 0
    try:
        for number, night in enumerate(nights):
            crm.night = first + timedelta(days=number)
            creations = max(creations, night.creations)
            wish(world, night, moves, creations)
            moves.move(world, night)
            if night.fault is not None:
                fault, step, after = night.fault
                FAULTS[fault](crm.control, Calls.step(step, after=after))
            push_once(world, night.crash)
        crm.control.stop_faults()
        crm.control.stop_refusing()
        crm.night += timedelta(days=1)
        wish(world, nights[-1], moves, creations)
        world.recover()
        world.require_truth()
        assert world.letters() == set()
    finally:
        crm.night = first
        crm.others.clear()
        del crm.clock


@settings(
    max_examples=4, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
@given(nights=st.lists(NIGHT, min_size=1, max_size=3))
def test_nights_converge(few_leads: NightWorld, nights: list[Night]) -> None:
    check(few_leads, nights)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(nights=st.lists(NIGHT, min_size=1, max_size=5))
def test_many_nights_converge(few_leads: NightWorld, nights: list[Night]) -> None:
    check(few_leads, nights)
