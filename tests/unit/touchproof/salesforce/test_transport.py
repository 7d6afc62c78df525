"""What is tried again and what never: against a server that answers from a script."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import pytest

from touchproof.salesforce.answers import Job, SalesforceCallError
from touchproof.salesforce.client import Client, SalesforceConnection
from touchproof.salesforce.session import LoopbackAdapter

TOKEN = json.dumps(
    {"access_token": "00D000000000001!x", "instance_url": "https://acme.my.salesforce.com"}
).encode()
JOB = b'{"id": "750000000000001", "state": "InProgress"}'


@dataclass(frozen=True)
class Answer:
    """One answer; `cut` sends less than it promises."""

    status: int = 200
    body: bytes = b"{}"
    cut: bool = False
    type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Script:
    """What the server answers, in order, and what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    logins: list[Answer] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    port: int = 0

    def client(
        self, auth: Literal["password", "client_credentials"] = "client_credentials"
    ) -> Client:
        connection = SalesforceConnection(
            auth,
            "acme.my",
            username="user",
            password="secret",
            client_id="id",
            client_secret="secret",
            loopback_url=f"http://127.0.0.1:{self.port}",
        )
        return Client(connection, sleep=self.waits.append, jitter=lambda: 0.0)


@pytest.fixture
def script() -> Iterator[Script]:
    """Run a server that grants every login and answers the rest from the script."""
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            told.lengths.append(len(self.rfile.read(int(self.headers.get("Content-Length") or 0))))
            if "/oauth2/" in self.path or "/Soap/" in self.path:
                reply = told.logins.pop(0) if told.logins else Answer(body=TOKEN)
            else:
                told.asked.append(f"{self.command} {self.path.partition('?')[0]}")
                reply = told.answers.pop(0)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(reply.body) + (100 if reply.cut else 0)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = reply.cut

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("status", [406, 420, 429, 500, 502, 503, 504])
def test_a_poll_is_tried_again_on_what_may_pass_and_the_job_is_left_alone(
    script: Script, status: int
) -> None:
    script.answers = [Answer(status), Answer(status), Answer(body=JOB)]

    job = script.client().get_job("750000000000001")

    assert job.state == "InProgress"
    assert script.asked == ["GET /services/data/v64.0/jobs/ingest/750000000000001"] * 3
    assert script.waits == [0.25, 0.5]


def test_a_poll_gives_up_after_five_tries_without_touching_the_job(script: Script) -> None:
    script.answers = [Answer(503)] * 5

    with pytest.raises(SalesforceCallError) as refusal:
        script.client().get_job("750000000000001")

    assert (refusal.value.status, len(script.asked)) == (503, 5)
    assert {asked.partition(" ")[0] for asked in script.asked} == {"GET"}


def test_a_refused_poll_isnt_tried_again(script: Script) -> None:
    script.answers = [Answer(404, b'[{"errorCode": "NOT_FOUND", "message": "x"}]')]

    with pytest.raises(SalesforceCallError) as refusal:
        script.client().get_job("750000000000001")

    assert (refusal.value.code, script.waits) == ("NOT_FOUND", [])


@pytest.mark.parametrize("answer", [Answer(503), Answer(cut=True)])
def test_what_changes_something_is_never_sent_twice(script: Script, answer: Answer) -> None:
    script.answers = [answer]

    with pytest.raises(SalesforceCallError) as refusal:
        script.client().create_job("Lead", "insert")

    assert refusal.value.is_outcome_unknown
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [406, 420, 429])
def test_what_changes_something_is_sent_again_if_it_was_turned_away(
    script: Script, status: int
) -> None:
    script.answers = [Answer(status), Answer(body=JOB)]

    assert script.client().create_job("Lead", "insert").id == "750000000000001"
    assert len(script.asked) == 2


def test_what_never_left_is_tried_again_and_surely_did_nothing(script: Script) -> None:
    client = script.client()
    client.login()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client._session.mount("https://", LoopbackAdapter(f"http://127.0.0.1:{port}"))

    with pytest.raises(SalesforceCallError) as refusal:
        client.create_job("Lead", "insert")

    assert (refusal.value.code, refusal.value.is_outcome_unknown) == ("UNREACHED", False)
    assert len(script.waits) == 4


def test_an_upload_that_was_turned_away_is_sent_whole_again(script: Script) -> None:
    script.answers = [Answer(429), Answer(201, b"")]
    job = Job("750000000000001", "Lead", "insert", "Open", content_url="services/data/x/batches")

    script.client().upload(job, io.BytesIO(b"LastName\nDoe\n"))

    assert script.lengths[-2:] == [13, 13]


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'{"id": "750000000000001"}'])
def test_json_of_another_shape_is_asked_for_again(script: Script, body: bytes) -> None:
    script.answers = [Answer(body=body), Answer(body=JOB)]

    assert script.client().get_job("750000000000001").state == "InProgress"


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_result_file_that_isnt_there_yet_is_asked_for_again(script: Script, status: int) -> None:
    script.answers = [Answer(status), Answer(body=b'"sf__Id"\n"1"\n', type="text/csv")]

    rows = list(script.client().results("750000000000001", "successfulResults"))

    assert rows == [{"sf__Id": "1"}]


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>busy</body></html>",
        b'"sf__Id","Id"\n"1","2"\n"3"\n',
        b'"sf__Id","Id"\n"1","2\n',
        b'"Id"\n"1"\n',
        b'"sf__Id","Id"\n"1","\xff"\n',
    ],
)
def test_a_broken_result_file_is_asked_for_again(script: Script, body: bytes) -> None:
    script.answers = [
        Answer(body=body, type="text/csv"),
        Answer(body=b'"sf__Id","Id"\n"1","2"\n', type="text/csv"),
    ]

    rows = list(script.client().results("750000000000001", "successfulResults", "Id"))

    assert rows == [{"sf__Id": "1", "Id": "2"}]


@pytest.mark.parametrize("auth", ["password", "client_credentials"])
@pytest.mark.parametrize(
    "answer", [Answer(503, b"<html><b>x</b></html>"), Answer(200, b""), Answer(502, b"[]")]
)
def test_an_answer_that_says_nothing_of_the_login_is_asked_for_again(
    script: Script, auth: Any, answer: Answer
) -> None:
    script.logins = [answer] * 5

    with pytest.raises(SalesforceCallError) as refusal:
        script.client(auth).login()

    assert refusal.value.is_transient
    assert len(script.waits) == 4


def test_an_unreadable_answer_to_a_read_is_asked_for_again(script: Script) -> None:
    script.answers = [Answer(body=b"<html>"), Answer(body=JOB)]

    assert script.client().get_job("750000000000001").state == "InProgress"


def test_a_cut_result_file_starts_again_and_no_row_comes_twice(script: Script) -> None:
    body = b'"sf__Id","LastName"\n' + b"".join(b'"%d","Doe"\n' % i for i in range(10_000))
    script.answers = [
        Answer(body=body[:60_000], cut=True, type="text/csv"),
        Answer(body=body, type="text/csv"),
    ]

    rows = list(script.client().results("750000000000001", "successfulResults"))

    assert [row["sf__Id"] for row in rows] == [str(i) for i in range(10_000)]


def test_a_session_refused_again_after_the_login_is_an_error(script: Script) -> None:
    refused = Answer(401, b'[{"errorCode": "INVALID_SESSION_ID", "message": "x"}]')
    script.answers = [refused, refused]

    with pytest.raises(SalesforceCallError) as refusal:
        script.client().list_jobs()

    assert refusal.value.code == "INVALID_SESSION_ID"
    assert len(script.asked) == 2


def test_a_redirect_isnt_followed(script: Script) -> None:
    script.answers = [Answer(302)]

    with pytest.raises(SalesforceCallError) as refusal:
        script.client().list_jobs()

    assert refusal.value.code == "HTTP_302"


def test_an_error_quotes_nothing_of_the_answers_message(script: Script) -> None:
    body = [{"errorCode": "STRING_TOO_LONG", "message": "data value too large: Ann Doe"}]
    script.answers = [Answer(400, json.dumps(body).encode())]

    with pytest.raises(SalesforceCallError) as refusal:
        script.client().collections_upsert("Lead", "Touchproof_Key__c", [{}])

    assert refusal.value.code == "STRING_TOO_LONG"
    assert "Ann" not in str(refusal.value) + repr(refusal.value)


def test_pages_that_dont_add_up_to_the_job_are_an_error(script: Script) -> None:
    done = b'{"id": "750000000000001", "state": "JobComplete", "numberRecordsProcessed": 3}'
    page = Answer(body=b'"Id"\n"1"\n', headers=(("Sforce-NumberOfRecords", "1"),))
    script.answers = [Answer(body=done), page]

    with pytest.raises(SalesforceCallError) as refusal:
        list(script.client().query_csv("SELECT Id FROM Lead"))

    assert refusal.value.code == "QUERY_JOB_FAILED"
