"""Ticks of the lane through the real loopback server: what reaches the CRM, and what it costs."""

from __future__ import annotations

import fcntl
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from lane_world import NOON, LaneWorld

from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.lane import LaneFailedError
from touchproof.salesforce.push import PushReport, dead_letters, run_push


def nightly(world: LaneWorld) -> PushReport:
    """Run the nightly push of the handoff that is committed."""
    return run_push(
        world.settings, world.crm.night, world.clock, sleep=lambda _: None, jitter=lambda: 0.5
    )


@pytest.fixture
def world(crm: Any) -> LaneWorld:
    """Return a world without anybody in it, whose handoff isn't committed yet."""
    crm.control.set_clock(NOON)
    return LaneWorld(crm)


def test_new_leads_are_assigned_and_never_saved_as_duplicates_and_opt_outs_move_no_owner(
    world: LaneWorld,
) -> None:
    lead = world.crm.lead()
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.register("r1")
    world.say("ann@example.test", "opted_out")
    client = Client(connection_from_settings(world.settings))
    told: list[tuple[str | None, str | None]] = []
    send = client._session.send

    def listening(request: Any, **options: Any) -> Any:
        if "/composite/" in request.url:
            names = ("Sforce-Auto-Assign", "Sforce-Duplicate-Rule-Header")
            told.append((request.headers.get(names[0]), request.headers.get(names[1])))
        return send(request, **options)

    client._session.send = listening  # type: ignore[method-assign]
    world.tick(client=client)

    assert told == [("FALSE", None), ("TRUE", "allowSave=false")]


def test_a_registration_becomes_a_lead_within_one_call(world: LaneWorld) -> None:
    world.hand_over()
    world.crm.control.reset_counters()
    key = world.register("r1", email=" Ann@Example.test ", lead_source="TV ad", last_name="")

    report = world.tick()

    lead = world.leads()[key]
    assert (lead["FirstName"], lead["LastName"]) == ("Ann", "Unknown")
    assert (lead["Email"], lead["LeadSource"]) == ("ann@example.test", "TV")
    assert (lead["Company"], lead["HasOptedOutOfEmail"]) == ("Individual", "false")
    assert lead["Touchproof_Email_Consent__c"] == "opted_in"
    assert (report.status, report.created, report.push_calls, report.token_requests) == (
        "ok",
        1,
        1,
        1,
    )
    assert (report.latency.leads, report.latency.p99_seconds) == (1, 300.0)


def test_an_idle_tick_makes_no_call_at_all(world: LaneWorld) -> None:
    world.hand_over()
    world.register("r1")
    world.tick()
    world.crm.control.reset_counters()

    report = world.tick()

    counters = world.crm.control.counters()
    assert (counters.calls, counters.token_requests) == (0, 0)
    assert (report.status, report.planned, report.push_calls) == ("ok", 0, 0)


def test_a_tick_opens_neither_the_warehouse_nor_the_published_file(world: LaneWorld) -> None:
    paths = world.settings.paths
    for path in (paths.warehouse, paths.published):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whoever opens this fails")
        with pytest.raises(duckdb.IOException):
            duckdb.connect(str(path), read_only=True)
    world.hand_over()
    world.register("r1")

    with paths.warehouse_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a build that runs beside it
        report = world.tick()

    assert (report.status, report.created) == ("ok", 1)


def test_a_call_takes_200_new_leads(world: LaneWorld) -> None:
    world.hand_over()
    for number in range(401):
        world.register(f"r{number}")
    world.crm.control.reset_counters()

    report = world.tick()

    assert (report.created, len(world.leads())) == (401, 401)
    assert report.push_calls == 3
    assert world.crm.control.counters().by_kind["collections"] == 3


def test_a_web_form_becomes_a_lead_only_with_its_box_ticked(world: LaneWorld) -> None:
    world.hand_over()
    ticked = world.send_form("s1", lead_source="Googl")
    world.send_form("s2", consent=False)

    report = world.tick()

    assert set(world.leads()) == {ticked}
    assert world.leads()[ticked]["LeadSource"] == "Google"
    assert (report.created, report.held) == (1, 1)


def test_files_that_grow_during_the_day_bring_each_lead_once(world: LaneWorld) -> None:
    world.hand_over()
    first = world.register("r1", at=NOON - timedelta(hours=2))
    assert world.tick().created == 1
    second = world.register("r2", at=NOON - timedelta(hours=1))
    world.register("r1", at=NOON - timedelta(hours=2))  # the file says it again

    assert world.tick().created == 1
    assert set(world.leads()) == {first, second}


def test_an_opt_out_reaches_every_lead_and_contact_one_call_an_object(world: LaneWorld) -> None:
    leads = [world.crm.lead(LastName=f"L{n}") for n in range(2)]
    (contact,) = world.crm.control.apply(
        [{"op": "insert", "object": "Contact", "record": {"LastName": "C"}}]
    )
    world.know("p1", "email:ann@example.test", "app_user:u1")
    for lead in leads:
        world.hold("p1", lead)
    world.hold("p1", contact, object_name="Contact")
    world.hand_over()
    world.say("Ann@example.test", "opted_out")
    world.crm.control.reset_counters()

    report = world.tick()

    assert (report.opt_outs, report.push_calls) == (3, 2)
    for record in (world.crm.records()[leads[0]], world.crm.records("Contact")[contact]):
        assert record["HasOptedOutOfEmail"] == "true"
        assert record["Touchproof_Email_Consent__c"] == "opted_out"
    world.crm.control.reset_counters()
    assert world.tick().planned == 0
    assert world.crm.control.counters().calls == 0


def test_who_opts_out_after_the_lane_made_the_lead_is_opted_out_by_the_next_tick(
    world: LaneWorld,
) -> None:
    world.hand_over()
    key = world.register("r1", at=NOON - timedelta(minutes=30))
    world.tick()
    world.say("r1@example.test", "opted_out")

    report = world.tick()

    assert (report.opt_outs, report.created) == (1, 0)
    assert world.leads()[key]["HasOptedOutOfEmail"] == "true"


def test_an_opt_out_finds_the_lead_that_the_nightly_push_made_meanwhile(world: LaneWorld) -> None:
    world.crm.want(
        "sync_lead_attributes", record_key="app:r0", LastName="Lee", Company="Individual"
    )
    world.know("p0", "email:r0@example.test", "registration:r0")
    world.hold("p0", None, record_key="app:r0")
    world.hand_over()
    nightly(world)
    world.say("r0@example.test", "opted_out")

    assert world.tick().opt_outs == 1
    assert world.leads()["app:r0"]["HasOptedOutOfEmail"] == "true"


def test_the_night_after_finds_the_lanes_leads_acknowledged_and_makes_none_again(
    world: LaneWorld,
) -> None:
    world.hand_over()
    key = world.register("r1")
    world.tick()
    (lead,) = [one for one, row in world.crm.records().items() if row["Touchproof_Key__c"] == key]
    for row in ({"record_key": key}, {"salesforce_id": lead}):
        # First as a handoff has it whose extract of Salesforce was older, then as one that read it.
        world.crm.rows.clear()
        world.crm.want(
            "sync_lead_attributes",
            **row,
            Touchproof_Stage__c="registered",
            FirstName="Other",
            LastName="Lee",
            Company="Individual",
        )
        world.crm.next_night()
        world.hand_over()
        nightly(world)
    assert world.leads()[key]["Touchproof_Stage__c"] == "registered"
    assert world.leads()[key]["FirstName"] == "Ann"
    assert len(world.crm.records()) == 1


def test_consent_that_changes_between_two_calls_of_a_tick_counts_for_the_second(
    world: LaneWorld,
) -> None:
    world.hand_over()
    for number in range(201):
        world.register(f"r{number:03}", at=NOON - timedelta(minutes=400 - number))

    class Meanwhile(Client):
        def collections_upsert(self, *arguments: Any, **options: Any) -> Any:
            answer = super().collections_upsert(*arguments, **options)
            world.say("r200@example.test", "opted_out")
            world.land()
            return answer

    report = world.tick(client=Meanwhile(connection_from_settings(world.settings)))

    assert (report.created, report.held, report.push_calls) == (200, 1, 1)
    assert "app:r200" not in world.leads()


def test_a_refused_lead_is_a_dead_letter_and_costs_no_further_call(world: LaneWorld) -> None:
    world.hand_over()
    world.crm.control.refuse(
        "Lead", "LastName", "Bad", "FIELD_CUSTOM_VALIDATION_EXCEPTION", fields=("LastName",)
    )
    key = world.register("r1", last_name="Bad")
    world.register("r2")

    report = world.tick()

    assert (report.created, report.refused, report.dead_letters) == (1, 1, 1)
    (letter,) = dead_letters(world.settings)
    assert (letter.record_key, letter.fields) == (key, "LastName")
    world.crm.control.reset_counters()
    again = world.tick()
    assert (again.skipped, again.dead_letters) == (1, 1)
    assert (again.latency.waiting, again.latency.waiting_refused) == (1, 1)
    assert world.crm.control.counters().calls == 0
    nightly(world)  # plans nothing of it, and leaves the letter open
    assert len(dead_letters(world.settings)) == 1


def test_a_record_that_was_locked_goes_with_the_next_tick(world: LaneWorld) -> None:
    world.hand_over()
    world.crm.control.refuse("Lead", "LastName", "Lee", "UNABLE_TO_LOCK_ROW", times=1)
    world.register("r1")

    assert world.tick().refused == 1
    assert len(dead_letters(world.settings)) == 1
    assert world.tick().created == 1
    assert dead_letters(world.settings) == []


def test_a_lead_that_was_refused_goes_with_the_night_which_closes_its_dead_letter(
    world: LaneWorld,
) -> None:
    world.crm.want(
        "sync_lead_attributes", record_key="app:r1", LastName="Lee", Company="Individual"
    )
    world.hand_over()
    world.crm.control.refuse("Lead", "LastName", "Lee", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    world.register("r1")
    world.tick()
    assert len(dead_letters(world.settings)) == 1
    world.crm.control.stop_refusing()

    nightly(world)

    assert set(world.leads()) == {"app:r1"}
    assert dead_letters(world.settings) == []


def test_values_that_the_night_couldnt_write_hold_no_opt_out_back(world: LaneWorld) -> None:
    lead = world.crm.lead()
    world.crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.crm.control.restrict_picklist("Lead", "Touchproof_Stage__c", ["new"])
    nightly(world)
    world.say("ann@example.test", "opted_out")

    assert world.tick().opt_outs == 1

    assert world.crm.records()[lead]["HasOptedOutOfEmail"] == "true"
    (letter,) = dead_letters(world.settings)  # the stage isn't written yet
    assert letter.record_key == lead


def test_a_refused_opt_out_makes_the_tick_red(world: LaneWorld) -> None:
    lead = world.crm.lead()
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.crm.control.refuse("Lead", "Id", lead, "INSUFFICIENT_ACCESS_OR_READONLY")
    world.say("ann@example.test", "opted_out")

    with pytest.raises(LaneFailedError, match="opt-out of 1 records"):
        world.tick()


def test_the_opt_out_of_a_lead_that_was_converted_meanwhile_goes_to_its_contact(
    world: LaneWorld,
) -> None:
    lead = world.crm.lead()
    (contact,) = world.crm.control.apply(
        [{"op": "insert", "object": "Contact", "record": {"LastName": "C"}}]
    )
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.crm.change("Lead", lead, IsConverted="true", ConvertedContactId=contact)
    world.say("ann@example.test", "opted_out")
    world.crm.control.reset_counters()

    report = world.tick()

    assert world.crm.records("Contact")[contact]["HasOptedOutOfEmail"] == "true"
    assert (report.opt_outs, report.refused, report.push_calls) == (1, 1, 3)
    world.crm.control.reset_counters()
    world.tick()
    assert world.crm.control.counters().calls == 0


def test_the_opt_out_of_a_lead_that_was_merged_meanwhile_goes_to_its_master(
    world: LaneWorld,
) -> None:
    loser, between, master = [world.crm.lead(LastName=name) for name in "lbm"]
    world.know("p1", "email:ann@example.test")
    world.hold("p1", loser)
    world.hand_over()
    world.crm.control.merge("Lead", between, loser)
    world.crm.control.merge("Lead", master, between)
    world.say("ann@example.test", "opted_out")

    report = world.tick()

    assert world.crm.records()[master]["HasOptedOutOfEmail"] == "true"
    assert (report.opt_outs, report.refused) == (1, 2)
    world.crm.control.reset_counters()
    world.tick()
    assert world.crm.control.counters().calls == 0


def test_the_opt_out_of_a_lead_that_is_just_gone_is_tried_once(world: LaneWorld) -> None:
    lead = world.crm.lead()
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.crm.control.apply([{"op": "delete", "object": "Lead", "record": {"Id": lead}}])
    world.say("ann@example.test", "opted_out")

    report = world.tick()

    assert [row.code for row in report.refused_rows] == ["ENTITY_IS_DELETED"]
    world.crm.control.reset_counters()
    world.tick()
    assert world.crm.control.counters().calls == 0


def test_a_contact_that_knows_of_the_opt_out_isnt_told_again_for_the_lead_it_came_from(
    world: LaneWorld,
) -> None:
    lead = world.crm.lead()
    (contact,) = world.crm.control.apply(
        [{"op": "insert", "object": "Contact", "record": {"LastName": "C"}}]
    )
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hold("p1", contact, object_name="Contact")
    world.hand_over()
    world.crm.change("Lead", lead, IsConverted="true", ConvertedContactId=contact)
    world.say("ann@example.test", "opted_out")

    report = world.tick()

    assert (report.opt_outs, report.refused, report.push_calls) == (1, 1, 3)


def test_a_duplicate_is_routed_to_the_record_that_the_org_has(world: LaneWorld) -> None:
    theirs = world.crm.lead(LastName="Lee", Email="r1@example.test")
    world.crm.control.duplicate_rule("Lead", "Email", action="alert")
    world.hand_over()
    world.register("r1", at=NOON - timedelta(minutes=30))

    report = world.tick()

    assert (report.created, report.routed, report.refused) == (0, 1, 0)
    assert dead_letters(world.settings) == []
    assert len(world.crm.records()) == 1
    world.crm.control.reset_counters()
    assert world.tick().planned == 0
    assert world.crm.control.counters().calls == 0

    # The opt-out finds the record, and the nightly push makes no second lead of it either.
    world.say("r1@example.test", "opted_out")
    assert world.tick().opt_outs == 1
    assert world.crm.records()[theirs]["HasOptedOutOfEmail"] == "true"
    world.crm.want(
        "sync_lead_attributes", record_key="app:r1", LastName="Lee", Company="Individual"
    )
    world.hand_over()
    world.crm.control.remove_rules()
    assert nightly(world).pushed == 0
    assert len(world.crm.records()) == 1


def test_of_several_matches_the_contact_counts_and_then_the_lowest_id(world: LaneWorld) -> None:
    leads = [world.crm.lead(Email="r1@example.test") for _ in range(2)]
    contact = {"LastName": "Lee", "Email": "r1@example.test"}
    contacts = world.crm.control.apply(
        [{"op": "insert", "object": "Contact", "record": contact}] * 2
    )
    only_leads = [world.crm.lead(Email="r2@example.test") for _ in range(2)]
    world.crm.control.duplicate_rule(
        "Lead", "Email", among={"Lead": ["Email"], "Contact": ["Email"]}
    )
    world.hand_over()
    for key in ("r1", "r2"):
        world.register(key, at=NOON - timedelta(minutes=30))

    report = world.tick()

    assert (report.created, report.routed, report.refused) == (0, 2, 0)
    for key in ("r1", "r2"):
        world.say(f"{key}@example.test", "opted_out")
    assert world.tick().opt_outs == 2
    opted_out = {
        record["Id"]
        for name in ("Lead", "Contact")
        for record in world.crm.stored(name)
        if record["HasOptedOutOfEmail"] == "true"
    }
    assert opted_out == {min(contacts), min(only_leads)}
    assert not opted_out & set(leads)


def test_a_match_that_takes_no_opt_out_is_a_dead_letter_that_names_it(world: LaneWorld) -> None:
    (theirs,) = world.crm.control.apply(
        [{"op": "insert", "object": "Account", "record": {"Name": "Lee"}}]
    )
    world.crm.control.duplicate_rule("Lead", "LastName", among={"Account": ["Name"]})
    world.hand_over()
    key = world.register("r1")

    report = world.tick()

    assert (report.created, report.routed, report.refused) == (0, 0, 1)
    (letter,) = dead_letters(world.settings)
    assert (letter.record_key, letter.code) == (key, "DUPLICATE_UNROUTABLE")
    assert (letter.salesforce_id, letter.owner) == (theirs, "crm administrator")
    assert world.tick().skipped == 1


def test_a_match_that_takes_no_opt_out_gives_way_to_one_that_does(world: LaneWorld) -> None:
    world.crm.control.apply([{"op": "insert", "object": "Account", "record": {"Name": "Lee"}}])
    theirs = world.crm.lead(LastName="Lee")
    world.crm.control.duplicate_rule(
        "Lead", "LastName", among={"Account": ["Name"], "Lead": ["LastName"]}
    )
    world.hand_over()
    world.register("r1", at=NOON - timedelta(minutes=30))

    assert (world.tick().routed, dead_letters(world.settings)) == (1, [])
    world.say("r1@example.test", "opted_out")
    world.tick()
    assert world.crm.records()[theirs]["HasOptedOutOfEmail"] == "true"


def test_the_lane_goes_where_the_nightly_push_waits_and_leaves_the_others_reserve(
    world: LaneWorld,
) -> None:
    leads = [world.crm.lead(LastName=f"L{n}") for n in range(3)]
    for lead in leads:
        world.crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    world.know("p1", "email:ann@example.test")
    world.hold("p1", leads[0])
    world.hand_over()
    for number in range(201):
        world.register(f"r{number}")
    used = len([call for call in world.crm.control.calls() if call["counted"]])
    # 101 calls are left beside the reserve of 100: no room for a job's calls and the lane's 20.
    world.crm.control.limits(max=1000, used_by_others=1000 - used - 102)
    assert nightly(world).status == "waiting"

    report = world.tick()

    # The first call shows that the reserve is reached; opt-outs go all the same.
    assert (report.status, report.created, report.deferred) == ("waiting", 200, 1)
    world.say("ann@example.test", "opted_out")
    assert world.tick().opt_outs == 1


def test_a_spent_allowance_lets_leads_wait_and_makes_an_opt_out_red(world: LaneWorld) -> None:
    lead = world.crm.lead()
    world.know("p1", "email:ann@example.test")
    world.hold("p1", lead)
    world.hand_over()
    world.register("r1")
    world.crm.control.limits(max=1000, used_by_others=1000)
    report = world.tick()
    assert (report.status, report.deferred, report.push_calls) == ("waiting", 1, 1)
    world.now += timedelta(minutes=10)
    waits = world.tick(dry_run=True).latency
    assert (waits.leads, waits.waiting, waits.oldest_waiting_seconds) == (0, 1, 900.0)

    world.say("ann@example.test", "opted_out")
    with pytest.raises(LaneFailedError, match="REQUEST_LIMIT_EXCEEDED"):
        world.tick()
    world.crm.control.limits(max=1000, used_by_others=0)
    report = world.tick()
    assert (report.opt_outs, report.created) == (1, 1)


def test_a_dry_run_makes_no_call_and_leaves_the_ledger_alone(world: LaneWorld) -> None:
    world.hand_over()
    world.register("r1")
    world.crm.control.reset_counters()

    report = world.tick(dry_run=True)

    assert (report.is_dry_run, report.planned, report.pushed) == (True, 1, 0)
    assert world.crm.control.counters().calls == 0
    assert world.tick().created == 1


def test_before_the_first_night_the_lane_waits_without_a_call(world: LaneWorld) -> None:
    world.register("r1")
    report = world.tick()
    assert (report.status, report.night, report.push_calls) == ("waiting", None, 0)


def test_rows_that_the_gate_would_refuse_make_no_lead(world: LaneWorld) -> None:
    world.hand_over()
    world.register("r1", email="no address")
    world.register("r2", registered_at="yesterday")
    world.register("r3", app_user_id="")
    world.register("r4", registered_at="2031-01-01T00:00:00Z")

    assert world.tick().planned == 0
