"""A push within what the org has left, on the loopback server: what waits comes later, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from touchproof.ledger.store import Ledger
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.push import PushFailedError, PushReport, dead_letters, run_push
from touchproof.salesforce.spending import ALLOWANCE_LIMIT, limits_seen, nights_waited
from touchproof.steps import run_step

ALLOWANCE = 1_000
SETTINGS_RESERVE = 120  # 10 % for other systems, 2 % for new leads
STAGE, SPEND = "Touchproof_Stage__c", "Touchproof_Spend__c"


def push(crm: Any, **options: Any) -> PushReport:
    """Push without real waits, recorded as the DAG's task records it."""
    settings = options.pop("settings", crm.settings)

    def action() -> PushReport:
        waits = {"sleep": lambda _: None, "jitter": lambda: 0.5}
        return run_push(settings, crm.night, crm.clock, **waits, **options)

    if options.get("dry_run"):
        return action()
    return run_step(settings, crm.night, "push:nightly", crm.clock, action)


def leave_room(crm: Any, calls: int, rise: int = 0) -> None:
    """Let others use so much of the allowance that so many calls are ours to spend."""
    crm.control.limits(max=ALLOWANCE, used_by_others=0)
    client = Client(connection_from_settings(crm.settings), purpose="extraction")
    used = client.limits()[ALLOWANCE_LIMIT].used + 1  # the push's own look at the limits
    others = ALLOWANCE - SETTINGS_RESERVE - rise - calls - used
    crm.control.limits(max=ALLOWANCE, used_by_others=others)


def cost_of(report: PushReport, *objects: str) -> int:
    return sum(one.cost.org_calls for one in report.object_costs if one.object in objects)


def a_first_night(crm: Any) -> tuple[list[str], list[str]]:
    """Want opt-outs, stages and new leads, and the spend of campaigns; publish."""
    leads = [crm.lead(LastName=f"Lead {number}") for number in range(4)]
    campaigns = [crm.campaign(Name=f"Campaign {number}") for number in range(3)]
    for lead in leads:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.want("sync_lead_consent", salesforce_id=leads[0], HasOptedOutOfEmail="true")
    for number in range(2):
        crm.want(
            "sync_lead_attributes",
            record_key=f"app:{number}",
            Touchproof_Stage__c="new",
            LastName=f"New {number}",
            Company="None",
        )
    for campaign in campaigns:
        crm.want("sync_campaign_performance", salesforce_id=campaign, Touchproof_Spend__c="7.5")
    crm.publish()
    return leads, campaigns


def test_what_waits_for_allowance_goes_the_next_night_and_nothing_goes_twice(crm: Any) -> None:
    leads, campaigns = a_first_night(crm)
    planned = push(crm, dry_run=True)
    leave_room(crm, cost_of(planned, "Lead", "Campaign") - 1)

    first = push(crm)

    assert (first.status, first.pushed, first.deferred) == ("waiting", 1 + 4 + 2, 3)
    assert [one.object for one in first.deferred_objects] == ["Campaign"]
    needed = cost_of(planned, "Campaign")
    assert f"Campaign (3 records, {needed} calls) waits" in str(first.waiting_reason)
    assert f"{needed - 1} calls were left for the first of them" in str(first.waiting_reason)
    assert first.plan_hash == planned.plan_hash
    assert {one[SPEND] for one in crm.records("Campaign").values()} == {None}
    assert len(crm.stored("Lead")) == 6

    crm.next_night()
    crm.publish()
    crm.control.limits(max=ALLOWANCE, used_by_others=0)
    second = push(crm)

    assert (second.status, second.planned, second.pushed) == ("ok", 3, 3)
    assert second.deferred_objects == ()
    assert {crm.records("Campaign")[one][SPEND] for one in campaigns} == {"7.5"}
    assert {crm.records()[one][STAGE] for one in leads} == {"engaged"}
    assert len(crm.stored("Lead")) == 6
    assert push(crm).planned == 0


def test_leads_wait_whole_their_opt_outs_go_and_campaigns_that_fit_go_too(crm: Any) -> None:
    leads, campaigns = a_first_night(crm)
    planned = push(crm, dry_run=True)
    consent = 7  # a job and what Marketo Engage pulls
    leave_room(crm, consent + cost_of(planned, "Campaign"))

    report = push(crm)

    assert [one.object for one in report.deferred_objects] == ["Lead"]
    assert report.deferred_objects[0].rows == 4 + 2
    assert crm.records()[leads[0]]["HasOptedOutOfEmail"] == "true"
    assert {one[STAGE] for one in crm.records().values()} == {None}
    assert len(crm.stored("Lead")) == 4
    assert {crm.records("Campaign")[one][SPEND] for one in campaigns} == {"7.5"}


def test_children_wait_where_their_new_parents_take_the_last_calls(crm: Any) -> None:
    crm.want("sync_lead_attributes", record_key="app:1", LastName="New", Company="None")
    crm.want("sync_profiles", record_key="profile:1", Lead__c="app:1", First_Touch_Channel__c="TV")
    crm.publish()
    leave_room(crm, cost_of(push(crm, dry_run=True), "Lead"))

    first = push(crm)

    assert (first.pushed, first.refused, first.deferred) == (1, 0, 1)
    assert "Touchproof_Profile__c (1 records, 6 calls) waits" in str(first.waiting_reason)
    assert crm.stored("Touchproof_Profile__c") == []
    crm.control.limits(max=ALLOWANCE, used_by_others=0)
    assert push(crm).pushed == 1
    assert len(crm.stored("Touchproof_Profile__c")) == 1


def test_an_object_waits_whole_with_the_children_of_what_is_made_first(crm: Any) -> None:
    there = crm.lead(LastName="There")
    crm.want("sync_lead_attributes", record_key="app:1", LastName="New", Company="None")
    for key, lead in (("profile:1", "app:1"), ("profile:2", there)):
        crm.want("sync_profiles", record_key=key, Lead__c=lead, First_Touch_Channel__c="TV")
    crm.publish()
    planned = push(crm, dry_run=True)
    leave_room(crm, cost_of(planned, "Lead", "Touchproof_Profile__c") - 1)

    first = push(crm)

    assert (first.status, first.pushed, first.deferred) == ("waiting", 1, 2)
    assert [(one.object, one.rows) for one in first.deferred_objects] == [
        ("Touchproof_Profile__c", 2)
    ]
    assert crm.stored("Touchproof_Profile__c") == []


def test_the_child_of_a_lead_that_waits_to_be_made_waits_with_it(crm: Any) -> None:
    campaign = crm.campaign()
    crm.want("sync_campaign_performance", salesforce_id=campaign, Touchproof_Spend__c="7.5")
    new = 2_000  # what Marketo Engage pulls makes them dearer than campaign and members together
    crm.rows["sync_lead_attributes"] = [
        {"record_key": f"app:{number}", "LastName": f"New {number}", "Company": "None"}
        for number in range(new)
    ]
    there = crm.lead(LastName="There")
    for key, parent in (("member:1", "app:1"), ("member:2", there)):
        crm.want(
            "sync_members",
            record_key=key,
            parent_object="Lead",
            parent_key=parent,
            CampaignId=campaign,
            LeadId=there if parent == there else crm.lead(LastName="Other"),
            Status="Sent",
        )
    crm.publish()
    planned = push(crm, dry_run=True)
    leave_room(crm, cost_of(planned, "Campaign", "CampaignMember"))

    report = push(crm)

    assert [one.object for one in report.deferred_objects] == ["Lead"]
    assert report.held_children == 1
    assert [one["LeadId"] for one in crm.stored("CampaignMember")] == [there]
    crm.control.limits(max=ALLOWANCE, used_by_others=0)
    assert push(crm).status == "ok"
    assert len(crm.stored("CampaignMember")) == 2
    assert len(crm.stored("Lead")) == new + 2


def test_a_dead_letter_stays_as_it_is_while_its_object_waits(crm: Any) -> None:
    _, campaigns = a_first_night(crm)
    crm.control.refuse("Campaign", "Id", campaigns[1], "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    push(crm)
    (letter,) = dead_letters(crm.settings)
    assert (letter.record_key, letter.nights) == (campaigns[1], 1)

    crm.next_night()
    crm.publish()
    leave_room(crm, 0)
    assert [one.object for one in push(crm).deferred_objects] == ["Campaign"]
    assert dead_letters(crm.settings) == [letter]

    crm.control.limits(max=ALLOWANCE, used_by_others=0)
    crm.control.stop_refusing()
    assert push(crm).pushed == 1
    assert dead_letters(crm.settings) == []


def test_new_records_that_the_storage_does_not_take_wait_and_changes_go(crm: Any) -> None:
    leads, campaigns = a_first_night(crm)
    crm.control.storage(0)

    report = push(crm)

    (waits,) = report.deferred_objects
    assert (waits.object, waits.shortage, waits.rows) == ("Lead", "storage", 2)
    assert report.status == "waiting"
    assert "new Lead records (2, 1 MB) waits for data storage" in str(report.waiting_reason)
    assert len(crm.stored("Lead")) == 4
    assert {crm.records()[one][STAGE] for one in leads} == {"engaged"}
    assert {crm.records("Campaign")[one][SPEND] for one in campaigns} == {"7.5"}

    crm.control.storage(1_000)
    assert push(crm).pushed == 2
    assert len(crm.stored("Lead")) == 6


def test_what_others_will_use_by_their_log_is_kept_free(crm: Any) -> None:
    """Yesterday was quiet; on this weekday others use 10 calls an hour up to midnight."""
    today = crm.clock().date()
    hours = [
        {"log_date": day, "hour_of_day": hour, "other_calls": calls}
        for day, calls in ((today - timedelta(days=1), 0), (today - timedelta(days=7), 10))
        for hour in range(24)
    ]
    shape = pa.schema(
        [("log_date", pa.date32()), ("hour_of_day", pa.int32()), ("other_calls", pa.int64())]
    )
    crm.others["sync_salesforce_hourly_use"] = pa.Table.from_pylist(hours, shape)
    a_first_night(crm)
    planned = push(crm, dry_run=True)
    rise = 22 * 10
    all_of_it = cost_of(planned, "Lead", "Campaign")

    leave_room(crm, all_of_it - 1, rise)
    short = push(crm)
    assert short.reserve is not None
    assert (short.reserve.rise, short.reserve.calls) == (rise, rise + SETTINGS_RESERVE)
    assert short.reserve.log_date == today - timedelta(days=1)
    assert [one.object for one in short.deferred_objects] == ["Campaign"]


def test_without_a_log_the_settings_alone_are_kept_and_the_report_says_so(crm: Any) -> None:
    a_first_night(crm)
    planned = push(crm, dry_run=True)
    leave_room(crm, cost_of(planned, "Lead", "Campaign"))
    report = push(crm)
    assert report.reserve is not None
    assert (report.reserve.calls, report.reserve.log_date) == (SETTINGS_RESERVE, None)
    assert (report.status, report.deferred) == ("ok", 0)


def test_an_object_that_waits_for_too_many_nights_fails_the_push_and_says_what_to_do(
    crm: Any,
) -> None:
    leads, _ = a_first_night(crm)
    few = crm.settings.model_copy(update={"max_waiting_nights": 2})
    leave_room(crm, 0)
    for waited in range(2):
        assert nights_waited(Ledger.of(few), "nightly", crm.night).get("Lead", 0) == waited
        assert push(crm, settings=few).status == "waiting"
        assert push(crm, settings=few).status == "waiting"  # the night again is no night more
        crm.next_night()
        crm.publish()
        leave_room(crm, 0)

    with pytest.raises(PushFailedError, match="Lead 3 nights") as failed:
        push(crm, settings=few)
    assert "touchproof audit-api" in failed.value.todo
    assert crm.records()[leads[0]]["HasOptedOutOfEmail"] == "true"

    crm.next_night()
    crm.publish()
    crm.control.limits(max=ALLOWANCE, used_by_others=0)
    assert push(crm, settings=few).status == "ok"
    crm.next_night()
    assert nights_waited(Ledger.of(few), "nightly", crm.night) == {}


def test_how_many_refusals_fail_a_push_is_a_setting(crm: Any) -> None:
    _, campaigns = a_first_night(crm)
    crm.control.refuse("Campaign", "Id", campaigns[1], "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    strict = crm.settings.model_copy(update={"few_refused_records": 0})
    with pytest.raises(PushFailedError, match="refused 1 of 10 records"):
        push(crm, settings=strict)
    assert push(crm).status == "ok"


def test_a_dry_run_shows_what_the_last_push_saw_and_what_would_wait(crm: Any) -> None:
    a_first_night(crm)
    blind = push(crm, dry_run=True)
    assert (blind.allowance_max, blind.storage_megabytes, blind.reserve) == (None, None, None)
    assert blind.deferred_objects == ()

    leave_room(crm, 0)
    push(crm)
    crm.control.reset_counters()
    seen = push(crm, dry_run=True)

    assert crm.control.counters().calls == 0
    assert seen.allowance_max == ALLOWANCE
    assert seen.storage_megabytes is not None
    assert seen.limits_seen_at == limits_seen(Ledger.of(crm.settings)).seen_at
    assert [one.object for one in seen.deferred_objects] == ["Lead", "Campaign"]


def test_a_dry_run_foresees_what_hangs_on_records_that_the_push_makes(crm: Any) -> None:
    for number in range(3):
        key = f"app:{number}"
        crm.want("sync_lead_attributes", record_key=key, LastName="New", Company="None",
                 may_market=number < 2)  # fmt: skip
        crm.want("sync_profiles", record_key=f"profile:{key}", Lead__c=key)
    crm.publish()

    planned = push(crm, dry_run=True)
    pushed = push(crm)

    assert (planned.planned, planned.held, planned.held_children) == (4, 1, 1)
    assert (pushed.planned, pushed.held, pushed.held_children) == (4, 1, 1)
    assert pushed.pushed == 4
    told, done = (
        {group.object: group.planned for group in one.groups} for one in (planned, pushed)
    )
    assert told == done == {"Lead": 2, "Touchproof_Profile__c": 2}
    assert planned.estimate == pushed.estimate
