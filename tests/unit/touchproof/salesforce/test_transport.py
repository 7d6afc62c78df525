"""What is tried again and what never: against a server that answers from a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from touchproof.salesforce.answers import SalesforceCallError
from touchproof.salesforce.client import Client, SalesforceConnection

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
    port: int = 0

    def client(self) -> Client:
        connection = SalesforceConnection(
            "client_credentials",
            "acme.my",
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
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/oauth2/" in self.path:
                reply = Answer(body=TOKEN)
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
