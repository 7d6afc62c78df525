"""The client against the loopback org: logins, reading, the steps of a job."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from touchproof.salesforce.answers import RowError, SalesforceCallError
from touchproof.salesforce.client import (
    MULTIPART_MAX_CHARACTERS,
    Client,
    SalesforceConnection,
)
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.lifecycle import ServerInfo

LEADS = "Touchproof_Key__c,LastName,Company,Email\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerInfo]:
    """Run one server for the tests of this file."""
    folder = tmp_path_factory.mktemp("client") / "salesforce"
    yield lifecycle.ensure(folder)
    lifecycle.stop(folder)


@dataclass
class Bench:
    """An empty org, and clients of it that don't sleep."""

    server: ServerInfo
    control: Control
    waits: list[float]

    @property
    def connection(self) -> SalesforceConnection:
        return SalesforceConnection(
            "password",
            "login",
            username=self.server.username,
            password=self.server.password,
            security_token=self.server.security_token,
            client_id=self.server.client_id,
            client_secret=self.server.client_secret,
            private_key_file=self.server.private_key_file,
            loopback_url=self.server.url,
        )

    def client(self, connection: SalesforceConnection | None = None) -> Client:
        return Client(connection or self.connection, sleep=self.waits.append, jitter=lambda: 1.0)


@pytest.fixture
def bench(server: ServerInfo) -> Bench:
    """Return the bench with an empty org."""
    control = Control(server.url)
    control.wipe()
    control.set_clock(datetime(2026, 6, 29, 2, tzinfo=UTC))
    return Bench(server, control, [])


# Login


@pytest.mark.parametrize(
    ("auth", "domain"),
    [("password", "login"), ("jwt", "login"), ("client_credentials", "touchproof-sandbox.my")],
)
def test_each_way_to_log_in_reaches_the_org(bench: Bench, auth, domain: str) -> None:
    client = bench.client(replace(bench.connection, auth=auth, domain=domain))

    assert client.org_id == bench.server.org_id
    assert client.query("SELECT Id FROM Organization")[0]["Id"] == client.org_id
    assert (client.counter.token_requests, client.counter.push_calls) == (1, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "hunter2hunter2"}, "INVALID_LOGIN"),
        (
            {"auth": "client_credentials", "domain": "acme.my", "client_secret": "hunter2hunter2"},
            "INVALID_CLIENT",
        ),
    ],
)
def test_a_refused_login_says_so_once_and_tells_no_secret(bench: Bench, change, code: str) -> None:
    client = bench.client(replace(bench.connection, **change))

    with pytest.raises(SalesforceCallError) as refusal:
        client.login()

    assert (refusal.value.code, refusal.value.is_transient) == (code, False)
    assert "hunter2" not in str(refusal.value)
    assert client.counter.token_requests == 1


def test_an_expired_session_is_opened_again_once(bench: Bench) -> None:
    client = bench.client()
    client.limits()
    bench.control.expire_sessions()

    assert client.list_jobs() == []
    assert client.counter.token_requests == 2


def test_an_upload_whose_session_expired_is_sent_whole_after_the_login(bench: Bench) -> None:
    client = bench.client()
    job = client.create_job("Lead", "upsert", "Touchproof_Key__c")
    bench.control.expire_sessions()

    client.upload(job, io.BytesIO(f"{LEADS}app:1,Doe,Acme,\n".encode()))
    client.close_job(job.id)

    assert client.get_job(job.id).records_processed == 1


def test_a_server_that_isnt_there_is_tried_with_growing_waits_then_named(bench: Bench) -> None:
    connection = replace(bench.connection, loopback_url="http://127.0.0.1:9")
    client = bench.client(connection)

    with pytest.raises(SalesforceCallError) as refusal:
        client.limits()

    assert (refusal.value.code, refusal.value.status) == ("UNREACHED", None)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0]


# Calls


def test_our_calls_can_be_told_apart_and_the_counts_agree_with_the_server(bench: Bench) -> None:
    client = bench.client()
    client.limits()
    client.describe("Lead")
    client.list_jobs()

    counters = bench.control.counters()

    assert counters.by_client == {"touchproof": 3}
    assert client.counter.push_calls == counters.calls == 3
    assert client.counter.last_limit is not None
    assert client.counter.last_limit.used == 3


def test_extraction_is_booked_apart(bench: Bench) -> None:
    client = Client(bench.connection, purpose="extraction")
    list(client.query_csv("SELECT Id FROM Lead"))

    assert (client.counter.push_calls, client.counter.extraction_calls) == (0, 3)


def test_limits_are_told_as_used_and_max(bench: Bench) -> None:
    bench.control.limits(max=500, used_by_others=100)

    usage = bench.client().limits()["DailyApiRequests"]

    assert (usage.used, usage.max, usage.remaining) == (100, 500, 400)


def test_a_spent_allowance_is_an_error_of_its_own_and_isnt_tried_again(bench: Bench) -> None:
    bench.control.limits(max=0)

    with pytest.raises(SalesforceCallError) as refusal:
        bench.client().list_jobs()

    assert (refusal.value.code, refusal.value.status) == ("REQUEST_LIMIT_EXCEEDED", 403)
    assert bench.waits == []


# Reading


def test_a_query_comes_in_pages_after_its_job_is_complete(bench: Bench) -> None:
    bench.control.settings(processing_polls=2)
    client = bench.client()
    rows = "".join(f"app:{i},L{i:02},Acme,\n" for i in range(25))
    job = client.create_job_multipart(
        "Lead", "upsert", "Touchproof_Key__c", (LEADS + rows).encode()
    )
    while not client.get_job(job.id).is_terminal:
        pass

    pages = list(client.query_csv("SELECT LastName FROM Lead ORDER BY LastName", page_rows=10))

    assert [page.rows for page in pages] == [10, 10, 5]
    assert pages[2].content.startswith(b'"LastName"\n"L20"\n')
    assert bench.waits == [0.5, 1.0]


def test_a_rest_query_follows_its_pages(bench: Bench) -> None:
    client = bench.client()
    rows = "".join(f"app:{i},L,Acme,\n" for i in range(2500))
    client.create_job_multipart("Lead", "upsert", "Touchproof_Key__c", (LEADS + rows).encode())

    assert len(client.query("SELECT Id FROM Lead")) == 2500


def test_a_query_that_cannot_be_is_refused_without_its_text(bench: Bench) -> None:
    with pytest.raises(SalesforceCallError) as refusal:
        bench.client().query("SELECT Colour FROM Lead WHERE Email = 'ann@example.org'")

    assert refusal.value.code == "INVALID_FIELD"
    assert "ann@" not in str(refusal.value) + repr(refusal.value)


# Jobs


def test_a_job_goes_through_its_steps(bench: Bench) -> None:
    client = bench.client()
    job = client.create_job("Lead", "upsert", "Touchproof_Key__c")
    client.upload(job, io.BytesIO(f"{LEADS}app:1,Åse,Acme,\napp:2,Roe,Acme,nonsense\n".encode()))
    closed = client.close_job(job.id)
    done = client.get_job(job.id)

    assert (job.state, closed.state, done.state) == ("Open", "UploadComplete", "JobComplete")
    assert (done.records_processed, done.records_failed) == (2, 1)
    assert [row["LastName"] for row in client.results(job.id, "successfulResults")] == ["Åse"]
    assert [row["Touchproof_Key__c"] for row in client.results(job.id, "failedResults")] == [
        "app:2"
    ]
    assert list(client.results(job.id, "unprocessedrecords")) == []
    client.delete_job(job.id)
    assert client.list_jobs() == []


def test_result_rows_keep_line_ends_inside_values(bench: Bench) -> None:
    client = bench.client()
    content = f'{LEADS}app:1,"a\r\nb\nc",Acme,\n'.encode()
    job = client.create_job_multipart("Lead", "upsert", "Touchproof_Key__c", content)

    assert [row["LastName"] for row in client.results(job.id, "successfulResults")] == ["a\r\nb\nc"]


def test_an_aborted_job_is_told_as_such(bench: Bench) -> None:
    client = bench.client()
    job = client.create_job("Lead", "insert")

    assert client.abort_job(job.id).state == "Aborted"
    assert [listed.state for listed in client.list_jobs()] == ["Aborted"]


def test_a_multipart_job_of_full_size_is_taken_and_a_larger_one_isnt_sent(bench: Bench) -> None:
    client = bench.client()
    start = "LastName,Company,Description\nDoe,Acme,"
    full = start + "é" * (MULTIPART_MAX_CHARACTERS - len(start))

    job = client.create_job_multipart("Lead", "insert", None, full.encode())
    with pytest.raises(ValueError, match="100,000"):
        client.create_job_multipart("Lead", "insert", None, (full + "é").encode())

    assert job.state == "UploadComplete"
    assert bench.control.counters().calls == 1


def test_collections_tell_each_record_in_order(bench: Bench) -> None:
    client = bench.client()
    records = [
        {"Touchproof_Key__c": "app:1", "LastName": "Doe", "Company": "Acme"},
        {"Touchproof_Key__c": "app:2", "LastName": "Roe"},
    ]

    first, second = client.collections_upsert("Lead", "Touchproof_Key__c", records)

    assert (first.success, first.created, first.id[:3]) == (True, True, "00Q")
    assert second.errors == (RowError("REQUIRED_FIELD_MISSING", ("Company",)),)


def test_more_records_than_a_call_takes_arent_sent(bench: Bench) -> None:
    client = bench.client()

    with pytest.raises(ValueError, match="200"):
        client.collections_upsert("Lead", "Touchproof_Key__c", [{}] * 201)

    assert client.counter.push_calls == 0
