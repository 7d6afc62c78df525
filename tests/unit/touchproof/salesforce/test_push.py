"""A push through the real loopback server: what reaches the CRM, what it costs, what it tells."""

from __future__ import annotations

import csv
import math
from typing import Any

import pytest

from touchproof.errors import BadInputError
from touchproof.ledger.store import Ledger
from touchproof.salesforce.push import PushFailedError, PushReport, dead_letters, replay, run_push
from touchproof.salesforce.reconcile import (
    NamedRecord,
    reconcile_with_extract,
    reconcile_with_org,
)
from touchproof.settings import Settings

_INGEST_JOBS = "select id from jobs where kind = 'ingest'"


def push(crm: Any, **options: Any) -> PushReport:
    """Push the newest handoff without real waits."""
    settings = options.pop("settings", crm.settings)
    return run_push(
        settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5, **options
    )


def three_leads(crm: Any) -> list[str]:
    """Make three leads whose stage the sync models want to set, and publish."""
    made = [crm.lead(LastName=f"Lead {number}") for number in range(3)]
    for lead in made:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.publish()
    return made


def test_values_reach_the_crm_and_untouched_fields_stay(crm: Any) -> None:
    lead = crm.lead(Phone="+1 555 0100", Touchproof_Score__c="7.50", FirstName="Ann")
    crm.want(
        "sync_lead_attributes",
        salesforce_id=lead,
        Touchproof_Stage__c='new, "hot"\nÄ',
        Touchproof_Score__c="7.5",
        FirstName="Other",
        LastName="Other",
        Company="Other",
    )
    crm.publish()

    report = push(crm)

    record = crm.records()[lead]
    assert record["Touchproof_Stage__c"] == 'new, "hot"\nÄ'
    assert (record["FirstName"], record["LastName"]) == ("Ann", "Muster")
    assert (report.status, report.planned, report.pushed) == ("ok", 1, 1)
    assert report.groups[0].jobs == 1


def test_a_field_that_we_want_empty_is_cleared(crm: Any) -> None:
    lead = crm.lead(Touchproof_Stage__c="engaged", Touchproof_Source__c="Web")
    crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Source__c="Web")
    crm.publish()

    push(crm)

    assert crm.records()[lead]["Touchproof_Stage__c"] is None
    assert crm.records()[lead]["Touchproof_Source__c"] == "Web"


def test_a_second_push_of_the_same_night_and_a_quiet_night_send_nothing(crm: Any) -> None:
    three_leads(crm)
    crm.want(
        "sync_lead_attributes",
        record_key="app:1",
        Touchproof_Stage__c="new",
        LastName="New",
        Company="None",
    )
    crm.publish()
    assert push(crm).pushed == 4

    crm.control.reset_counters()
    again = push(crm)
    assert (again.planned, again.groups) == (0, ())
    assert crm.control.counters().calls <= 3

    crm.next_night()
    crm.publish()
    crm.control.reset_counters()
    quiet = push(crm)
    counters = crm.control.counters()
    assert (quiet.planned, quiet.drifted_records) == (0, 0)
    assert counters.calls == quiet.push_calls <= 3
    assert counters.token_requests == quiet.token_requests


def test_the_report_counts_the_calls_as_the_server_does(crm: Any) -> None:
    three_leads(crm)
    crm.control.settings(processing_polls=2)
    crm.control.reset_counters()

    report = push(crm)

    assert report.push_calls == crm.control.counters().calls
    assert report.token_requests == crm.control.counters().token_requests == 1
    assert report.allowance_max is not None


def test_an_opt_out_reaches_a_person_to_whom_nothing_else_may_be_sent(crm: Any) -> None:
    lead = crm.lead()
    row = {"salesforce_id": lead, "may_market": False}
    crm.want(
        "sync_lead_consent",
        **row,
        HasOptedOutOfEmail="true",
        Touchproof_Email_Consent__c="opted_out",
    )
    crm.want("sync_lead_attributes", **row, Touchproof_Stage__c="engaged")
    crm.publish()

    report = push(crm)

    record = crm.records()[lead]
    assert record["HasOptedOutOfEmail"] == "true"
    assert record["Touchproof_Email_Consent__c"] == "opted_out"
    assert record["Touchproof_Stage__c"] is None
    assert report.held == 1


def test_a_waiting_plan_still_sends_opt_outs_and_goes_once_it_is_confirmed(crm: Any) -> None:
    leads = three_leads(crm)
    crm.want("sync_lead_consent", salesforce_id=leads[0], HasOptedOutOfEmail="true")
    crm.publish()
    careful = crm.settings.model_copy(update={"max_changed_share": 0.2})

    waiting = push(crm, settings=careful)
    assert waiting.status == "waiting"
    assert waiting.plan_hash in (waiting.waiting_reason or "")
    assert (waiting.pushed, waiting.deferred) == (1, 3)
    assert crm.records()[leads[0]]["HasOptedOutOfEmail"] == "true"
    assert crm.records()[leads[0]]["Touchproof_Stage__c"] is None

    confirmed = push(crm, settings=careful, confirm=waiting.plan_hash)
    assert (confirmed.status, confirmed.pushed) == ("ok", 3)


def test_the_first_plan_of_an_org_goes_unasked_only_where_the_settings_say_so(crm: Any) -> None:
    leads = three_leads(crm)
    trusting = crm.settings.model_copy(
        update={"max_changed_share": 0.2, "confirm_first_plan": True}
    )
    assert push(crm, settings=trusting).pushed == 3

    crm.next_night()
    for lead in leads:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="other")
    crm.publish()
    assert push(crm, settings=trusting).status == "waiting"


def test_the_baseline_sends_nothing_and_spares_equal_records(crm: Any) -> None:
    lead = crm.lead(Touchproof_Stage__c="engaged", Touchproof_Score__c="1.0")
    crm.want(
        "sync_lead_attributes",
        salesforce_id=lead,
        Touchproof_Stage__c="engaged",
        Touchproof_Score__c="1",
    )
    crm.publish()

    baseline = push(crm, baseline=True)
    assert (baseline.baseline_records, baseline.planned, baseline.pushed) == (1, 0, 0)

    after = push(crm)
    assert (after.baseline_records, after.planned) == (0, 0)


def test_a_created_lead_is_found_by_its_id_the_night_after(crm: Any) -> None:
    wanted = {"LastName": "New", "Company": "None"}
    crm.want("sync_lead_attributes", record_key="app:1", Touchproof_Stage__c="new", **wanted)
    crm.publish()
    assert push(crm).pushed == 1
    ((lead, record),) = crm.records().items()
    assert record["Touchproof_Key__c"] == "app:1"

    crm.next_night()
    crm.rows.clear()
    crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.publish()
    report = push(crm)

    assert [(group.operation, group.pushed) for group in report.groups] == [("update", 1)]
    assert crm.records()[lead]["Touchproof_Stage__c"] == "engaged"
    assert len(Ledger.of(crm.settings).acknowledged("00D5e000000TPRFEA4", "Lead")) == 1


def test_a_created_lead_is_updated_even_before_the_extract_has_seen_it(crm: Any) -> None:
    wanted = {"record_key": "app:1", "LastName": "New", "Company": "None"}
    crm.want("sync_lead_attributes", Touchproof_Stage__c="new", **wanted)
    crm.publish()
    push(crm)
    crm.want("sync_lead_attributes", Touchproof_Stage__c="engaged", **wanted)
    crm.publish()

    report = push(crm)

    assert [group.operation for group in report.groups] == ["update"]
    assert [r["Touchproof_Stage__c"] for r in crm.records().values()] == ["engaged"]


def test_no_lead_is_created_against_consent(crm: Any) -> None:
    crm.want(
        "sync_lead_attributes", record_key="app:1", LastName="New", Company="N", may_market=False
    )
    crm.publish()

    report = push(crm)

    assert crm.records() == {}
    assert [(held.object, held.creations) for held in report.held_records] == [("Lead", 1)]


def test_a_refused_record_is_named_not_acknowledged_and_comes_again(crm: Any) -> None:
    leads = three_leads(crm)
    crm.control.refuse(
        "Lead",
        "Id",
        leads[1],
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "ann@example.com isn't welcome",
        fields=["Touchproof_Stage__c"],
    )

    first = push(crm)
    assert (first.pushed, first.refused, first.dead_letters) == (2, 1, 1)
    (row,) = first.refused_rows
    assert (row.object, row.record, row.code) == (
        "Lead",
        leads[1],
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    )
    assert row.fields == ("Touchproof_Stage__c",)
    assert row.owner and "ann" not in row.reason

    crm.next_night()
    crm.publish()
    second = push(crm)
    assert (second.planned, second.refused) == (1, 1)
    (letter,) = dead_letters(crm.settings)
    assert (letter.record_key, letter.nights) == (leads[1], 2)

    crm.control.stop_refusing()
    crm.next_night()
    crm.publish()
    third = push(crm)
    assert (third.pushed, third.dead_letters) == (1, 0)
    assert [letter.state for letter in dead_letters(crm.settings, None)] == ["resolved"]


def test_replay_sends_only_the_records_with_a_dead_letter(crm: Any) -> None:
    leads = three_leads(crm)
    crm.control.refuse("Lead", "Id", leads[1], "SERVER_UNAVAILABLE", times=1)
    push(crm)
    crm.want("sync_lead_attributes", salesforce_id=leads[0], Touchproof_Stage__c="other")
    crm.publish()

    report = replay(crm.settings, crm.night, crm.clock, sleep=lambda _: None)

    assert (report.planned, report.pushed, report.dead_letters) == (1, 1, 0)
    assert crm.records()[leads[1]]["Touchproof_Stage__c"] == "engaged"
    assert crm.records()[leads[0]]["Touchproof_Stage__c"] == "engaged"


def test_a_push_with_too_many_refusals_fails_after_everything_is_recorded(crm: Any) -> None:
    leads = [crm.lead(LastName=f"L{number}") for number in range(12)]
    for lead in leads:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.publish()
    crm.control.refuse("Lead", "Touchproof_Stage__c", "engaged", "INVALID_FIELD")

    with pytest.raises(PushFailedError) as failed:
        push(crm)

    assert failed.value.report.refused == 12
    assert len(dead_letters(crm.settings)) == 12


def test_a_refused_opt_out_fails_the_push(crm: Any) -> None:
    lead = crm.lead()
    crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.refuse("Lead", "Id", lead, "FIELD_CUSTOM_VALIDATION_EXCEPTION")

    with pytest.raises(PushFailedError, match="consent"):
        push(crm)


def test_drift_is_overwritten_or_kept_as_the_seed_says(crm: Any) -> None:
    lead = crm.lead()
    wanted = {"salesforce_id": lead, "Touchproof_Stage__c": "engaged"}
    crm.want("sync_lead_attributes", **wanted, Touchproof_Source__c="Web")
    crm.publish()
    push(crm)

    crm.next_night()
    crm.change("Lead", lead, Touchproof_Stage__c="theirs", Touchproof_Source__c="theirs")
    crm.publish()
    report = push(crm)
    assert report.drifted_records == 1
    assert crm.records()[lead]["Touchproof_Stage__c"] == "engaged"
    assert crm.records()[lead]["Touchproof_Source__c"] == "theirs"

    crm.next_night()
    crm.want("sync_lead_attributes", **wanted, Touchproof_Source__c="TV")
    crm.publish()
    push(crm)
    assert crm.records()[lead]["Touchproof_Source__c"] == "TV"


def test_an_older_observation_does_not_undo_what_we_acknowledged_later(crm: Any) -> None:
    three_leads(crm)
    push(crm)  # the handoff still says that the stages are empty

    assert push(crm).planned == 0


def test_a_spent_allowance_defers_the_plan_whole_but_not_the_opt_outs(crm: Any) -> None:
    leads = three_leads(crm)
    crm.want("sync_lead_consent", salesforce_id=leads[2], HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.limits(max=1000, used_by_others=890)

    report = push(crm)

    assert (report.status, report.pushed, report.deferred) == ("waiting", 1, 3)
    assert crm.records()[leads[2]]["HasOptedOutOfEmail"] == "true"
    assert crm.records()[leads[0]]["Touchproof_Stage__c"] is None

    crm.control.limits(max=1000, used_by_others=0)
    assert push(crm).pushed == 3


def test_an_allowance_that_runs_out_within_a_job_fails_the_push_and_the_next_one_goes_on(
    crm: Any,
) -> None:
    leads = three_leads(crm)
    for lead in leads:
        crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.settings(processing_polls=1)
    spent = len([call for call in crm.control.calls() if call["counted"]])
    crm.control.limits(max=1000, used_by_others=1000 - spent - 2)  # limits, then the job's create
    with pytest.raises(PushFailedError, match="REQUEST_LIMIT_EXCEEDED") as failed:
        push(crm)
    assert (failed.value.report.pushed, failed.value.report.deferred) == (0, 6)

    crm.control.limits(max=1000, used_by_others=0)
    report = push(crm)
    assert (report.resumed_jobs, report.resumed_records, report.pushed) == (1, 3, 3)


def test_a_job_that_salesforce_refuses_to_create_leaves_nothing_behind(crm: Any) -> None:
    leads = three_leads(crm)
    crm.want("sync_lead_consent", salesforce_id=leads[0], HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.limits(max=1000, used_by_others=1000)
    with pytest.raises(PushFailedError, match="REQUEST_LIMIT_EXCEEDED"):
        push(crm)

    crm.control.limits(max=1000, used_by_others=0)
    report = push(crm)
    assert (report.resumed_jobs, report.pushed) == (0, 4)


def test_a_dry_run_makes_no_call_and_leaves_the_ledger_alone(crm: Any) -> None:
    three_leads(crm)
    crm.control.reset_counters()

    report = push(crm, dry_run=True)

    counters = crm.control.counters()
    assert (counters.calls, counters.token_requests) == (0, 0)
    assert (report.is_dry_run, report.planned, report.pushed) == (True, 3, 0)
    assert (report.estimate.rows, report.estimate.jobs, report.estimate.batches) == (3, 1, 1)
    assert report.estimate.calls >= 5
    assert push(crm).plan_hash == report.plan_hash


def test_a_dry_run_foresees_what_the_jobs_are_and_no_fewer_calls_than_they_take(crm: Any) -> None:
    lead = {"op": "insert", "object": "Lead", "record": {"LastName": "L", "Company": "C"}}
    contact = {"op": "insert", "object": "Contact", "record": {"LastName": "C"}}
    # More leads than the one call of a small job can hold.
    crm.rows["sync_lead_attributes"] = [
        {"salesforce_id": one, "Touchproof_Stage__c": "engaged"}
        for one in crm.control.apply([lead] * 6_000)
    ]
    crm.rows["sync_contact_consent"] = [
        {"salesforce_id": one, "HasOptedOutOfEmail": "true"}
        for one in crm.control.apply([contact] * 30)
    ]
    crm.want("sync_campaign_performance", salesforce_id=crm.campaign(), Touchproof_Spend__c="7.5")
    for number in range(20):
        key, stage = f"app:{number}", None if number else "new"
        crm.want(
            "sync_lead_attributes",
            record_key=key,
            Touchproof_Stage__c=stage,
            LastName="New",
            Company="None",
        )
        crm.want("sync_profiles", record_key=f"lead:{key}", Lead__c=key)
    crm.publish()
    estimate = push(crm, dry_run=True).estimate

    report = push(crm)

    assert (report.refused, report.deferred, len(report.groups)) == (0, 0, 5)
    jobs = [uploaded(crm, job["id"]) for job in crm.ask_server(_INGEST_JOBS)]
    assert estimate.jobs == len(jobs)
    assert estimate.rows == sum(len(rows) for rows in jobs)
    assert estimate.batches == sum(math.ceil(len(rows) / 10_000) for rows in jobs)
    filled = sum(bool(cell) for rows in jobs for row in rows for cell in row)
    assert estimate.fields == filled - estimate.rows  # every row has its key besides
    called = sum(group.calls for group in report.groups)
    assert called == crm.control.counters().by_kind["bulk_ingest"]
    assert called <= estimate.calls


def uploaded(crm: Any, job_id: str) -> list[list[str]]:
    """Return the rows that a job was given, without their header."""
    folder = crm.settings.paths.salesforce_server.resolve() / "jobs"
    with (folder / f"{job_id}.content.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_many_rows_go_by_upload_and_every_result_is_matched_by_key(crm: Any) -> None:
    changes = [
        {"op": "insert", "object": "Lead", "record": {"LastName": f"L{n}", "Company": "C"}}
        for n in range(6_000)
    ]
    leads = crm.control.apply(changes)
    for lead in leads:
        crm.rows.setdefault("sync_lead_attributes", []).append(
            {"salesforce_id": lead, "Touchproof_Stage__c": "engaged"}
        )
    crm.publish()
    crm.control.refuse("Lead", "Id", leads[17], "STRING_TOO_LONG")

    report = push(crm)

    assert (report.pushed, report.refused) == (5_999, 1)
    stages = {key: record["Touchproof_Stage__c"] for key, record in crm.records().items()}
    assert [key for key, stage in stages.items() if stage != "engaged"] == [leads[17]]
    assert report.push_calls <= 10


def test_reconcile_names_what_the_org_and_the_ledger_disagree_about(crm: Any) -> None:
    leads = three_leads(crm)
    push(crm)
    assert reconcile_with_org(crm.settings, crm.clock, sleep=lambda _: None).status == "ok"
    crm.change("Lead", leads[0], Touchproof_Stage__c="theirs")
    crm.control.apply([{"op": "delete", "object": "Lead", "record": {"Id": leads[1]}}])
    crm.control.reset_counters()

    report = reconcile_with_org(crm.settings, crm.clock, sleep=lambda _: None)

    (found,) = report.objects
    assert report.status == "failed"
    assert (found.compared, found.equal, found.differing, found.missing) == (2, 1, 1, 1)
    assert found.fields == {"Touchproof_Stage__c": 1}
    changed, missing = sorted(leads[:2])
    assert found.records == (
        NamedRecord("Lead", changed, ("Touchproof_Stage__c",)),
        NamedRecord("Lead", missing),
    )
    assert report.extraction_calls == crm.control.counters().calls


def test_reconcile_names_what_the_extract_read_otherwise_without_a_call(crm: Any) -> None:
    leads = three_leads(crm)
    push(crm)
    crm.next_night()
    crm.change("Lead", leads[0], Touchproof_Stage__c="theirs", Touchproof_Source__c="kept")
    others = [crm.lead() for _ in range(21)]
    crm.publish()
    crm.control.reset_counters()

    report = reconcile_with_extract(crm.settings, crm.clock)

    assert (report.status, report.drifted_records, report.unknown_records) == ("failed", 1, 21)
    assert report.drifted == (NamedRecord("Lead", leads[0], ("Touchproof_Stage__c",)),)
    assert report.unknown == tuple(NamedRecord("Lead", one) for one in sorted(others)[:20])
    assert crm.control.counters().calls == 0
    push(crm)
    assert reconcile_with_extract(crm.settings, crm.clock).status == "ok"


@pytest.mark.parametrize("lane", ["new-leads", "daily"])
def test_a_lane_that_is_not_there_is_refused_with_one_sentence(
    settings: Settings, fixed_clock: Any, lane: str
) -> None:
    with pytest.raises(BadInputError, match=lane):
        run_push(settings, fixed_clock().date(), fixed_clock, lane=lane)
