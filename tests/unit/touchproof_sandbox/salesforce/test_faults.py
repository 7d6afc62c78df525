"""Planned faults: which call meets one, and what its client sees then."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.faults import STEPS, Asked, Calls, Fault, meet

HEADER = "Touchproof_Key__c,LastName,Company\n"
QUERY = {"q": "SELECT Id FROM Lead"}
LIMITS = Calls.step("limits")


def fault(number: int, calls: Calls) -> Fault:
    return Fault(number, calls, "slow", {})


def effects_of(plans: list[Fault], asked: list[Asked]) -> list[int | None]:
    """Return the number of the fault that each request meets."""
    met = []
    for one in asked:
        found, counted = meet(plans, one)
        by_number = {plan.number: plan for plan in counted}
        plans = [by_number.get(plan.number, plan) for plan in plans]
        met.append(None if found is None else found.number)
    return met


# Which fault meets a call


def test_a_fault_lets_its_first_calls_pass_and_meets_the_next() -> None:
    plans = [fault(1, Calls("limits", after=2, times=2))]

    assert effects_of(plans, [Asked("limits")] * 6) == [None, None, 1, 1, None, None]


def test_a_fault_without_an_end_meets_every_call_from_then_on() -> None:
    plans = [fault(1, Calls("limits", after=1, times=None))]

    assert effects_of(plans, [Asked("limits")] * 4) == [None, 1, 1, 1]


def test_only_the_calls_that_it_names_are_counted_and_met() -> None:
    plans = [fault(1, Calls(method="GET", path="jobs/ingest/*", object="Lead", after=1))]
    poll = Asked("bulk_ingest", "GET", "jobs/ingest/750", "Lead")
    others = [
        Asked("bulk_ingest", "PATCH", "jobs/ingest/750", "Lead"),
        Asked("bulk_ingest", "GET", "jobs/ingest/750/failedResults", "Lead"),
        Asked("bulk_ingest", "GET", "jobs/ingest/750", "Contact"),
    ]

    assert effects_of(plans, [*others, poll, *others, poll]) == [None] * 7 + [1]


def test_of_several_faults_the_first_takes_effect_and_all_count() -> None:
    plans = [fault(1, Calls("limits")), fault(2, Calls("limits", times=2))]

    assert effects_of(plans, [Asked("limits")] * 3) == [1, 2, None]


def test_a_fault_without_a_kind_meets_calls_but_no_jobs() -> None:
    plans = [fault(1, Calls(times=None)), fault(2, Calls("job", object="Lead"))]

    assert effects_of(plans, [Asked("job", object="Lead"), Asked("query")]) == [2, 1]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_requests_of_its_own(step: str) -> None:
    method, path = STEPS[step]
    asked = Asked("any", method, path.replace("*", "750TPAAAA"))

    assert [name for name in STEPS if Calls.step(name).match(asked)] == [step]


def test_a_fault_that_isnt_known_is_refused(control: Control) -> None:
    with pytest.raises(BadInputError, match="no fault"):
        control._plan(LIMITS, "explode")


# What the client sees


def test_an_error_is_told_as_salesforce_does_and_its_call_counts(api, control: Control) -> None:
    control.reset_counters()
    control.answer_error(LIMITS, 503, "SERVER_UNAVAILABLE", "busy")

    answers = [api.call("GET", "limits") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[0].json() == [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}]
    assert answers[0].headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert control.counters().calls == 2
    assert [call["status"] for call in control.calls()][-2:] == [503, 200]


def test_an_oauth_error_is_an_object(api, control: Control) -> None:
    control.answer_oauth_error(Calls.step("oauth login"), 400, "invalid_grant", "no")

    answer = api.http.post(f"{api.server.url}/services/oauth2/token", timeout=30)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_gates_page_is_html_and_tells_no_use(api, control: Control) -> None:
    control.answer_html(LIMITS, 502)

    answer = api.call("GET", "limits")

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert "Sforce-Limit-Info" not in answer.headers


@pytest.mark.parametrize(("is_worked", "records"), [(True, 1), (False, 0)])
def test_an_answer_may_come_with_or_without_the_work(
    api, control: Control, is_worked: bool, records: int
) -> None:
    control.answer_html(Calls("record", "POST"), 500, is_worked=is_worked)

    answer = api.call("POST", "sobjects/Lead", json={"LastName": "Doe", "Company": "A"})

    assert answer.status_code == 500
    assert len(api.query(QUERY["q"])) == records


def test_an_empty_and_an_unreadable_answer(api, control: Control) -> None:
    control.answer_empty(LIMITS)
    control.answer_unreadable(Calls.step("limits", after=1))

    first, second = (api.call("GET", "limits") for _ in range(2))

    assert (first.status_code, first.content) == (200, b"")
    with pytest.raises(requests.JSONDecodeError):
        second.json()


def test_a_slow_answer_comes_late_and_its_call_is_counted_at_once(api, control: Control) -> None:
    control.reset_counters()
    control.slow(LIMITS, 0.3)
    begun = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        api.http.get(f"{api.server.url}/services/data/v64.0/limits", timeout=0.1)
    counted = control.counters().calls
    control.slow(LIMITS, 0.3)

    assert api.call("GET", "limits").status_code == 200
    assert (counted, time.monotonic() - begun > 0.4) == (1, True)


@pytest.mark.parametrize(
    ("moment", "is_done"),
    [("before", False), ("in_request", False), ("after", True), ("in_answer", True)],
)
def test_a_cut_call_counts_if_it_reached_the_org(
    api, control: Control, moment: Any, is_done: bool
) -> None:
    control.reset_counters()
    control.cut(Calls("record", "POST"), moment)

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.call("POST", "sobjects/Lead", json={"LastName": "Doe", "Company": "A"})

    assert control.counters().calls == is_done
    assert len(api.query(QUERY["q"])) == is_done
    assert control.counters().by_kind["query"] == 1


def test_an_upload_that_is_cut_leaves_the_job_open(api, control: Control) -> None:
    control.cut(Calls.step("upload"), "in_request")
    job = api.job("Lead", "upsert", "Touchproof_Key__c")
    content = HEADER + "app:1,Doe,Acme\n" * 50_000

    with pytest.raises(requests.ConnectionError):
        api.upload(job, content)

    assert api.state(job) == "Open"
    assert api.upload(job, HEADER + "app:1,Doe,Acme\n").status_code == 201


def test_a_length_that_is_too_long_is_an_incomplete_answer(api, control: Control) -> None:
    control.wrong_length(LIMITS, 10)

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.call("GET", "limits")


def test_a_length_that_is_too_short_cuts_the_body_off_unseen(api, control: Control) -> None:
    control.wrong_length(LIMITS, -20)

    answer = api.call("GET", "limits")

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_broken_chunks_break_the_answer(api, control: Control) -> None:
    control.broken_chunks(LIMITS)

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.call("GET", "limits")
    assert api.call("GET", "limits").status_code == 200


def test_sessions_that_end_at_a_call_are_refused_until_the_next_login(
    api, control: Control
) -> None:
    control.expire_sessions_at(Calls("query", after=1))

    statuses = [api.call("GET", "query", params=QUERY).status_code for _ in range(3)]
    api.http.headers["Authorization"] = f"Bearer {api.token()}"

    assert statuses == [200, 401, 401]
    assert api.call("GET", "query", params=QUERY).status_code == 200


def test_an_allowance_that_ends_in_mid_job_refuses_every_call_from_then_on(
    api, control: Control
) -> None:
    control.spend_allowance(Calls("bulk_ingest", after=2, times=None))
    job = api.job("Lead", "insert")
    uploaded = api.upload(job, "LastName,Company\nDoe,Acme\n").status_code
    refused = [api.patch(job, "UploadComplete"), api.call("GET", f"jobs/ingest/{job}")]
    control.stop_faults()

    assert uploaded == 201
    assert [answer.json()[0]["errorCode"] for answer in refused] == ["REQUEST_LIMIT_EXCEEDED"] * 2
    assert api.state(job) == "Open"


def test_a_fault_of_an_object_finds_it_in_path_job_and_body(api, control: Control) -> None:
    control.answer_error(Calls(object="Contact", times=None), 500, "UNKNOWN_EXCEPTION")
    body = {"operation": "insert", "contentType": "CSV"}
    lead = api.job("Lead", "insert")

    statuses = [
        api.call("GET", "sobjects/Contact/describe").status_code,
        api.call("POST", "jobs/ingest", json=body | {"object": "Contact"}).status_code,
        api.call("POST", "jobs/ingest", json=body | {"object": "Lead"}).status_code,
        api.call("GET", f"jobs/ingest/{lead}").status_code,
    ]

    assert statuses == [500, 500, 200, 200]


# Jobs


def upload_four(api) -> str:
    job = api.job("Lead", "upsert", "Touchproof_Key__c")
    api.upload(job, HEADER + "".join(f"app:{n},L{n},A\n" for n in range(4)))
    assert api.patch(job, "UploadComplete").json()["state"] == "UploadComplete"
    return str(job)


@pytest.mark.parametrize("state", ["UploadComplete", "InProgress"])
def test_a_held_job_stays_in_its_state_until_faults_stop(api, control: Control, state: Any) -> None:
    control.hold_jobs(state)
    job = upload_four(api)

    held = [api.state(job) for _ in range(3)]
    control.stop_faults()

    assert held == [state] * 3
    assert api.state(job) == "JobComplete"


def test_a_job_is_held_for_a_time_only(api, control: Control) -> None:
    control.hold_jobs(seconds=0.2)
    job = upload_four(api)
    held = api.state(job)
    time.sleep(0.25)

    assert (held, api.state(job)) == ("InProgress", "JobComplete")


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_ends_early_has_committed_some_rows_and_names_the_others(
    api, control: Control, state: Any
) -> None:
    control.end_jobs(state, share=0.5, message="InternalServerError : retried too often")
    job = upload_four(api)

    done = api.finished(job)

    assert done.job["state"] == state
    assert done.job["errorMessage"].startswith("InternalServerError")
    assert (done.job["numberRecordsProcessed"], done.job["numberRecordsFailed"]) == (2, 0)
    assert [row["Touchproof_Key__c"] for row in done.successful] == ["app:0", "app:1"]
    assert [row["Touchproof_Key__c"] for row in done.unprocessed] == ["app:2", "app:3"]
    assert len(api.query(QUERY["q"])) == 2


def test_faults_of_jobs_meet_the_object_and_number_that_they_name(api, control: Control) -> None:
    control.end_jobs("Aborted", share=0, object_name="Lead", after=1)
    api.ingest("Contact", "insert", "LastName\nDoe\n")

    states = [
        api.ingest("Lead", "insert", "LastName,Company\nDoe,A\n").job["state"] for _ in range(3)
    ]

    assert states == ["JobComplete", "Aborted", "JobComplete"]


# Result files


def test_a_result_file_may_come_in_another_order_or_without_rows(api, control: Control) -> None:
    job = upload_four(api)
    step = "successful results"
    control.reorder_rows(Calls.step(step))
    control.lose_rows(Calls.step(step, after=1), rows=3)

    shuffled, short, whole = (api.results(job, "successfulResults") for _ in range(3))

    assert shuffled != whole
    assert sorted(row["sf__Id"] for row in shuffled) == sorted(row["sf__Id"] for row in whole)
    assert short == whole[:1]


@pytest.mark.parametrize("status", [404, 400, 500])
def test_a_result_file_may_not_be_there_at_first(api, control: Control, status: int) -> None:
    job = upload_four(api)
    control.answer_error(Calls.step("failed results"), status, "INVALIDJOBSTATE")

    place = f"jobs/ingest/{job}/failedResults"
    assert [api.call("GET", place).status_code for _ in range(2)] == [status, 200]


def test_the_plans_tell_how_many_calls_they_saw(api, control: Control) -> None:
    control.cut(Calls.step("poll"), "after")
    control.answer_html(Calls.step("limits", after=1, times=5), 500)
    for _ in range(3):
        api.call("GET", "limits")

    told = [(plan["effect"], plan["seen"], plan["due"]) for plan in control.faults()]

    assert told == [("cut", 0, 0), ("answer", 3, 2)]
    control.wipe()
    assert control.faults() == []


def test_every_example_of_the_documentation_can_be_planned(control: Control) -> None:
    page = Path(__file__).parents[4] / "docs" / "salesforce_server.md"
    examples = re.findall(r"`(control\.\w+\([^`]*\))`", page.read_text())
    names = {"control": control, "Calls": Calls, "lead_id": "00QTPAAAAAAAAAB255"}

    for example in examples:
        eval(example, names)  # noqa: S307  our own page

    assert len(control.faults()) == len([example for example in examples if not _is_rule(example)])


def _is_rule(example: str) -> bool:
    rules = ("refuse", "lock_row", "duplicate_rule", "validation_rule", "restrict_picklist")
    return example.startswith(tuple(f"control.{rule}(" for rule in rules))
