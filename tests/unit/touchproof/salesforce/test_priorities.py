"""What goes when not everything can: whole objects by priority, consent in any case."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from small_crm import kept

from touchproof.salesforce.budget import GroupCost, cost_of, total_cost
from touchproof.salesforce.compare import KIND_ORDER, PlanGroup
from touchproof.salesforce.priorities import choose, priority_of

SEED = Path(__file__).parents[4] / "dbt_project/seeds/salesforce/salesforce_fields.csv"
OBJECTS = ("Lead", "Contact", "Campaign", "CampaignMember", "Touchproof_Profile__c")


def cost(name: str, kind: str, rows: int = 1, first: int = 0) -> GroupCost:
    records = [f"{name}{number}" for number in range(first, first + rows)]
    table = pa.table(
        {
            "record": records,
            "record_key": records,
            "salesforce_id": records,
            "Touchproof_Stage__c": ["engaged"] * rows,
        }
    )
    operation: Any = "upsert" if kind == "creation" else "update"
    fields = ("Touchproof_Stage__c",)
    return cost_of(PlanGroup(name, operation, kind, fields, kept(table)))  # type: ignore[arg-type]


plans = st.lists(
    st.tuples(st.sampled_from(OBJECTS), st.sampled_from(KIND_ORDER), st.integers(1, 700)),
    unique_by=lambda one: one[:2],
    max_size=12,
).map(lambda found: [cost(*one) for one in sorted(found, key=lambda o: KIND_ORDER.index(o[1]))])
rooms = st.one_of(st.none(), st.integers(-20, 120))
storages = st.one_of(st.none(), st.integers(0, 4_000))


@given(plans, rooms, storages)
def test_nothing_is_lost_no_object_is_halved_and_the_room_is_kept(
    costs: list[GroupCost], room: int | None, storage: int | None
) -> None:
    choice = choose(costs, room=room, storage_kilobytes=storage)
    going = {group.name for group in choice.groups}
    names = {one.object for one in choice.deferred if one.shortage == "allowance"}
    unstored = {one.object for one in choice.deferred if one.shortage == "storage"}

    for one in costs:
        group = one.group
        is_stored = group.kind != "creation" or group.object not in unstored
        expected = group.kind == "consent" or (group.object not in names and is_stored)
        assert (group.name in going) is expected, group.name
    waiting = sum(one.rows for one in choice.deferred)
    assert sum(group.rows.num_rows for group in choice.groups) + waiting == total_cost(costs).rows

    kept = [one for one in costs if one.group.name in going]
    consent = [one for one in kept if one.group.kind == "consent"]
    if room is not None and len(kept) > len(consent):
        assert total_cost(kept).org_calls <= room
    if storage is not None:
        assert total_cost(kept).storage_kilobytes <= storage


@given(plans, rooms, storages)
def test_an_object_waits_only_where_the_more_important_ones_that_go_leave_too_little(
    costs: list[GroupCost], room: int | None, storage: int | None
) -> None:
    choice = choose(costs, room=room, storage_kilobytes=storage)
    going = {group.name for group in choice.groups}
    kept = [one for one in costs if one.group.name in going]
    for waits in choice.deferred:
        before = [
            one
            for one in kept
            if one.group.kind == "consent"
            or priority_of(one.group.object) < priority_of(waits.object)
        ]
        if waits.shortage == "allowance":
            assert room is not None
            assert total_cost(before).org_calls + waits.org_calls > room
    short = [one for one in choice.deferred if one.shortage == "storage"]
    if short:
        assert storage is not None and choice.storage_left is not None
        assert short[0].storage_kilobytes > choice.storage_left
        made = {one.group.object for one in kept if one.group.kind == "creation"}
        assert all(priority_of(name) < priority_of(short[0].object) for name in made)


def test_with_room_for_all_the_plan_goes_as_it_is() -> None:
    costs = [cost("Lead", "consent"), cost("Lead", "creation"), cost("Campaign", "values")]
    for room in (None, total_cost(costs).org_calls):
        choice = choose(costs, room=room, storage_kilobytes=None)
        assert [group.name for group in choice.groups] == [one.group.name for one in costs]
        assert choice.deferred == ()


def test_a_call_too_few_lets_the_least_important_wait_and_says_what_it_needs() -> None:
    costs = [cost("Campaign", "values", 3), cost("Lead", "values", 5)]
    needed = total_cost(costs).org_calls
    choice = choose(costs, room=needed - 1, storage_kilobytes=None)
    (waits,) = choice.deferred
    assert [group.object for group in choice.groups] == ["Lead"]
    assert (waits.object, waits.shortage, waits.rows) == ("Campaign", "allowance", 3)
    assert waits.org_calls == total_cost(costs[:1]).org_calls
    assert choice.calls_left == waits.org_calls - 1


def test_a_small_object_passes_a_more_important_one_that_does_not_fit() -> None:
    costs = [cost("Lead", "values", 4_000), cost("Touchproof_Profile__c", "creation")]
    room = total_cost(costs[:1]).org_calls - 1
    choice = choose(costs, room=room, storage_kilobytes=None)
    assert [one.object for one in choice.deferred] == ["Lead"]
    assert [group.object for group in choice.groups] == ["Touchproof_Profile__c"]


def test_what_marketo_pulls_for_consent_is_not_counted_again_for_the_values_of_a_record() -> None:
    consent, values = cost("Lead", "consent", 400), cost("Lead", "values", 400)
    room = consent.calls + values.calls + 2  # 400 records are two pulls, once
    choice = choose([consent, values], room=room, storage_kilobytes=None)
    assert choice.deferred == ()


def test_without_room_for_them_creations_wait_and_values_go() -> None:
    costs = [cost("Lead", "creation", 3), cost("Lead", "values", 5, first=10)]
    choice = choose(costs, room=None, storage_kilobytes=5)
    (waits,) = choice.deferred
    assert [group.kind for group in choice.groups] == ["values"]
    assert (waits.shortage, waits.rows, waits.storage_kilobytes) == ("storage", 3, 6)
    assert choice.storage_left == 5


def test_no_creation_takes_the_storage_that_a_more_important_one_waits_for() -> None:
    costs = [cost("Lead", "creation", 3), cost("CampaignMember", "creation", 1)]
    choice = choose(costs, room=None, storage_kilobytes=5)
    assert [one.object for one in choice.deferred] == ["Lead", "CampaignMember"]
    assert choice.groups == ()


def test_every_object_that_is_written_has_a_priority_of_its_own_and_a_reason() -> None:
    text = files("touchproof.salesforce").joinpath("object_priorities.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["priority"] for row in rows}) == len({row["object"] for row in rows})
    assert all(row["reason"] for row in rows)
    assert [row["object"] for row in rows] == sorted((r["object"] for r in rows), key=priority_of)
    seed = csv.DictReader(SEED.read_text().splitlines())
    assert {row["object"] for row in seed} <= {row["object"] for row in rows}
    assert priority_of("Another__c") > max(priority_of(row["object"]) for row in rows)
