"""A push that is killed at any durable step is finished by the next one, and nothing is doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from touchproof.ledger.store import Ledger
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import PushReport, run_push

SCRIPT = Path(__file__).with_name("killed_push.py")

SMALL_JOB = [
    ("Outbox.plan", "after"),
    ("Client.create_job_multipart", "after"),
    ("Outbox.mark", "after"),
    ("Client.get_job", "after"),
    ("Outbox.settle", "before"),
    ("Outbox.settle", "after"),
]
LARGE_JOB = [
    ("Client.create_job", "after"),
    ("Client.upload", "before"),
    ("Client.upload", "after"),
    ("Client.close_job", "after"),
]


def push(crm: Any) -> PushReport:
    return run_push(crm.settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5)


def kill_a_push(crm: Any, point: str, moment: str, size: str) -> None:
    """Run a push that dies at the point."""
    world = [str(crm.settings.data_dir), crm.settings.world, crm.night.isoformat()]
    command = [sys.executable, str(SCRIPT), *world, point, moment, size]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr


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


@pytest.mark.parametrize(
    ("point", "moment", "size"),
    [(*step, "small") for step in SMALL_JOB] + [(*step, "large") for step in LARGE_JOB],
)
def test_a_push_killed_at_a_step_is_finished_by_the_next(
    crm: Any, point: str, moment: str, size: str
) -> None:
    leads = wish_for_two_updates_and_a_creation(crm)
    crm.control.settings(processing_polls=1)
    kill_a_push(crm, point, moment, size)

    report = push(crm)

    assert report.status == "ok"
    if (point, moment) != ("Outbox.settle", "after"):
        assert report.resumed_records + report.pushed == 4
    records = crm.records()
    assert records[leads[0]]["HasOptedOutOfEmail"] == "true"
    assert Counter(record["Touchproof_Stage__c"] for record in records.values()) == {
        "engaged": 2,
        "new": 1,
    }
    client = Client(connection_from_settings(crm.settings), purpose="extraction")
    jobs = [client.get_job(job.id) for job in client.list_jobs()]
    assert sum(job.records_processed for job in jobs) == 4  # each row reached the org once
    assert not [job for job in jobs if job.state not in ("JobComplete", "Aborted", "Open")]
    outbox = Outbox(Ledger.of(crm.settings), client.org_id, crm.clock)
    assert outbox.unfinished() == []
    assert push(crm).planned == 0


def test_a_job_that_was_accepted_without_an_answer_is_recognised_by_its_content(crm: Any) -> None:
    leads = wish_for_two_updates_and_a_creation(crm)
    stranger = Client(connection_from_settings(crm.settings))
    stranger.create_job_multipart(
        "Lead", "update", None, f"Id,HasOptedOutOfEmail\n{leads[1]},false\n".encode()
    )
    kill_a_push(crm, "Client.create_job_multipart", "after", "small")
    stranger.create_job_multipart(
        "Lead", "update", None, f"Id,HasOptedOutOfEmail\n{leads[0]},false\n".encode()
    )

    report = push(crm)

    assert report.resumed_jobs == 1
    assert [group.kind for group in report.groups] == ["creation", "values"]


def test_a_job_that_salesforce_forgot_is_planned_again(crm: Any) -> None:
    wish_for_two_updates_and_a_creation(crm)
    kill_a_push(crm, "Outbox.mark", "after", "small")
    client = Client(connection_from_settings(crm.settings))
    for job in client.list_jobs():
        client.delete_job(job.id)

    report = push(crm)

    assert (report.resumed_jobs, report.pushed) == (1, 4)
