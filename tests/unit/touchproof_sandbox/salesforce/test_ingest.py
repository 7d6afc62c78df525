"""Ingest jobs: states, the meaning of cells, result files."""

from __future__ import annotations

import json

import pytest

from touchproof_sandbox.salesforce.control import Control

HEADER = "Touchproof_Key__c,LastName,Company,FirstName\n"


# States


def test_a_job_goes_from_open_to_complete_and_its_answers_show_each_state(api, control) -> None:
    control.settings(processing_polls=2)
    job = api.job("Lead", "upsert", "Touchproof_Key__c")
    api.upload(job, HEADER + "app:1,Doe,Acme,Ann\n")

    states = [api.patch(job, "UploadComplete").json()["state"]]
    states += [api.state(job) for _ in range(3)]

    assert states == ["UploadComplete", "UploadComplete", "InProgress", "JobComplete"]


def test_a_delay_in_seconds_holds_the_job_in_progress(api, control: Control) -> None:
    control.settings(processing_seconds=3600)
    job = api.job("Lead", "upsert", "Touchproof_Key__c")
    api.upload(job, HEADER + "app:1,Doe,Acme,Ann\n")
    api.patch(job, "UploadComplete")
    during = (api.state(job), api.query("SELECT Id FROM Lead"))
    control.settings(processing_seconds=0)

    assert during == ("InProgress", [])
    assert (api.state(job), len(api.query("SELECT Id FROM Lead"))) == ("JobComplete", 1)


def test_results_arent_told_before_the_job_has_ended(api, control: Control) -> None:
    control.settings(processing_seconds=3600)
    job = api.job("Lead", "upsert", "Touchproof_Key__c")
    api.upload(job, HEADER)
    api.patch(job, "UploadComplete")

    answer = api.call("GET", f"jobs/ingest/{job}/successfulResults")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")


def test_an_aborted_job_changes_nothing_and_returns_its_rows_as_unprocessed(api) -> None:
    job = api.job("Lead", "upsert", "Touchproof_Key__c")
    api.upload(job, HEADER + "app:1,Doe,Acme,Ann\n")

    assert api.patch(job, "Aborted").json()["state"] == "Aborted"

    done = api.finished(job)
    assert [row["Touchproof_Key__c"] for row in done.unprocessed] == ["app:1"]
    assert (done.successful, done.failed) == ([], [])
    assert api.query("SELECT Id FROM Lead") == []


@pytest.mark.parametrize("state", ["UploadComplete", "Aborted"])
def test_a_job_that_has_ended_can_be_neither_closed_nor_aborted(api, state: str) -> None:
    job = api.job("Lead", "insert")
    api.upload(job, "LastName,Company\nDoe,Acme\n")
    api.patch(job, "UploadComplete")

    answer = api.patch(job, state)

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")


def test_a_job_takes_one_upload(api) -> None:
    job = api.job("Lead", "insert")
    first, second = api.upload(job, "LastName\nA\n"), api.upload(job, "LastName\nB\n")

    assert (first.status_code, second.status_code) == (201, 400)
    assert second.json()[0]["errorCode"] == "INVALIDJOBSTATE"


def test_a_deleted_job_is_gone_and_an_unfinished_one_stays(api) -> None:
    job = api.job("Lead", "insert")
    early = api.call("DELETE", f"jobs/ingest/{job}").status_code
    api.patch(job, "Aborted")
    late = api.call("DELETE", f"jobs/ingest/{job}").status_code

    assert (early, late) == (400, 204)
    assert api.call("GET", f"jobs/ingest/{job}").status_code == 404


def test_a_listing_shows_jobs_of_every_state_without_counts(api) -> None:
    opened = api.job("Lead", "insert")
    done = api.ingest("Lead", "insert", "LastName,Company\nDoe,Acme\n").job["id"]

    listed = api.call("GET", "jobs/ingest").json()

    assert listed["done"] is True
    assert {job["id"]: job["state"] for job in listed["records"]} == {
        opened: "Open",
        done: "JobComplete",
    }
    assert all("numberRecordsProcessed" not in job for job in listed["records"])


def test_a_job_is_forgotten_seven_days_after_it_ended(api, control: Control) -> None:
    job = api.ingest("Lead", "insert", "LastName,Company\nDoe,Acme\n").job["id"]
    control.set_clock(control.clock().replace(month=7, day=5))
    kept = api.call("GET", f"jobs/ingest/{job}").status_code
    control.set_clock(control.clock().replace(month=7, day=7))

    assert (kept, api.call("GET", f"jobs/ingest/{job}").status_code) == (200, 404)


def test_creation_answers_as_documented(api) -> None:
    body = {"object": "Lead", "operation": "insert"}

    answer = api.call("POST", "jobs/ingest", json=body).json()

    assert answer["id"].startswith("750")
    assert answer["contentUrl"] == f"services/data/v64.0/jobs/ingest/{answer['id']}/batches"
    assert (answer["apiVersion"], answer["createdDate"]) == (64.0, "2026-06-29T02:00:00.000+0000")


@pytest.mark.parametrize(
    "asked",
    [
        {"object": "Nothing", "operation": "insert"},
        {"object": "Lead", "operation": "replace"},
        {"object": "Lead", "operation": "upsert"},
        {"object": "Lead", "operation": "upsert", "externalIdFieldName": "LastName"},
        {"object": "Lead", "operation": "insert", "columnDelimiter": "COLON"},
    ],
)
def test_a_job_that_cannot_be_is_refused(api, asked: dict[str, str]) -> None:
    answer = api.call("POST", "jobs/ingest", json=asked)

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOB")


# The creation in one call


def multipart(api, content: str):
    job = {"object": "Lead", "operation": "upsert", "externalIdFieldName": "Touchproof_Key__c"}
    parts = {
        "job": (None, json.dumps(job), "application/json"),
        "content": ("content", content.encode(), "text/csv"),
    }
    return api.call("POST", "jobs/ingest", files=parts)


def test_a_multipart_creation_uploads_and_closes_in_one_call(api, control: Control) -> None:
    control.reset_counters()

    answer = multipart(api, HEADER + "app:1,Doe,Acme,Ann\n").json()

    assert answer["state"] == "UploadComplete"
    assert control.counters().calls == 1
    assert len(api.finished(answer["id"]).successful) == 1


def test_a_multipart_creation_holds_at_most_100_000_characters(api) -> None:
    header = "Touchproof_Key__c,LastName,Company,Description\n"
    start = header + "app:1,Doe,Acme,"
    fits = start + "é" * (100_000 - len(start))

    answers = (multipart(api, fits), multipart(api, fits + "é"))

    assert [answer.status_code for answer in answers] == [200, 400]
    assert len(api.call("GET", "jobs/ingest").json()["records"]) == 1


# What cells say


def test_an_empty_cell_leaves_the_field_alone_and_na_clears_it(api) -> None:
    api.ingest("Lead", "upsert", HEADER + "app:1,Doe,Acme,Ann\n", "Touchproof_Key__c")

    api.ingest(
        "Lead", "upsert", "Touchproof_Key__c,Company,FirstName\napp:1,,#N/A\n", "Touchproof_Key__c"
    )

    lead = api.query("SELECT FirstName, LastName, Company FROM Lead")[0]
    assert (lead["FirstName"], lead["LastName"], lead["Company"]) == (None, "Doe", "Acme")


def test_values_keep_their_spaces_quotes_commas_and_line_ends(api) -> None:
    value = '  a "b", c\r\nd\u2028é  '
    quoted = '"' + value.replace('"', '""') + '"'

    done = api.ingest("Lead", "insert", f"LastName,Company\n{quoted},Acme\n")

    assert api.query("SELECT LastName FROM Lead")[0]["LastName"] == value
    assert done.successful[0]["LastName"] == value


def test_header_names_dont_heed_case_and_rows_match_parents_by_their_key(api) -> None:
    campaign = api.create("Campaign", Name="Spring", Campaign_Code__c="spring_tv")
    lead = api.create("Lead", LastName="Doe", Company="Acme", Touchproof_Key__c="app:1")
    content = "campaign.campaign_code__c,Lead.Touchproof_Key__c\nspring_tv,app:1\nnone,app:1\n"

    done = api.ingest("CampaignMember", "insert", content)

    member = api.query("SELECT CampaignId, LeadId FROM CampaignMember")[0]
    assert (member["CampaignId"], member["LeadId"]) == (campaign, lead)
    assert done.errors[0].startswith("INVALID_FIELD:Foreign key external ID: none not found")


def test_every_declared_delimiter_and_line_ending_is_honoured(api) -> None:
    job = api.job("Lead", "insert", columnDelimiter="PIPE", lineEnding="CRLF")
    api.upload(job, "LastName|Company\r\nDoe|A,B\r\n")
    api.patch(job, "UploadComplete")

    assert api.results(job, "successfulResults", "|")[0]["Company"] == "A,B"


# Uploads that fail as a whole


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("LastName,Colour\nDoe,red\n", "InvalidBatch : Field name not found : Colour"),
        ("LastName,LastName\nDoe,Doe\n", "InvalidBatch : Duplicate field name : LastName"),
        ("LastName,Company\nDoe\n", "InvalidBatch : Failed to parse CSV row 1"),
        (b"LastName,Company\nD\xe9,Acme\n", "InvalidBatch : The upload isn't UTF-8"),
        ("LastName,Company\r\nDoe,Acme\r\n", "ClientInputError : LineEnding is invalid"),
        ('LastName,Company\n"Doe,Acme\n', "InvalidBatch : Failed to parse CSV"),
        ("", "InvalidBatch : Unable to find a header row"),
    ],
)
def test_an_unreadable_upload_fails_the_job_and_leaves_its_rows_unprocessed(
    api, content: str | bytes, message: str
) -> None:
    job = api.job("Lead", "insert")
    api.upload(job, content)
    api.patch(job, "UploadComplete")

    answer = api.call("GET", f"jobs/ingest/{job}").json()
    unprocessed = api.call("GET", f"jobs/ingest/{job}/unprocessedrecords").content

    assert answer["state"] == "Failed"
    assert answer["errorMessage"].startswith(message)
    assert unprocessed == (content.encode() if isinstance(content, str) else content)
    assert api.query("SELECT Id FROM Lead") == []


# Result files


def test_success_and_failure_and_unprocessed_add_up_to_what_was_uploaded(api) -> None:
    rows = [f"app:{i},{'Doe' if i % 3 else ''},Acme,Ann" for i in range(30)]

    done = api.ingest("Lead", "upsert", HEADER + "\n".join(rows) + "\n", "Touchproof_Key__c")

    assert len(done.successful) + len(done.failed) + len(done.unprocessed) == 30
    assert (done.job["numberRecordsProcessed"], done.job["numberRecordsFailed"]) == (30, 10)
    assert done.job["state"] == "JobComplete"


def test_result_files_are_utf8_without_saying_so(api) -> None:
    done = api.ingest("Lead", "insert", "LastName,Company\nÅse,Acme\n")

    answer = api.call("GET", f"jobs/ingest/{done.job['id']}/successfulResults")

    assert answer.headers["Content-Type"] == "text/csv"
    assert "Åse".encode() in answer.content


def test_success_tells_whether_the_record_was_created(api) -> None:
    content = "Touchproof_Key__c,LastName,Company\napp:1,Doe,Acme\n"

    first = api.ingest("Lead", "upsert", content, "Touchproof_Key__c").successful[0]
    second = api.ingest("Lead", "upsert", content, "Touchproof_Key__c").successful[0]

    assert (first["sf__Created"], second["sf__Created"]) == ("true", "false")
    assert first["sf__Id"] == second["sf__Id"]
    assert (len(first["sf__Id"]), first["sf__Id"][:3]) == (18, "00Q")


# Stamps


def test_each_write_is_stamped_by_the_clock_and_later_than_every_write_before(api, control) -> None:
    content = "Touchproof_Key__c,LastName,Company\napp:{0},Doe,Acme\n"
    for number in (1, 2):
        api.ingest("Lead", "upsert", content.format(number), "Touchproof_Key__c")
    control.set_clock(control.clock().replace(day=28))
    api.ingest("Lead", "upsert", content.format(3), "Touchproof_Key__c")

    leads = api.query("SELECT SystemModstamp FROM Lead ORDER BY Touchproof_Key__c")

    assert [lead["SystemModstamp"] for lead in leads] == [
        "2026-06-29T02:00:00.000+0000",
        "2026-06-29T02:00:00.001+0000",
        "2026-06-29T02:00:00.002+0000",
    ]


def test_a_write_of_the_same_values_stamps_the_record_anew(api) -> None:
    content = "Touchproof_Key__c,LastName,Company\napp:1,Doe,Acme\n"
    api.ingest("Lead", "upsert", content, "Touchproof_Key__c")
    before = api.query("SELECT SystemModstamp, CreatedDate FROM Lead")[0]
    api.ingest("Lead", "upsert", content, "Touchproof_Key__c")
    after = api.query("SELECT SystemModstamp, CreatedDate FROM Lead")[0]

    assert after["SystemModstamp"] > before["SystemModstamp"]
    assert after["CreatedDate"] == before["CreatedDate"]
