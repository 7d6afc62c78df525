"""Nobody who has left by the time a job's bytes are frozen is written to, but for their opt-out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from durable_steps import Moment, Step, numbered
from lane_world import NOON, LaneWorld, pseudonym
from small_crm import kept, rules_seed
from sqlalchemy import func, select

from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.salesforce.compare import Kind, PlanGroup
from touchproof.salesforce.consent_gate import ConsentGate
from touchproof.salesforce.push import PushFailedError, PushReport, run_push
from touchproof.salesforce.rules import read_field_rules
from touchproof_sandbox.salesforce.faults import Calls

OPT_OUT, WORD, STAGE = "HasOptedOutOfEmail", "Touchproof_Email_Consent__c", "Touchproof_Stage__c"
PROFILE, MEMBER = "Touchproof_Profile__c", "CampaignMember"
OPTED_OUT = {OPT_OUT: "true", WORD: "opted_out"}


def push(world: LaneWorld) -> PushReport:
    """Push the handoff that is committed."""
    waits: dict[str, Any] = {"sleep": lambda _: None, "jitter": lambda: 0.5}
    return run_push(world.settings, world.crm.night, world.clock, **waits)


def want_lead(crm: Any, lead: str) -> None:
    """Ask for a lead's opt-in and stage."""
    opted_in = {OPT_OUT: "false", WORD: "opted_in"}
    crm.want("sync_lead_consent", salesforce_id=lead, **opted_in)
    crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")


def want_children(crm: Any, campaign: str, lead: str) -> None:
    """Ask for a lead's profile and membership; a lead is named by its Id or by our key."""
    profile = {"Lead__c": lead, "First_Touch_Channel__c": "TV"}
    crm.want("sync_profiles", record_key=f"profile:{lead}", **profile)
    status = {"parent_object": "CampaignMemberStatus", "parent_key": campaign, "Status": "Engaged"}
    member = {"CampaignId": campaign, "LeadId": lead}
    crm.want("sync_members", record_key=f"member:{lead}", **status, **member)


@pytest.fixture
def world(crm: Any) -> LaneWorld:
    """Return a night that saw Ann and Bob opted in, each with all that can be said of a lead.

    Both have a lead, and asked for another one before anybody knew who they were: `app:ann`.
    """
    crm.control.set_clock(NOON)
    world = LaneWorld(crm)
    campaign = crm.campaign()
    crm.want("sync_campaign_performance", salesforce_id=campaign, Touchproof_Spend__c="7.5")
    crm.want("sync_statuses", record_key=campaign, Label="Engaged", HasResponded="false")
    for name in ("ann", "bob"):
        lead = crm.lead(LastName=name)
        world.know(f"{name} there", f"email:{name}@example.test", state="opted_in")
        world.hold(f"{name} there", lead)
        world.know(f"{name} new", f"email:{name}.new@example.test", state="opted_in")
        world.hold(f"{name} new", None, record_key=f"app:{name}")
        want_lead(crm, lead)
        crm.want("sync_lead_attributes", record_key=f"app:{name}", LastName=name, Company="None")
        for parent in (lead, f"app:{name}"):
            want_children(crm, campaign, parent)
    world.hand_over()
    return world


def leave(world: LaneWorld, name: str = "ann") -> None:
    """Let somebody take their word back, by both addresses, and let it land."""
    for address in (f"{name}@example.test", f"{name}.new@example.test"):
        world.say(address, "opted_out", at=NOON - timedelta(minutes=1))
    world.land()


def told(world: LaneWorld, name: str) -> list[tuple[str, Any]]:
    """Return what the org has of somebody's: leads, profiles and memberships."""
    leads = {str(one["Id"]): one for one in world.crm.stored("Lead") if one["LastName"] == name}
    found: list[tuple[str, Any]] = [
        ("Lead", {field: lead[field] for field in (OPT_OUT, WORD, STAGE)})
        for lead in leads.values()
    ]
    found += [(PROFILE, p["Lead__c"]) for p in world.crm.stored(PROFILE) if p["Lead__c"] in leads]
    found += [(MEMBER, m["LeadId"]) for m in world.crm.stored(MEMBER) if m["LeadId"] in leads]
    return found


@pytest.mark.parametrize("is_sent_by_day", [True, False])
def test_a_push_of_a_handoff_from_before_an_opt_out_sends_nothing_against_it(
    world: LaneWorld, is_sent_by_day: bool
) -> None:
    leave(world)
    if is_sent_by_day:
        world.tick()

    first = push(world)

    lead, others = told(world, "ann")[:1], told(world, "ann")[1:]
    by_day = {**OPTED_OUT, STAGE: None}
    untouched = {OPT_OUT: "false", WORD: None, STAGE: None}
    assert (lead, others) == ([("Lead", by_day if is_sent_by_day else untouched)], [])
    assert sorted(name for name, _ in told(world, "bob")) == sorted(["Lead", PROFILE, MEMBER] * 2)
    # Consent, stage, the lead to be made, and what hangs on the lead that is there; what hangs on
    # the one that isn't made waits for it.
    assert (first.held_late, first.held, first.held_children) == (5, 5, 2)
    assert first.planned == first.pushed + first.held_late

    world.tick()
    assert told(world, "ann") == [("Lead", by_day)]
    again = push(world)
    assert (again.pushed, again.held_late) == (0, 5)
    assert told(world, "ann") == [("Lead", by_day)]


def test_a_suppression_of_the_ledger_counts_from_its_moment_on(world: LaneWorld) -> None:
    with Ledger.of(world.settings).transaction() as connection:
        for address in ("ann@example.test", "ann.new@example.test"):
            name = pseudonym(world.settings, f"email:{address}")
            row = {"identifier_hmac": name, "channel": "email", "suppressed_at": NOON}
            connection.execute(schema.suppressions.insert(), row | {"reason": "asked by letter"})

    report = push(world)

    assert report.held_late == 5
    assert told(world, "ann") == [("Lead", {OPT_OUT: "false", WORD: None, STAGE: None})]
    assert world.tick().opt_outs == 1
    assert told(world, "ann") == [("Lead", {**OPTED_OUT, STAGE: None})]


def test_opt_outs_are_counted(world: LaneWorld) -> None:
    leave(world)
    (ann, _) = [row["salesforce_id"] for row in world.crm.rows["sync_lead_consent"]]
    world.crm.want("sync_lead_consent", salesforce_id=ann, HasOptedOutOfEmail="true",
                   Touchproof_Email_Consent__c="opted_out", may_market=False)  # fmt: skip
    world.hand_over()

    report = push(world)

    assert report.opt_outs == 1
    assert ("Lead", {**OPTED_OUT, STAGE: None}) in told(world, "ann")


def last_row(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return int(connection.scalar(select(func.max(schema.outbox.c.id))) or 0)


def test_whenever_somebody_leaves_nothing_is_frozen_against_it_afterwards(
    crm: Any, world: LaneWorld
) -> None:
    """After every step of a push somebody leaves; what is written down later isn't about them."""
    campaign = crm.rows["sync_campaign_performance"][0]["salesforce_id"]
    people: dict[str, str] = {}
    for name in (f"person{number}" for number in range(40)):
        people[name] = lead = crm.lead(LastName=name)
        world.know(name, f"email:{name}@example.test", state="opted_in")
        world.hold(name, lead)
        want_lead(crm, lead)
        want_children(crm, campaign, lead)
    world.hand_over()
    ledger = Ledger.of(world.settings)
    waiting = list(people)
    left: dict[str, int] = {}
    is_speaking = False

    def speak(step: Step, moment: Moment) -> None:
        nonlocal is_speaking
        if moment != "after" or step.number % 3 or is_speaking or not waiting:
            return
        is_speaking = True  # landing isn't a step of the push
        name = waiting.pop()
        world.say(f"{name}@example.test", "opted_out", at=NOON - timedelta(minutes=1))
        world.land()
        left[people[name]] = last_row(ledger)
        is_speaking = False

    with numbered(speak):
        report = push(world)

    assert len(left) >= 20
    with ledger.reading() as connection:
        rows = connection.execute(select(schema.outbox)).all()
    for row in rows:
        values = json.loads(row.fields_json)
        lead = next((one for one in (row.record_key, values.get("Lead__c"), values.get("LeadId"))
                     if one in left), None)  # fmt: skip
        assert lead is None or row.id <= left[lead], f"{row.object}: {values}"
    assert {group.object for group in report.groups if group.held} == {"Lead", PROFILE, MEMBER}
    world.tick()
    out = {str(one["Id"]) for one in crm.stored("Lead") if one[OPT_OUT] == "true"}
    assert out == set(left)


def gated(kind: Kind, fields: tuple[str, ...], rows: list[dict[str, Any]]) -> Any:
    """Check rows of leads of whom 00Q1 has left."""
    names = ("record", "record_key", "salesforce_id", *fields)
    table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names]))
    group = PlanGroup("Lead", "update", kind, fields, kept(table))
    gate = ConsentGate(read_field_rules(rules_seed()), lambda _: frozenset({("Lead", "00Q1")}))
    left, held = gate.check(group, mock.Mock())
    return left.to_table().select(["record", *fields]).to_pylist(), held


def test_who_left_by_e_mail_still_gets_the_rest_of_their_consent() -> None:
    calls = "DoNotCall"
    rows = [
        {"record": "00Q1", OPT_OUT: "false", calls: "true"},
        {"record": "00Q2", OPT_OUT: "false", calls: None},
    ]
    found, held = gated("consent", (OPT_OUT, calls), rows)
    assert sorted(found, key=lambda row: row["record"]) == [
        {"record": "00Q1", OPT_OUT: None, calls: "true"},
        {"record": "00Q2", OPT_OUT: "false", calls: None},
    ]
    assert held == frozenset()


@pytest.mark.parametrize("said", [OPTED_OUT, {OPT_OUT: "true", WORD: None}])
def test_an_opt_out_always_goes(said: dict[str, Any]) -> None:
    found, held = gated("consent", (OPT_OUT, WORD), [{"record": "00Q1", **said}])
    assert (found, held) == ([{"record": "00Q1", **said}], frozenset())


@pytest.mark.parametrize("said", [{OPT_OUT: "false", WORD: "unknown"}, {OPT_OUT: None, WORD: "x"}])
def test_no_other_word_goes(said: dict[str, Any]) -> None:
    found, held = gated("consent", (OPT_OUT, WORD), [{"record": "00Q1", **said}])
    assert (found, held) == ([], {("Lead", "00Q1")})


@pytest.mark.parametrize(
    "calls",
    [
        Calls.step("query", times=None),
        Calls.step("limits", times=None),
        Calls("bulk_ingest", method="POST", object="Contact", times=None),
    ],
    ids=["statuses of campaigns", "limits", "consent of another object"],
)
def test_an_opt_out_waits_for_no_other_call(world: LaneWorld, calls: Calls) -> None:
    crm = world.crm
    (ann, _) = [row["salesforce_id"] for row in crm.rows["sync_lead_consent"]]
    crm.want("sync_lead_consent", salesforce_id=ann, may_market=False, **OPTED_OUT)
    crm.want("sync_contact_consent", salesforce_id=crm.contact(), may_market=False, **OPTED_OUT)
    world.hand_over()
    crm.control.answer_html(calls, 500)

    with pytest.raises(PushFailedError) as caught:
        push(world)

    report = caught.value.report
    assert ("Lead", {**OPTED_OUT, STAGE: None}) in told(world, "ann")
    assert {group.kind for group in report.groups if group.pushed} == {"consent"}
    assert "next push goes on" in caught.value.todo
    crm.control.stop_faults()
    push(world)
    assert push(world).planned == 0
    assert [one[OPT_OUT] for one in crm.stored("Contact")] == ["true"]


def test_where_nobody_can_tell_who_has_left_opt_outs_go_and_nothing_else(world: LaneWorld) -> None:
    (ann, _) = [row["salesforce_id"] for row in world.crm.rows["sync_lead_consent"]]
    world.crm.want("sync_lead_consent", salesforce_id=ann, may_market=False, **OPTED_OUT)
    world.hand_over()
    leave(world, "bob")
    for part in world.settings.paths.landing.rglob("part-*.parquet"):
        part.unlink()

    with pytest.raises(
        PushFailedError, match="have said since the handoff can't be read"
    ) as caught:
        push(world)

    assert caught.value.report.opt_outs == 1
    assert told(world, "ann") == [("Lead", {**OPTED_OUT, STAGE: None})]
    assert told(world, "bob") == [("Lead", {OPT_OUT: "false", WORD: None, STAGE: None})]
