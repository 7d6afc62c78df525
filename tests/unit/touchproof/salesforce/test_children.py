"""Children: what hangs on another record goes after it, or is held back and counted."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from small_crm import kept

from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.plan import PlanLimits, PushPlan, hold_children
from touchproof.salesforce.push import PushReport, dead_letters, run_push
from touchproof.salesforce.rules import read_field_rules

PROFILE, PROFILES = "Touchproof_Profile__c", "sync_profiles"


def push(crm: Any) -> PushReport:
    return run_push(crm.settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5)


def plan(tables: Any, profiles: list[dict[str, Any]], known: dict[Any, Any]) -> PushPlan:
    desired = {PROFILES: tables.model(PROFILES, profiles)}
    rules = read_field_rules(tables.rules())
    return tables.plan(desired, tables.acknowledged(known), rules, PlanLimits(1.0))


def wanted(lead: str | None, key: str = "profile:1", **more: Any) -> dict[str, Any]:
    return {"record_key": key, "Lead__c": lead, "First_Touch_Channel__c": "TV", **more}


def test_a_parent_is_found_by_its_id_and_by_our_key(tables: Any) -> None:
    known = {("Lead", "00Q1"): {}, ("Lead", "00Q2"): {"Touchproof_Key__c": "app:2"}}
    result = plan(tables, [wanted("00Q1", "profile:1"), wanted("app:2", "profile:2")], known)
    (group,) = result.groups
    assert group.name == f"{PROFILE} upsert creation"
    assert group.rows.column("Lead__c").to_pylist() == ["00Q1", "00Q2"]
    assert result.held == ()


def test_a_key_of_another_object_is_no_parent(tables: Any) -> None:
    known = {("Contact", "0032"): {"Touchproof_Key__c": "app:2"}}
    result = plan(tables, [wanted("app:2")], known)
    assert result.groups == ()
    assert [held.children for held in result.held] == [1]


def test_a_child_whose_parent_is_not_there_yet_is_held_and_counted(tables: Any) -> None:
    profiles = [wanted("app:9", "profile:9"), wanted("00Q1", "profile:1")]
    result = plan(tables, profiles, {("Lead", "00Q1"): {}})
    assert [group.rows.column("record").to_pylist() for group in result.groups] == [["profile:1"]]
    assert [(held.object, held.children) for held in result.held] == [(PROFILE, 1)]


def test_consent_holds_a_child_before_its_parent_does(tables: Any) -> None:
    result = plan(tables, [wanted("app:9", may_market=False)], {})
    assert [(held.creations, held.children) for held in result.held] == [(1, 0)]


def test_a_child_that_moves_to_another_parent_clears_the_first(tables: Any) -> None:
    known = {
        ("Lead", "00Q1"): {},
        ("Contact", "0031"): {},
        (PROFILE, "a001"): {
            "Touchproof_Key__c": "profile:1", "Lead__c": "00Q1", "Contact__c": None,
            "First_Touch_Channel__c": "TV",
        },
    }  # fmt: skip
    result = plan(tables, [wanted(None, Contact__c="0031")], known)
    (group,) = result.groups
    (row,) = group.rows.to_pylist()
    assert (group.kind, row["record"]) == ("values", "a001")
    assert {name: row[name] for name in group.fields} == {"Lead__c": "#N/A", "Contact__c": "0031"}


names = st.sampled_from([f"00Q{n}" for n in range(5)])


@given(st.lists(st.lists(names, max_size=3), max_size=6), st.sets(names))
def test_what_goes_and_what_is_held_are_all_and_none_that_goes_has_a_failed_parent(
    parents: list[list[str]], failed: set[str]
) -> None:
    column = [";".join(f"Lead {name}" for name in one) or None for one in parents]
    rows = pa.table(
        {
            "record": pa.array([f"profile:{n}" for n in range(len(parents))], pa.string()),
            "parents": pa.array(column, pa.string()),
        }
    )
    group = PlanGroup(PROFILE, "upsert", "creation", (), kept(rows))
    free, held = hold_children(group, {("Lead", name) for name in failed})
    going = free.rows.column("record").to_pylist()
    assert sorted(going + [record for _, record in held]) == rows.column("record").to_pylist()
    for number, one in enumerate(parents):
        assert (f"profile:{number}" in going) == failed.isdisjoint(one)


def test_a_profile_is_made_once_and_its_lead_is_never_touched(crm: Any) -> None:
    lead = crm.lead(Touchproof_Stage__c="engaged")
    crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.want(PROFILES, **wanted(lead))
    crm.publish()
    (before,) = crm.stored("Lead")

    assert push(crm).pushed == 1
    crm.next_night()
    crm.publish()
    assert push(crm).planned == 0
    crm.want(PROFILES, **wanted(lead, First_Touch_Channel__c="Display"))
    crm.publish()
    assert push(crm).pushed == 1

    (profile,) = crm.stored(PROFILE)
    assert (profile["Lead__c"], profile["First_Touch_Channel__c"]) == (lead, "Display")
    assert crm.stored("Lead") == [before]


def test_a_profile_goes_in_the_push_that_makes_its_lead(crm: Any) -> None:
    crm.want("sync_lead_attributes", record_key="app:1", LastName="New", Company="None")
    crm.want(PROFILES, **wanted("app:1", "profile:app:1"))
    crm.publish()

    first = push(crm)
    (lead,), (profile,) = crm.stored("Lead"), crm.stored(PROFILE)
    assert (first.planned, first.pushed, first.held_children) == (2, 2, 0)
    assert profile["Lead__c"] == lead["Id"]

    crm.next_night()
    crm.publish()
    assert push(crm).planned == 0


def test_a_profile_waits_while_its_lead_is_refused(crm: Any) -> None:
    for number in (1, 2):
        crm.want("sync_lead_attributes", record_key=f"app:{number}", LastName=f"New {number}",
                 Company="None")  # fmt: skip
        crm.want(PROFILES, **wanted(f"app:{number}", f"profile:app:{number}"))
    crm.control.refuse("Lead", "LastName", "New 2", "STRING_TOO_LONG")
    crm.publish()

    first = push(crm)
    assert (first.pushed, first.refused, first.held_children) == (2, 1, 1)
    assert [one["Touchproof_Key__c"] for one in crm.stored(PROFILE)] == ["profile:app:1"]

    crm.control.stop_refusing()
    second = push(crm)
    assert (second.pushed, second.refused, second.held_children) == (2, 0, 0)
    assert len(crm.stored(PROFILE)) == 2


def test_a_refused_profile_of_a_new_lead_is_a_dead_letter_until_it_goes(crm: Any) -> None:
    crm.want("sync_lead_attributes", record_key="app:1", LastName="New", Company="None")
    crm.want(PROFILES, **wanted("app:1", "profile:app:1"))
    crm.control.refuse(PROFILE, "Touchproof_Key__c", "profile:app:1", "STRING_TOO_LONG")
    crm.publish()

    first = push(crm)
    assert (first.pushed, first.refused, first.dead_letters) == (1, 1, 1)

    crm.control.stop_refusing()
    second = push(crm)
    assert (second.pushed, second.dead_letters) == (1, 0)
    assert len(crm.stored(PROFILE)) == 1


def test_the_child_of_a_refused_parent_is_held_until_the_parent_goes(crm: Any) -> None:
    leads = [crm.lead(LastName=f"Lead {number}") for number in range(2)]
    for number, lead in enumerate(leads):
        crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
        crm.want(PROFILES, **wanted(lead, f"profile:{number}"))
    crm.control.refuse("Lead", "Id", leads[0], "ENTITY_IS_DELETED", times=1)
    crm.publish()

    first = push(crm)
    assert (first.refused, first.held_children) == (1, 1)
    assert [profile["Lead__c"] for profile in crm.stored(PROFILE)] == [leads[1]]

    second = push(crm)
    assert (second.refused, second.held_children, second.dead_letters) == (0, 0, 0)
    assert {profile["Lead__c"] for profile in crm.stored(PROFILE)} == set(leads)


def test_a_refused_child_stays_a_dead_letter_while_its_parent_is_away(crm: Any) -> None:
    crm.want("sync_lead_attributes", record_key="app:1", LastName="New", Company="None")
    crm.publish()
    push(crm)
    (lead,) = [str(one["Id"]) for one in crm.stored("Lead")]
    crm.want(PROFILES, **wanted(lead))
    crm.publish()
    crm.control.refuse(PROFILE, "Touchproof_Key__c", "profile:1", "STRING_TOO_LONG")
    assert push(crm).dead_letters == 1

    # The handoff names a lead that isn't there: nothing is mended by that.
    crm.want(PROFILES, **wanted("app:9"))
    crm.publish()
    away = push(crm)
    assert (away.planned, away.held_children, away.dead_letters) == (0, 1, 1)
    (letter,) = dead_letters(crm.settings)
    assert (letter.code, letter.owner) == ("STRING_TOO_LONG", "marketing operations")

    crm.control.stop_refusing()
    crm.want(PROFILES, **wanted(lead))
    crm.publish()
    assert push(crm).dead_letters == 0


def test_a_refused_child_stays_a_dead_letter_while_its_parent_is_refused(crm: Any) -> None:
    lead = crm.lead(LastName="L")
    crm.want("sync_lead_consent", salesforce_id=lead, Touchproof_Email_Consent__c="unknown")
    crm.want(PROFILES, **wanted(lead))
    crm.publish()
    crm.control.refuse(PROFILE, "Touchproof_Key__c", "profile:1", "STRING_TOO_LONG", times=1)
    push(crm)
    crm.control.refuse("Lead", "Id", lead, "ENTITY_IS_DELETED", times=1)
    crm.want("sync_lead_consent", salesforce_id=lead, Touchproof_Email_Consent__c="opted_in")
    crm.publish()
    held = push(crm)
    assert (held.refused, held.held_children, held.dead_letters) == (1, 1, 2)
    assert push(crm).dead_letters == 0


def test_a_row_that_only_changes_what_is_there_makes_nothing(crm: Any) -> None:
    """The profile of a merged lead is emptied where there is one."""
    master, loser = crm.lead(LastName="M"), crm.lead(LastName="L")
    crm.rows["sync_lead_attributes"] = []
    crm.want(PROFILES, **wanted(loser, "profile:loser"))
    crm.publish()
    push(crm)
    crm.control.merge("Lead", master, loser)
    emptied = {"is_creation": False, "First_Touch_Channel__c": None}
    crm.want(PROFILES, **{**wanted(None, "profile:loser"), **emptied})
    crm.want(PROFILES, **{**wanted(None, "profile:never"), **emptied})
    crm.want(PROFILES, **wanted(master, "profile:master"))
    crm.next_night()
    crm.publish()

    assert push(crm).pushed == 2

    found = {one["Touchproof_Key__c"]: one for one in crm.stored(PROFILE)}
    assert set(found) == {"profile:loser", "profile:master"}
    assert found["profile:loser"]["Lead__c"] is None
    assert found["profile:loser"]["First_Touch_Channel__c"] is None
    assert found["profile:master"]["Lead__c"] == master
    assert push(crm).planned == 0
