"""A running loopback org, empty for each test, and a bare HTTP client of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.lifecycle import ServerInfo

NOW = datetime(2026, 6, 29, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerInfo]:
    """Run one server for all tests of this process."""
    folder = tmp_path_factory.mktemp("loopback") / "salesforce"
    yield lifecycle.ensure(folder)
    lifecycle.stop(folder)


@pytest.fixture
def control(server: ServerInfo) -> Control:
    """Return the steering of an empty org whose clock shows 2026-06-29 02:00 UTC."""
    steering = Control(server.url)
    steering.wipe()
    steering.set_clock(NOW)
    return steering


@dataclass(frozen=True)
class Finished:
    """An ingest job that has ended, with its three result files."""

    job: dict[str, Any]
    successful: list[dict[str, str]]
    failed: list[dict[str, str]]
    unprocessed: list[dict[str, str]]

    @property
    def errors(self) -> list[str]:
        return [row["sf__Error"] for row in self.failed]


class Api:
    """Send single requests with a session, as any client would."""

    def __init__(self, server: ServerInfo) -> None:
        self.server = server
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Sforce-Call-Options"] = "client=tester"
        self.http.headers["Authorization"] = f"Bearer {self.token()}"

    def token(self) -> str:
        answer = self.http.post(
            f"{self.server.url}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.server.client_id,
                "client_secret": self.server.client_secret,
            },
            timeout=30,
        )
        return str(answer.json()["access_token"])

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        url = f"{self.server.url}/services/data/v64.0/{path}"
        return self.http.request(method, url, timeout=60, **arguments)

    def create(self, object_name: str, **record: Any) -> str:
        answer = self.call("POST", f"sobjects/{object_name}", json=record)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def record(self, object_name: str, record_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"sobjects/{object_name}/{record_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def query(self, soql: str) -> list[dict[str, Any]]:
        answer = self.call("GET", "query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])

    def job(self, object_name: str, operation: str, key: str | None = None, **more: str) -> str:
        body = {"object": object_name, "operation": operation, "contentType": "CSV"} | more
        if key is not None:
            body["externalIdFieldName"] = key
        answer = self.call("POST", "jobs/ingest", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "Open"
        return str(answer.json()["id"])

    def upload(self, job_id: str, content: str | bytes) -> requests.Response:
        data = content.encode() if isinstance(content, str) else content
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        return self.call("PUT", f"jobs/ingest/{job_id}/batches", data=data, headers=headers)

    def patch(self, job_id: str, state: str) -> requests.Response:
        return self.call("PATCH", f"jobs/ingest/{job_id}", json={"state": state})

    def state(self, job_id: str) -> str:
        return str(self.call("GET", f"jobs/ingest/{job_id}").json()["state"])

    def results(self, job_id: str, kind: str, delimiter: str = ",") -> list[dict[str, str]]:
        answer = self.call("GET", f"jobs/ingest/{job_id}/{kind}")
        assert answer.status_code == 200, answer.text
        text = io.StringIO(answer.content.decode(), newline="")
        return list(csv.DictReader(text, delimiter=delimiter))

    def ingest(
        self, object_name: str, operation: str, content: str | bytes, key: str | None = None
    ) -> Finished:
        job_id = self.job(object_name, operation, key)
        assert self.upload(job_id, content).status_code == 201
        assert self.patch(job_id, "UploadComplete").json()["state"] == "UploadComplete"
        return self.finished(job_id)

    def finished(self, job_id: str) -> Finished:
        kinds = ("successfulResults", "failedResults", "unprocessedRecords")
        return Finished(
            self.call("GET", f"jobs/ingest/{job_id}").json(),
            *(self.results(job_id, kind) for kind in kinds),
        )


@pytest.fixture
def api(server: ServerInfo, control: Control) -> Api:
    """Return a client with a session of the empty org."""
    return Api(server)
