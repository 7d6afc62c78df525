"""A push that pauses while Salesforce works goes on as the same push, and tells the whole of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from beginning import Beginning

from touchproof.errors import BadInputError, PausedError
from touchproof.handoff import committed_handoff
from touchproof.ledger.store import Ledger
from touchproof.salesforce.call_journal import count_push_calls
from touchproof.salesforce.outbox import NIGHTLY, Outbox
from touchproof.salesforce.pauses import PushPart, left_part
from touchproof.salesforce.push import (
    PushFailedError,
    PushReport,
    _Push,
    dead_letters,
    replay,
    run_push,
)
from touchproof.salesforce.tables import push_folder
from touchproof.steps import run_step
from touchproof_sandbox.salesforce.faults import Calls
from touchproof_sandbox.salesforce.schema import ORG_ID

MINUTE = 60.0
PUSH = "push:nightly"
PUSHED = ("HasOptedOutOfEmail", "Touchproof_Stage__c", "Touchproof_Key__c")


@dataclass
class Clocked:
    """Push on a clock that goes as fast as the push sleeps."""

    crm: Any
    passed: float = 0.0
    slept: list[float] = field(default_factory=list)
    confirm: str | None = None

    def clock(self) -> datetime:
        return self.crm.clock() + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def push(self, longest_sleep: float | None = MINUTE) -> PushReport:
        """Push as a task does: recorded, and without long sleeps."""
        crm = self.crm
        return run_step(
            crm.settings,
            crm.night,
            PUSH,
            self.clock,
            lambda: run_push(
                crm.settings,
                crm.night,
                self.clock,
                sleep=self.sleep,
                jitter=lambda: 0.0,
                longest_sleep=longest_sleep,
                confirm=self.confirm,
            ),
        )

    def pause(self) -> float:
        """Push until it pauses; return for how long."""
        with pytest.raises(PausedError) as paused:
            self.push()
        return paused.value.seconds

    def pause_or_end(self) -> float:
        """Push; return for how long it pauses, if it does."""
        try:
            self.push()
        except PausedError as pause:
            return pause.seconds
        raise AssertionError("the push is over")

    def wait(self, seconds: float) -> None:
        """Do nothing until the push is to go on."""
        self.passed += seconds


@pytest.fixture
def clocked(crm: Any) -> Clocked:
    return Clocked(crm)


def steps(crm: Any) -> dict[str, str]:
    """Return how the steps of the night stand in the ledger."""
    runs = Ledger.of(crm.settings).runs(crm.night)
    return {run.step: run.status for run in runs if run.step != "preflight"}


def left(crm: Any) -> PushPart:
    """Return what the push of the night had done when it was left."""
    handoff = committed_handoff(crm.settings)
    assert handoff is not None
    return left_part(Ledger.of(crm.settings), crm.night, handoff.version)


def acknowledged(crm: Any) -> dict[str, dict[str, Any]]:
    """Return the acknowledged values by Id."""
    with push_folder(crm.settings) as folder:
        rows = Outbox(Ledger.of(crm.settings), ORG_ID, crm.clock).acknowledged(folder)
        found = [row for batch in rows.batches() for row in batch.to_pylist()]
    return {row["salesforce_id"]: json.loads(row["fields_json"]) for row in found}


def three_jobs(crm: Any) -> list[str]:
    """Wish for an opt-out, a new lead and a stage for each of four leads; return their Ids."""
    leads = [crm.lead(LastName=f"Lead {number}") for number in range(4)]
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
    crm.control.reset_counters()
    return leads


def require_everything_once(crm: Any, leads: list[str], report: PushReport) -> None:
    """Check org, acknowledged values, outbox and calls after all of `three_jobs` went through."""
    records = crm.records()
    stages = {lead: records[lead]["Touchproof_Stage__c"] for lead in records}
    assert stages == dict.fromkeys(leads, "engaged") | dict.fromkeys(set(records) - {*leads}, "new")
    assert len(records) == len(leads) + 1
    assert records[leads[0]]["HasOptedOutOfEmail"] == "true"
    known = acknowledged(crm)
    assert {lead: known[lead]["Touchproof_Stage__c"] for lead in records} == stages
    outbox = Outbox(Ledger.of(crm.settings), ORG_ID, crm.clock)
    assert (outbox.unfinished(), outbox.unfinished_records()) == ([], set())
    told = [(one.kind, one.planned, one.pushed, one.jobs) for one in report.groups]
    assert told == [("consent", 1, 1, 1), ("creation", 1, 1, 1), ("values", 4, 4, 1)]
    assert (report.status, report.planned, report.pushed, report.deferred) == ("ok", 6, 6, 0)
    assert (report.resumed_jobs, report.resumed_records) == (0, 0)


def test_a_paused_push_goes_on_where_it_was_and_tells_the_whole(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.hold_jobs(after=1)

    seconds = clocked.pause()

    assert max(clocked.slept) <= MINUTE < seconds
    assert PUSH not in steps(crm)
    part = left(crm)
    assert {one.kind: one.pushed for one in part.groups if one.calls} == {
        "consent": 1,
        "creation": 0,
    }
    clocked.wait(seconds)
    crm.control.stop_faults()
    report = clocked.push()

    calls = crm.control.counters().calls
    assert report.push_calls == calls == count_push_calls(Ledger.of(crm.settings), crm.night)
    assert report.token_requests == crm.control.counters().token_requests == 2
    require_everything_once(crm, leads, report)
    assert steps(crm) == {"paused:nightly": "ok", PUSH: "ok"}
    (run,) = Ledger.of(crm.settings).runs(crm.night, step=PUSH)
    assert (run.report["pushed"], run.report["push_calls"]) == (6, calls)
    again = clocked.push()
    assert (again.planned, again.pushed) == (0, 0)


def test_a_push_may_pause_at_one_job_twice_and_at_another_then(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.hold_jobs()
    first = clocked.pause()
    looks = len(clocked.slept)
    clocked.wait(first)
    crm.control.reset_counters()

    second = clocked.pause()

    assert (len(clocked.slept), second > first) == (looks, True)
    assert crm.control.counters().calls == 1
    clocked.wait(second)
    crm.control.stop_faults()
    crm.control.hold_jobs(after=1)
    third = clocked.pause()
    assert PUSH not in steps(crm)
    clocked.wait(third)
    crm.control.stop_faults()
    report = clocked.push()

    require_everything_once(crm, leads, report)
    assert report.push_calls == count_push_calls(Ledger.of(crm.settings), crm.night)
    assert report.token_requests == 4


def test_what_was_refused_before_a_pause_is_not_sent_again_and_still_told(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    bad = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    crm.control.refuse("Lead", "HasOptedOutOfEmail", "true", bad)
    crm.control.refuse("Lead", "Id", leads[3], "STRING_TOO_LONG")
    crm.control.hold_jobs(after=2)
    clocked.wait(clocked.pause())
    crm.control.stop_faults()
    jobs = crm.ask_server("select count(*) as n from jobs where kind = 'ingest'")[0]["n"]

    with pytest.raises(PushFailedError, match="consent of 1") as failed:
        clocked.push()

    report = failed.value.report
    told = [(one.kind, one.planned, one.pushed, one.refused, one.jobs) for one in report.groups]
    assert told == [("consent", 1, 0, 1, 1), ("creation", 1, 1, 0, 1), ("values", 4, 3, 1, 1)]
    codes = [(row.record, row.code) for row in report.refused_rows]
    assert sorted(codes) == sorted([(leads[0], bad), (leads[3], "STRING_TOO_LONG")])
    assert crm.ask_server("select count(*) as n from jobs where kind = 'ingest'")[0]["n"] == jobs
    assert report.push_calls == crm.control.counters().calls
    assert report.dead_letters == 2
    assert steps(crm) == {"paused:nightly": "ok", PUSH: "failed"}


def test_locked_rows_of_a_job_that_was_waited_for_go_again(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.lock_row("Lead", leads[2], tries=1)
    crm.control.hold_jobs(after=2)
    clocked.wait(clocked.pause())
    crm.control.stop_faults()

    report = clocked.push()

    values = report.groups[-1]
    assert (values.pushed, values.refused, values.jobs) == (4, 0, 2)
    assert report.push_calls == crm.control.counters().calls
    assert crm.records()[leads[2]]["Touchproof_Stage__c"] == "engaged"


def test_a_job_is_given_up_after_the_same_time_however_often_the_push_paused(
    clocked: Clocked,
) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.hold_jobs()
    pauses = []
    with pytest.raises(PushFailedError, match="hasn't ended") as failed:
        while True:
            pauses.append(clocked.pause_or_end())
            clocked.wait(pauses[-1])

    assert 2 * 3600 <= clocked.passed <= 2 * 3600 + 300
    assert pauses == sorted(pauses) and len(pauses) > 50
    report = failed.value.report
    assert (report.pushed, report.deferred) == (4, 2)  # all but the opt-out's own lead
    assert crm.records()[leads[0]]["Touchproof_Stage__c"] is None
    assert steps(crm)[PUSH] == "failed"


def test_the_first_plan_s_permission_holds_for_what_is_left_of_it(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.settings = crm.settings.model_copy(
        update={"max_changed_share": 0.1, "confirm_first_plan": False}
    )
    plan = run_push(crm.settings, crm.night, clocked.clock, dry_run=True)
    assert plan.needs_confirmation
    crm.control.hold_jobs(after=1)
    clocked.confirm = plan.plan_hash
    clocked.wait(clocked.pause())
    crm.control.stop_faults()
    clocked.confirm = None

    report = clocked.push()

    require_everything_once(crm, leads, report)
    assert report.plan_hash == plan.plan_hash


def test_without_a_longest_sleep_a_push_sits_and_waits(clocked: Clocked) -> None:
    crm = clocked.crm
    three_jobs(crm)
    crm.control.hold_jobs()
    with pytest.raises(PushFailedError, match="hasn't ended"):
        clocked.push(longest_sleep=None)
    assert max(clocked.slept) > MINUTE
    assert left(crm).pauses == 0


@dataclass(frozen=True)
class MixedNight:
    """A night with a bit of everything, to be pushed again and again from the same beginning.

    Lead 0 opts out, lead 1 is refused, lead 2 has become a contact and opts out, lead 3 is locked
    once; one new lead is refused, one is made; each of these and lead 0 has a profile.
    """

    beginning: Beginning
    leads: list[str]
    contact: str

    @classmethod
    def make(cls, crm: Any, template: Path) -> MixedNight:
        changes = [
            {"op": "create", "object": "Lead", "record": {"LastName": f"L{n}", "Company": "None"}}
            for n in range(4)
        ]
        changes.append({"op": "create", "object": "Contact", "record": {"LastName": "C"}})
        *leads, contact = crm.control.apply(changes)
        for lead in (leads[0], leads[2]):
            crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
        for lead in leads:
            crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
        for key, name in (("app:1", "Good"), ("app:2", "Bad")):
            values = {"Touchproof_Stage__c": "new", "LastName": name, "Company": "None"}
            crm.want("sync_lead_attributes", record_key=key, **values)
        for number, lead in enumerate((leads[0], "app:1", "app:2")):
            row = {"Lead__c": lead, "First_Touch_Channel__c": "TV"}
            crm.want("sync_profiles", record_key=f"profile:{number}", **row)
        crm.rows["sync_contact_consent"] = []
        crm.publish()
        return cls(Beginning(crm, template, changes, NIGHTLY), leads, contact)

    def again(self) -> Clocked:
        """Begin anew."""
        self.beginning.again()
        crm = self.beginning.crm
        crm.change("Lead", self.leads[2], IsConverted="true", ConvertedContactId=self.contact)
        crm.control.refuse("Lead", "LastName", "Bad", "STRING_TOO_LONG")
        crm.control.refuse("Lead", "Id", self.leads[1], "STRING_TOO_LONG")
        crm.control.lock_row("Lead", self.leads[3], tries=1)
        crm.control.reset_counters()
        return Clocked(crm)

    def end(self, report: PushReport) -> dict[str, Any]:
        """Return how the night ended; check that the calls were counted."""
        crm = self.beginning.crm
        assert report.push_calls == crm.control.counters().calls
        assert report.planned == report.pushed + report.refused + report.deferred
        groups: dict[str, Counter[str]] = {}
        for one in report.groups:
            # A row whose record turns out to have moved is deferred, or not even planned.
            counts = {"pushed": one.pushed, "refused": one.refused}
            name = f"{one.object} {one.operation} {one.kind}"
            groups[name] = groups.get(name, Counter()) + Counter(counts)
        letters = [(one.record_key, one.code) for one in dead_letters(crm.settings)]
        rows = crm.ask_server("select sum(processed) as n from jobs where kind = 'ingest'")
        return {
            "groups": groups,
            "refused": [(row.record, row.code) for row in report.refused_rows],
            "held": report.held_children,
            "letters": sorted(letters),
            "rows": rows[0]["n"],
            "records": sorted(
                (name, str(row["LastName"]), *(str(row.get(field)) for field in PUSHED))
                for name in ("Lead", "Contact")
                for row in crm.stored(name)
            ),
            "profiles": len(crm.stored("Touchproof_Profile__c")),
        }


def test_wherever_a_push_pauses_it_ends_as_one_that_never_did(crm: Any, tmp_path: Path) -> None:
    night = MixedNight.make(crm, tmp_path / "template")
    expected = night.end(night.again().push())
    jobs = crm.ask_server("select count(*) as n from jobs where kind = 'ingest'")[0]["n"]
    assert expected["profiles"] == 2 and len(expected["refused"]) >= 3 and jobs >= 7
    for held in range(jobs):
        clocked = night.again()
        crm.control.hold_jobs(after=held)
        clocked.wait(clocked.pause())
        crm.control.stop_faults()
        assert night.end(clocked.push()) == expected, f"paused at job {held + 1}"


def test_a_push_that_pauses_at_every_job_ends_as_one_that_never_did(
    crm: Any, tmp_path: Path
) -> None:
    night = MixedNight.make(crm, tmp_path / "template")
    expected = night.end(night.again().push())
    clocked = night.again()
    report, pauses = None, 0
    while report is None:
        crm.control.hold_jobs()
        try:
            report = clocked.push()
        except PausedError as pause:
            clocked.wait(pause.seconds)
            pauses += 1
        crm.control.stop_faults()
    assert night.end(report) == expected
    assert pauses >= 6


def test_another_handoff_meanwhile_is_a_plan_of_its_own(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = [crm.lead(LastName=f"Lead {number}") for number in range(10)]
    for lead in leads:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="known")
    crm.publish()
    clocked.push(longest_sleep=None)
    crm.next_night()
    limited = {"max_changed_share": 0.2, "confirm_first_plan": False}
    crm.settings = crm.settings.model_copy(update=limited)
    crm.want("sync_lead_attributes", salesforce_id=leads[0], Touchproof_Stage__c="engaged")
    crm.publish()
    crm.control.hold_jobs()
    clocked.wait(clocked.pause())
    crm.control.stop_faults()
    for lead in leads:
        crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="wrong")
    crm.publish()

    report = clocked.push()

    assert (report.status, report.needs_confirmation, report.changed_share) == ("waiting", True, 1)
    assert (report.pushed, report.deferred) == (1, 10)
    stages = Counter(record["Touchproof_Stage__c"] for record in crm.records().values())
    assert stages == {"known": 9, "engaged": 1}


def test_a_refused_opt_out_goes_again_with_another_handoff(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.refuse("Lead", "HasOptedOutOfEmail", "true", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    crm.control.hold_jobs(after=1)
    clocked.wait(clocked.pause())
    crm.control.stop_faults()
    crm.control.stop_refusing()
    crm.publish()

    with pytest.raises(PushFailedError, match="refused the consent of 1 records"):
        clocked.push()

    assert crm.records()[leads[0]]["HasOptedOutOfEmail"] == "true"
    assert dead_letters(crm.settings) == []


def test_a_job_that_was_settled_before_a_death_is_told_all_the_same(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.hold_jobs(after=2)
    clocked.wait(clocked.pause())
    crm.control.stop_faults()
    with (
        mock.patch.object(_Push, "_observe", side_effect=RuntimeError("killed")),
        pytest.raises(RuntimeError, match="killed"),
    ):
        clocked.push()

    require_everything_once(crm, leads, clocked.push())


def test_a_push_that_waits_is_left_alone_by_replay_and_baseline(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = three_jobs(crm)
    crm.control.hold_jobs(after=2)
    clocked.wait(clocked.pause())
    crm.control.stop_faults()
    for work in (replay, partial(run_push, baseline=True)):
        with pytest.raises(BadInputError, match="waits for a job"):
            work(crm.settings, crm.night, clocked.clock, sleep=clocked.sleep)

    require_everything_once(crm, leads, clocked.push())


def test_a_group_that_was_cut_short_before_the_pause_is_counted_once(clocked: Clocked) -> None:
    crm = clocked.crm
    leads = [crm.lead(LastName=f"Lead {number}") for number in range(3)]
    contact = crm.contact()
    for lead in leads:
        crm.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    crm.want("sync_contact_consent", salesforce_id=contact, HasOptedOutOfEmail="true")
    crm.publish()
    crm.control.refuse("Contact", "Id", contact, "UNABLE_TO_LOCK_ROW", times=1)
    again = Calls.step("create job", object="Contact", after=1, times=None)
    crm.control.answer_error(again, 400, "INVALID")
    crm.control.hold_jobs(object_name="Lead")
    clocked.wait(clocked.pause())
    crm.control.stop_faults()

    report = clocked.push()

    told = {one.object: (one.planned, one.pushed, one.refused) for one in report.groups}
    assert told == {"Contact": (1, 1, 0), "Lead": (3, 3, 0)}
    assert (report.refused_rows, report.opt_outs) == ((), 4)


def test_children_of_a_row_that_was_locked_before_the_pause_go(clocked: Clocked) -> None:
    crm = clocked.crm
    campaign, lead = crm.campaign(), crm.lead()
    crm.want("sync_statuses", record_key=campaign, Label="Engaged", HasResponded="false")
    crm.want("sync_members", record_key="member:1", parent_object="CampaignMemberStatus",
             parent_key=campaign, CampaignId=campaign, LeadId=lead, Status="Engaged")  # fmt: skip
    crm.want("sync_lead_attributes", salesforce_id=lead)
    crm.want("sync_campaign_performance", salesforce_id=campaign)
    crm.publish()
    crm.control.refuse("CampaignMemberStatus", "Label", "Engaged", "UNABLE_TO_LOCK_ROW", times=1)
    crm.control.hold_jobs()
    clocked.wait(clocked.pause())
    crm.control.stop_faults()

    report = clocked.push()

    assert (report.planned, report.pushed, report.held_children) == (2, 2, 0)
    assert len(crm.stored("CampaignMember")) == 1
