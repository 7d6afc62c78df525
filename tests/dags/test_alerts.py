"""A failed task tells by e-mail what failed, where and what to do: real DAGs, a loopback server."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email import policy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.errors import CheckFailedError
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof_airflow import alerts
from touchproof_airflow.alerts import alert_of, alert_when_repeated, is_told
from touchproof_airflow.cosmos import PRODUCER

DAGS = Path(__file__).resolve().parents[2] / "dags"
NIGHT = date(2026, 6, 28)
PAGE = "Do it.\n\nOn failure: mend it,\nthen start it.\n\nMore: text.\n"


class MailServer(socketserver.ThreadingTCPServer):
    """Take mails on 127.0.0.1 and keep them as (recipients, message)."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailSession)
        self.mails: list[tuple[list[str], Any]] = []


class _MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        recipients: list[str] = []
        self._say("220 loopback")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self._say("250 loopback")
            elif verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
                self._say("250 ok")
            elif verb == b"DATA":
                self._say("354 go on")
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line.removeprefix(b"."))
                message = email.message_from_bytes(b"".join(lines), policy=policy.default)
                self.server.mails.append((recipients, message))
                self._say("250 ok")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[list[str], Any]]]:
    """Let alerts go to a server on 127.0.0.1; return what it takes."""
    server = MailServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": server.server_address[1],
        "extra": {"from_email": "night@example.com", "disable_tls": True, "disable_ssl": True},
    }
    monkeypatch.setenv("AIRFLOW_CONN_TOUCHPROOF_ALERTS", json.dumps(connection))
    monkeypatch.setenv("TOUCHPROOF_ALERT_EMAILS", "ops@example.com, crm@example.com")
    yield server.mails
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return a world in which nothing has been published."""
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TOUCHPROOF_WORLD", "alerted")
    monkeypatch.setenv("TOUCHPROOF_ONE_PROCESS", "1")
    return Settings()


@pytest.fixture(scope="module")
def airflow_database() -> None:
    from touchproof_airflow.local_airflow import prepare_database

    prepare_database()


def told(mail: tuple[list[str], Any]) -> str:
    return str(mail[1].get_body(("html",)).get_content())


@pytest.mark.parametrize(
    ("dag_id", "task_id", "what", "todo"),
    [
        ("push_salesforce", "push_nightly", "Nothing has been published yet", "Run a night first."),
        (
            "check_published_by_deadline",
            "check_published",
            "published at the deadline of 06:00",
            "See that the scheduler runs",
        ),
    ],
)
def test_a_failed_night_and_a_missed_deadline_are_told_at_the_same_place(
    world: Settings,
    airflow_database: None,
    mails: list[tuple[list[str], Any]],
    dag_id: str,
    task_id: str,
    what: str,
    todo: str,
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    from touchproof_airflow.local_airflow import run_dag

    own = DagBag(dag_folder=str(DAGS / f"{dag_id}.py"))  # as one process has it: without retries
    outcome = run_dag(own.dags[dag_id], NIGHT)

    assert outcome.failed_tasks == (task_id,)
    (mail,) = mails
    recipients, message = mail
    assert recipients == ["ops@example.com", "crm@example.com"]
    assert message["Subject"] == f"[touchproof alerted] {dag_id} failed, night 2026-06-28"
    text = told(mail)
    assert what in text and todo in text
    assert f"task {task_id} of {dag_id}" in text
    assert f"If {dag_id} fails" in text


def test_every_task_tells_of_its_failure_but_those_that_another_speaks_for(bag: Any) -> None:
    silent = {
        (dag_id, task.task_id)
        for dag_id, dag in bag.dags.items()
        for task in dag.tasks
        if not task.on_failure_callback
    }
    for dag_id, task_id in sorted(silent):
        spoken_for = task_id.split(".")[-1] == "verdict" or task_id.startswith("transform.")
        assert spoken_for, (dag_id, task_id)
    assert ("build_warehouse", PRODUCER) in silent
    for dag_id, tells in (
        ("build_warehouse", "require_build"),
        ("push_salesforce", "push_nightly"),
    ):
        assert bag.dags[dag_id].get_task(tells).on_failure_callback == [alerts.alert_failure]


def test_our_own_error_is_told_in_its_words_and_the_page_says_what_is_next() -> None:
    error = CheckFailedError("Two are missing", where="bank b", todo="Ask <them>.")
    alert = alert_of(
        world="main", dag_id="gate", task_id="check", night="2026-06-28", error=error, page=PAGE
    )
    assert alert.lines == (
        ("What failed", "Two are missing"),
        ("Where", "task check of gate; bank b"),
        ("What to do", "Ask <them>."),
        ("If gate fails", "mend it, then start it."),
    )
    assert "Ask &lt;them&gt;." in alert.page


def test_another_exception_is_told_by_its_type_since_its_message_may_quote_data() -> None:
    alert = alert_of(
        world="main",
        dag_id="gate",
        task_id="check",
        night="2026-06-28",
        error=ValueError("ann@example.com is no number"),
        page=None,
    )
    assert "ValueError" in alert.text
    assert "ann@example.com" not in alert.text + alert.page + alert.subject


def test_every_page_tells_its_reader_what_to_do_on_failure(bag: Any) -> None:
    for dag_id, dag in bag.dags.items():
        alert = alert_of(
            world="main", dag_id=dag_id, task_id="t", night="n", error=None, page=dag.doc_md
        )
        assert alert.lines[-1][0] == f"If {dag_id} fails"
        assert len(alert.lines[-1][1]) > 40


@given(st.integers(0, 2_000))
def test_red_ticks_are_told_of_at_the_third_and_then_ever_more_rarely(failures: int) -> None:
    told_at = {3, 6, 12, 24, 48, 96, 192, 384, 768, 1_536}
    assert is_told(failures) is (failures in told_at)


def test_a_lane_is_told_of_only_when_it_fails_again_and_again(
    world: Settings, mails: list[tuple[list[str], Any]]
) -> None:
    ledger = Ledger.of(world)
    instance = SimpleNamespace(dag_id="push_new_leads", task_id="push")
    context = {
        "ti": instance,
        "dag": SimpleNamespace(doc_md=PAGE),
        "exception": CheckFailedError("It failed", todo="Wait."),
        "params": {"night": NIGHT.isoformat()},
    }
    callback = alert_when_repeated("push:new-leads")
    counts = []
    for status in ("failed", "failed", "ok", "failed", "failed", "failed", "failed"):
        ledger.record_run(NIGHT, "push:nightly", "ok", {}, datetime(2026, 6, 29, tzinfo=UTC))
        ledger.record_run(NIGHT, "push:new-leads", status, {}, datetime(2026, 6, 29, tzinfo=UTC))
        if status == "failed":
            callback(context)
        counts.append(len(mails))
    assert counts == [0, 0, 0, 0, 0, 1, 1]


def test_what_a_push_waits_for_is_told_though_it_is_no_failure(
    world: Settings, mails: list[tuple[list[str], Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = {
        "ti": SimpleNamespace(dag_id="push_salesforce", task_id="push_nightly"),
        "params": {"night": NIGHT.isoformat()},
    }
    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: context)
    report = {"waiting_reason": "Campaign (3 records, 7 calls) waits for allowance"}
    at = datetime(2026, 6, 29, tzinfo=UTC)
    Ledger.of(world).record_run(NIGHT, "push:nightly", "waiting", report, at)

    alerts.alert_waiting("push:nightly")

    (mail,) = mails
    assert mail[1]["Subject"] == "[touchproof alerted] push_salesforce waits, night 2026-06-28"
    assert "Campaign (3 records, 7 calls) waits for allowance" in told(mail)

    monkeypatch.delenv("AIRFLOW_CONN_TOUCHPROOF_ALERTS")
    alerts.alert_waiting("push:nightly")  # no mail, and the push stands


def test_without_recipients_the_log_has_the_alert(
    world: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    alert = alert_of(
        world="main", dag_id="d", task_id="t", night="n", error=CheckFailedError("Gone"), page=None
    )
    alerts.send(alert, world)
    assert "Gone" in caplog.text
    assert "TOUCHPROOF_ALERT_EMAILS is empty" in caplog.text
