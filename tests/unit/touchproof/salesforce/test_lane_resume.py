"""What a killed tick left meets a word said since, the nightly push, or a contact that is busy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from durable_steps import Moment, Step
from killed_processes import kill_a_push, kill_a_tick
from lane_world import NOON, LaneWorld

from touchproof.ledger.store import Ledger
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.lane import LaneFailedError
from touchproof.salesforce.lane_outbox import LaneOutbox
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import PushReport, run_push

BASE = "/services/data/v64.0"
JOB = Step(0, f"send POST {BASE}/jobs/ingest")
OPT_OUTS, LEADS = (
    f"PATCH {BASE}/composite/sobjects/Lead/{key}" for key in ("Id", "Touchproof_Key__c")
)


@pytest.fixture
def world(crm: Any) -> LaneWorld:
    """Return a world without anybody in it, whose handoff isn't committed yet."""
    crm.control.set_clock(NOON)
    return LaneWorld(crm)


def kill(world: LaneWorld, what: str, moment: Moment) -> None:
    """Run a tick that dies at the first step of this name."""
    world.land()
    kill_a_tick(world.settings, world.now, Step(0, what), moment)


def nightly(world: LaneWorld) -> PushReport:
    return run_push(
        world.settings, world.crm.night, world.clock, sleep=lambda _: None, jitter=lambda: 0.5
    )


def unfinished(world: LaneWorld) -> tuple[int, int]:
    """Return how many calls of the lane and jobs of the night aren't settled."""
    ledger = Ledger.of(world.settings)
    org_id = Client(connection_from_settings(world.settings), purpose="extraction").org_id
    return (
        len(LaneOutbox(ledger, org_id, world.clock).unfinished()),
        len(Outbox(ledger, org_id, world.clock).unfinished()),
    )


def test_a_lead_whose_answer_was_lost_is_opted_out_when_its_person_left_meanwhile(
    world: LaneWorld,
) -> None:
    world.hand_over()
    key = world.register("r1", at=NOON - timedelta(minutes=30))
    kill(world, f"receive {LEADS}", "after")
    world.say("r1@example.test", "opted_out")

    report = world.tick()

    assert (report.resumed, report.created, report.opt_outs) == (1, 1, 1)
    assert world.leads()[key]["HasOptedOutOfEmail"] == "true"


def test_a_lead_that_never_left_isnt_made_when_its_person_left_meanwhile(
    world: LaneWorld,
) -> None:
    world.hand_over()
    world.register("r1", at=NOON - timedelta(minutes=30))
    other = world.register("r2", at=NOON - timedelta(minutes=30))
    kill(world, f"send {LEADS}", "before")
    world.say("r1@example.test", "opted_out")

    report = world.tick()

    assert set(world.leads()) == {other}
    assert (report.created, report.held) == (1, 1)
    assert unfinished(world) == (0, 0)


def test_the_nightly_push_leaves_the_lanes_unfinished_records_alone(world: LaneWorld) -> None:
    leads = [world.crm.lead(LastName=f"L{n}") for n in range(2)]
    for lead in leads:
        world.crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    world.know("p1", "email:ann@example.test")
    world.hold("p1", leads[0])
    world.hand_over()
    world.say("ann@example.test", "opted_out")
    kill(world, f"send {OPT_OUTS}", "before")

    report = nightly(world)

    assert (report.resumed_jobs, report.pushed) == (0, 1)
    assert unfinished(world) == (1, 0)
    assert world.tick().opt_outs == 1
    assert unfinished(world) == (0, 0)


def test_the_lane_leaves_the_nightly_pushs_unfinished_records_alone(world: LaneWorld) -> None:
    leads = [world.crm.lead(LastName=f"L{n}") for n in range(2)]
    world.crm.want("sync_lead_consent", salesforce_id=leads[0], HasOptedOutOfEmail="true")
    world.know("p1", "email:ann@example.test")
    world.hold("p1", leads[0])
    world.hold("p1", leads[1])
    world.hand_over()
    kill_a_push(world.settings, world.crm.night, JOB, "before")
    world.say("ann@example.test", "opted_out")

    report = world.tick()

    assert (report.status, report.opt_outs, report.deferred) == ("waiting", 1, 1)
    assert unfinished(world) == (0, 1)
    nightly(world)
    assert world.crm.records()[leads[0]]["HasOptedOutOfEmail"] == "true"


def test_an_opt_out_waits_for_a_contact_that_the_nightly_push_holds(world: LaneWorld) -> None:
    lead = world.crm.lead()
    (contact,) = world.crm.control.apply(
        [{"op": "insert", "object": "Contact", "record": {"LastName": "C"}}]
    )
    world.crm.want("sync_contact_attributes", salesforce_id=contact, Touchproof_Stage__c="engaged")
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.crm.change("Lead", lead, IsConverted="true", ConvertedContactId=contact)
    kill_a_push(world.settings, world.crm.night, JOB, "before")
    world.say("ann@example.test", "opted_out")

    report = world.tick()

    assert (report.status, report.opt_outs, report.refused, report.deferred) == ("waiting", 0, 0, 1)
    assert unfinished(world) == (1, 1)
    nightly(world)
    assert world.tick().opt_outs == 1
    assert unfinished(world) == (0, 0)
    assert world.crm.records("Contact")[contact]["Touchproof_Stage__c"] == "engaged"
    assert world.crm.records("Contact")[contact]["HasOptedOutOfEmail"] == "true"


def test_a_call_whose_outcome_is_unknown_fails_the_tick_and_is_sent_again(
    world: LaneWorld,
) -> None:
    world.hand_over()
    key = world.register("r1")

    class Unheard(Client):
        def collections_upsert(self, *arguments: Any, **options: Any) -> Any:
            return super().collections_upsert(*arguments, **options)[:0]

    with pytest.raises(LaneFailedError, match="answered 0 of 1") as failed:
        world.tick(client=Unheard(connection_from_settings(world.settings)))
    assert failed.value.report.deferred == 1
    assert unfinished(world) == (1, 0)

    report = world.tick()
    assert (report.resumed, report.created) == (1, 1)
    assert set(world.leads()) == {key}
