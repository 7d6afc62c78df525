"""The server as a process: found again, restarted with its state, ended by its own id."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.faults import Calls
from touchproof_sandbox.salesforce.lifecycle import ServerInfo


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder whose server is ended afterwards."""
    place = tmp_path / "salesforce"
    yield place
    lifecycle.stop(place)


def kill(info: ServerInfo) -> None:
    os.kill(info.pid, signal.SIGKILL)
    os.waitpid(info.pid, 0)  # our own child in these tests


def test_a_running_server_is_found_and_not_started_twice(folder: Path) -> None:
    started = lifecycle.start(folder)

    assert lifecycle.find(folder) == started
    assert lifecycle.ensure(folder) == started
    with pytest.raises(BadInputError):
        lifecycle.start(folder)


def test_two_starts_at_once_give_one_server(folder: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys, pathlib; from touchproof_sandbox.salesforce import lifecycle;"
        "print(lifecycle.ensure(pathlib.Path(sys.argv[1])).server_id)",
        str(folder),
    ]
    environment = os.environ | {"PYTHONPATH": str(lifecycle._INCLUDE)}
    starts = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]

    ids = {start.communicate(timeout=120)[0].strip() for start in starts}

    found = lifecycle.find(folder)
    assert found is not None
    assert ids == {found.server_id}


def test_a_killed_server_isnt_found_and_its_successor_has_its_state(folder: Path) -> None:
    first = lifecycle.start(folder)
    change = {"op": "create", "object": "Lead", "record": {"LastName": "Doe", "Company": "A"}}
    Control(first.url).apply([change], key="day")
    kill(first)
    found = lifecycle.find(folder)

    second = lifecycle.ensure(folder)

    assert found is None
    assert second.server_id != first.server_id
    assert (second.password, second.client_secret) == (first.password, first.client_secret)
    assert Control(second.url).apply([change], key="day") == ()
    assert len(_client(second).query("SELECT Id FROM Lead")) == 1


def test_a_server_of_another_folder_on_our_port_isnt_taken_for_ours(
    folder: Path, tmp_path: Path
) -> None:
    other = lifecycle.start(tmp_path / "other")
    folder.mkdir()
    told = json.loads((tmp_path / "other" / "server.json").read_bytes())
    (folder / "server.json").write_text(json.dumps(told | {"server_id": "somebody else"}))

    found, stopped = lifecycle.find(folder), lifecycle.stop(folder)
    still_there = lifecycle.find(tmp_path / "other")
    lifecycle.stop(tmp_path / "other")

    assert (found, stopped) == (None, False)
    assert still_there == other


def test_a_process_that_got_the_old_number_is_left_alone(folder: Path) -> None:
    info = lifecycle.start(folder)
    kill(info)
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    told = json.loads((folder / "server.json").read_bytes())
    (folder / "server.json").write_text(json.dumps(told | {"pid": bystander.pid}))

    stopped = lifecycle.stop(folder)
    alive = bystander.poll() is None
    bystander.communicate(b"\n")

    assert (stopped, alive) == (False, True)


def test_a_server_that_no_longer_answers_is_ended_by_its_own_command_line(folder: Path) -> None:
    info = lifecycle.start(folder)
    told = json.loads((folder / "server.json").read_bytes())
    (folder / "server.json").write_text(json.dumps(told | {"url": "http://127.0.0.1:9"}))

    assert lifecycle.find(folder) is None
    assert lifecycle.stop(folder) is True
    with pytest.raises((ProcessLookupError, ChildProcessError)):
        os.kill(info.pid, 0)


def test_a_stopped_server_is_gone(folder: Path) -> None:
    lifecycle.start(folder)

    assert lifecycle.stop(folder) is True
    assert lifecycle.find(folder) is None
    assert lifecycle.stop(folder) is False


def test_a_server_whose_world_was_deleted_ends_itself(folder: Path) -> None:
    info = lifecycle.start(folder)

    shutil.rmtree(folder)

    assert lifecycle._wait_for_end(info.pid)


def test_secrets_are_readable_by_their_owner_only_and_not_shown(folder: Path) -> None:
    info = lifecycle.start(folder)

    for name in ("server.json", "credentials.json", "jwt.key", "state.sqlite"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert info.password not in repr(info)
    assert info.client_secret not in repr(info)


def test_a_job_that_a_killed_server_left_closed_is_processed_after_the_restart(
    folder: Path,
) -> None:
    first = lifecycle.start(folder)
    Control(first.url).settings(processing_seconds=3600)
    job = _closed_job(_client(first))
    kill(first)
    second = lifecycle.ensure(folder)
    Control(second.url).settings(processing_seconds=0)

    answer = _client(second).get_job(job)

    assert (answer.state, answer.records_processed) == ("JobComplete", 1)


def test_a_server_killed_in_mid_job_keeps_jobs_results_counters_rules_and_faults(
    folder: Path,
) -> None:
    first = lifecycle.start(folder)
    steering = Control(first.url)
    client = _client(first)
    done = _closed_job(client)
    steering.hold_jobs(after=0)
    steering.answer_html(Calls.step("poll", after=2), 503)
    steering.validation_rule("Lead", "Company", "Bad", "not this one")
    held = _closed_job(client)
    before = (client.get_job(held).state, list(client.results(done, "successfulResults")))
    counted = steering.counters()
    kill(first)

    second = lifecycle.ensure(folder)
    steering = Control(second.url)
    client = _client(second)

    assert (steering.counters().calls, steering.counters().by_kind) == (
        counted.calls,
        counted.by_kind,
    )
    assert (client.get_job(held).state, list(client.results(done, "successfulResults"))) == before
    client.get_job(held)  # the third look, counted over the restart, is answered 503 and repeated
    assert [plan["due"] for plan in steering.faults()] == [1, 1]
    steering.stop_faults()
    assert client.get_job(held).state == "JobComplete"
    assert list(client.results(_closed_job(client, "Bad"), "successfulResults")) == []


def _client(info: ServerInfo):
    from touchproof.salesforce.client import Client, SalesforceConnection

    return Client(
        SalesforceConnection(
            "password",
            "login",
            username=info.username,
            password=info.password,
            security_token=info.security_token,
            loopback_url=info.url,
        )
    )


def _closed_job(client, company: str = "Acme") -> str:
    job = client.create_job("Lead", "insert")
    client.upload(job, f"LastName,Company\nDoe,{company}\n".encode())
    assert client.close_job(job.id).state == "UploadComplete"
    return str(job.id)
