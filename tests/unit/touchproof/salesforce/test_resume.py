"""What a killed or failed push left is looked at first: found again, given up, or held back."""

from __future__ import annotations

from typing import Any

import pytest
from durable_steps import Step
from killed_processes import kill_a_push

from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.push import PushFailedError, PushReport, run_push
from touchproof_sandbox.salesforce.faults import Calls

JOBS = "/services/data/v64.0/jobs/ingest"
CREATED_WITHOUT_AN_ANSWER = Step(0, f"receive POST {JOBS}")
JOB_KNOWN = Step(0, f"send GET {JOBS}/*")


def push(crm: Any) -> PushReport:
    return run_push(crm.settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5)


def wish_for_two_updates_and_a_creation(crm: Any) -> list[str]:
    leads = [crm.lead(LastName=f"Lead {number}") for number in range(2)]
    crm.want("sync_lead_consent", salesforce_id=leads[0], HasOptedOutOfEmail="true")
    for lead in leads:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.want(
        "sync_lead_attributes",
        record_key="app:1",
        Touchproof_Stage__c="new",
        LastName="New",
        Company="None",
    )
    crm.publish()
    return leads


def test_a_job_that_was_accepted_without_an_answer_is_recognised_by_its_content(crm: Any) -> None:
    leads = wish_for_two_updates_and_a_creation(crm)
    stranger = Client(connection_from_settings(crm.settings))
    stranger.create_job_multipart(
        "Lead", "update", None, f"Id,HasOptedOutOfEmail\n{leads[1]},false\n".encode()
    )
    kill_a_push(crm.settings, crm.night, CREATED_WITHOUT_AN_ANSWER, "after")
    stranger.create_job_multipart(
        "Lead", "update", None, f"Id,HasOptedOutOfEmail\n{leads[0]},false\n".encode()
    )

    report = push(crm)

    assert report.resumed_jobs == 1
    assert [group.kind for group in report.groups] == ["creation", "values"]


def test_a_job_that_salesforce_forgot_is_planned_again(crm: Any) -> None:
    wish_for_two_updates_and_a_creation(crm)
    kill_a_push(crm.settings, crm.night, JOB_KNOWN, "before")
    client = Client(connection_from_settings(crm.settings))
    for job in client.list_jobs():
        client.delete_job(job.id)

    report = push(crm)

    assert (report.resumed_jobs, report.pushed) == (1, 4)


def test_a_job_that_never_ends_holds_back_its_own_records_and_no_others(crm: Any) -> None:
    leads = wish_for_two_updates_and_a_creation(crm)
    crm.control.hold_jobs()
    with pytest.raises(PushFailedError, match="hasn't ended"):
        push(crm)

    with pytest.raises(PushFailedError, match="hasn't ended") as failed:
        push(crm)

    report = failed.value.report
    assert (report.planned, report.pushed, report.deferred) == (4, 2, 2)
    records = crm.records()
    assert records[leads[0]]["Touchproof_Stage__c"] is None
    assert records[leads[1]]["Touchproof_Stage__c"] == "engaged"

    crm.control.stop_faults()
    report = push(crm)
    assert (report.status, report.resumed_records, report.pushed) == ("ok", 1, 1)
    assert crm.records()[leads[0]]["HasOptedOutOfEmail"] == "true"


def test_a_job_that_is_listed_is_not_given_up_for_a_404(crm: Any) -> None:
    wish_for_two_updates_and_a_creation(crm)
    kill_a_push(crm.settings, crm.night, JOB_KNOWN, "before")
    crm.control.answer_error(Calls.step("poll"), 404, "NOT_FOUND")

    with pytest.raises(PushFailedError, match="404"):
        push(crm)

    report = push(crm)
    assert (report.resumed_jobs, report.resumed_records) == (1, 1)
