"""The client of Salesforce: logins, reading by Bulk 2.0 query, and the steps of an ingest job.

Belongs here: one method a Salesforce request, retries of reads, one more login on 401. This is
the only importer of simple_salesforce, which does the logins; jobs and results are our own calls,
because the library aborts jobs on a failed poll, holds results in memory, decodes them as Latin-1
and never sends `#N/A`. Doesn't belong here: what to send and when (plan.py, perform.py, outbox.py).
"""

from __future__ import annotations

import csv
import io
import json
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Literal, cast
from urllib.parse import quote

import requests
import simple_salesforce

from touchproof.errors import ConfigurationError
from touchproof.salesforce.answers import (
    NO_ANSWER,
    Job,
    LimitUsage,
    SalesforceCallError,
    UpsertResult,
)
from touchproof.salesforce.session import CallCounter, Purpose, SalesforceSession
from touchproof.settings import Settings

logger = logging.getLogger(__name__)

API_VERSION = "64.0"
MULTIPART_MAX_CHARACTERS = 100_000
COLLECTION_MAX_RECORDS = 200
QUERY_PAGE_ROWS = 50_000
ResultKind = Literal["successfulResults", "failedResults", "unprocessedrecords"]

_READ_TRIES = 5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_CSV = "text/csv; charset=UTF-8"


@dataclass(frozen=True)
class SalesforceConnection:
    """Name one org and the integration user's way in; secrets stay out of the repr."""

    auth: Literal["password", "jwt", "client_credentials"]
    domain: str
    username: str = ""
    password: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    private_key_file: str = field(default="", repr=False)
    loopback_url: str | None = None

    @property
    def login_host(self) -> str:
        return f"{self.domain}.salesforce.com"


def connection_from_settings(settings: Settings) -> SalesforceConnection:
    """Return the connection that the settings name, else the world's own loopback server.

    Raises:
        ConfigurationError: If settings are missing for the chosen way to log in, or nothing is
            set and the world has no loopback server.
    """
    if settings.salesforce_username is None and settings.salesforce_client_id is None:
        return _loopback_connection(settings)
    connection = SalesforceConnection(
        auth=settings.salesforce_auth,
        domain=settings.salesforce_domain,
        username=settings.salesforce_username or "",
        password=_reveal(settings.salesforce_password),
        security_token=_reveal(settings.salesforce_security_token),
        client_id=settings.salesforce_client_id or "",
        client_secret=_reveal(settings.salesforce_client_secret),
        private_key_file=str(settings.salesforce_private_key_file or ""),
        loopback_url=settings.salesforce_loopback_url,
    )
    needed = {
        "password": ("username", "password"),
        "jwt": ("username", "client_id", "private_key_file"),
        "client_credentials": ("client_id", "client_secret"),
    }[connection.auth]
    missing = [name for name in needed if not getattr(connection, name)]
    if missing:
        raise ConfigurationError(
            f"The Salesforce login by {connection.auth} lacks settings",
            where=", ".join(f"TOUCHPROOF_SALESFORCE_{name.upper()}" for name in missing),
            todo="Set them, or choose another way by TOUCHPROOF_SALESFORCE_AUTH.",
        )
    if connection.auth == "client_credentials" and connection.domain in {"login", "test"}:
        raise ConfigurationError(
            "Client credentials need the org's own domain",
            where="TOUCHPROOF_SALESFORCE_DOMAIN",
            todo="Set it to the part before .salesforce.com, e.g. acme.my.",
        )
    return connection


def _reveal(secret: Any) -> str:
    return "" if secret is None else str(secret.get_secret_value())


def _loopback_connection(settings: Settings) -> SalesforceConnection:
    place = settings.paths.salesforce_server / "server.json"
    if settings.is_production or not place.exists():
        raise ConfigurationError(
            "No Salesforce org is configured",
            where="TOUCHPROOF_SALESFORCE_USERNAME",
            todo="Set the Salesforce settings"
            + (
                "."
                if settings.is_production
                else ", or start the pretend one: touchproof sandbox serve."
            ),
        )
    server = json.loads(place.read_bytes())
    return SalesforceConnection(
        auth="password",
        domain="login",
        username=server["username"],
        password=server["password"],
        security_token=server["security_token"],
        client_id=server["client_id"],
        client_secret=server["client_secret"],
        loopback_url=settings.salesforce_loopback_url or server["url"],
    )


class Client:
    """Make single Salesforce requests for one connection; logs in at the first of them.

    Args:
        connection: Org and integration user.
        purpose: What the counter books the calls under.
        sleep: Waits between tries of a read and polls of a query; seconds.
        jitter: Returns a number in [0, 1); spreads the waits.
    """

    def __init__(
        self,
        connection: SalesforceConnection,
        *,
        purpose: Purpose = "push",
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.connection = connection
        self.counter = CallCounter(purpose)
        self._session = SalesforceSession(
            frozenset({connection.login_host}),
            self.counter,
            loopback_url=connection.loopback_url,
        )
        self._sleep = sleep
        self._jitter = jitter
        self._instance: simple_salesforce.Salesforce | None = None
        self._org_id: str | None = None

    # Login

    def login(self) -> None:
        """Log in anew.

        Raises:
            SalesforceCallError: If Salesforce refuses the login or doesn't answer.
        """
        connection = self.connection
        arguments: dict[str, str] = {
            "password": {
                "username": connection.username,
                "password": connection.password,
                "security_token": connection.security_token,
            },
            "jwt": {
                "username": connection.username,
                "consumer_key": connection.client_id,
                "privatekey_file": connection.private_key_file,
            },
            "client_credentials": {
                "consumer_key": connection.client_id,
                "consumer_secret": connection.client_secret,
            },
        }[connection.auth]
        try:
            self._instance = simple_salesforce.Salesforce(
                session=self._session, version=API_VERSION, domain=connection.domain, **arguments
            )
        except simple_salesforce.SalesforceAuthenticationFailed as error:
            code = str(error.code).upper() if error.code else "INVALID_LOGIN"
            raise SalesforceCallError(
                f"Salesforce refused the login by {connection.auth}: {code}",
                code=code,
                status=error.code if isinstance(error.code, int) else 401,
                where=connection.login_host,
                todo="Check the user, password, token or key of the integration user.",
            ) from None
        except requests.RequestException as error:
            raise _no_answer(error, "login", connection.login_host) from None
        self._session.allow_instance(self._instance.sf_instance.split(":")[0])

    @property
    def org_id(self) -> str:
        """Return the 18-character id of the org; the ledger refuses another."""
        if self._org_id is None:
            rows = self.query("SELECT Id FROM Organization")
            self._org_id = str(rows[0]["Id"])
        return self._org_id

    # Reading

    def limits(self) -> dict[str, LimitUsage]:
        """Return the org's limits by name, e.g. `DailyApiRequests`; itself one call."""
        answer = self._json("GET", "limits")
        return {
            name: LimitUsage(entry["Max"] - entry["Remaining"], entry["Max"])
            for name, entry in answer.items()
            if isinstance(entry, dict) and "Max" in entry and "Remaining" in entry
        }

    def describe(self, object_name: str) -> dict[str, Any]:
        """Return the describe of one object, as Salesforce answers it."""
        return cast(dict[str, Any], self._json("GET", f"sobjects/{object_name}/describe"))

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return all rows of a small REST query (2,000 rows a call)."""
        answer = self._json("GET", f"query?q={quote(soql, safe='')}")
        rows = list(answer["records"])
        while not answer["done"]:
            answer = self._json("GET", answer["nextRecordsUrl"])
            rows += answer["records"]
        return rows

    def query_csv(
        self, soql: str, *, include_deleted: bool = False, page_rows: int = QUERY_PAGE_ROWS
    ) -> Iterator[bytes]:
        """Run a Bulk 2.0 query and yield its result pages, each CSV in UTF-8 with a header.

        Args:
            soql: The query.
            include_deleted: Whether records in the recycle bin come too.
            page_rows: Rows a page, hence a call.

        Raises:
            SalesforceCallError: If the job fails or Salesforce doesn't answer.
        """
        body = {"operation": "queryAll" if include_deleted else "query", "query": soql}
        job = Job.from_answer(self._json("POST", "jobs/query", json=body))
        waited = 0
        while not job.is_terminal:
            self._sleep(self._wait_seconds(waited))
            waited += 1
            job = Job.from_answer(self._json("GET", f"jobs/query/{job.id}"))
        if job.state != "JobComplete":
            raise SalesforceCallError(
                f"The query job ended as {job.state}",
                code="QUERY_JOB_FAILED",
                status=200,
                where=job.id,
                todo="Look at the job in Setup, Bulk Data Load Jobs.",
            )
        locator = ""
        while locator != "null":
            page = f"jobs/query/{job.id}/results?maxRecords={page_rows}"
            response = self._request("GET", page + (f"&locator={locator}" if locator else ""))
            yield response.content
            locator = response.headers.get("Sforce-Locator", "null")

    # Ingest jobs, one method a request

    def create_job(
        self, object_name: str, operation: str, external_id_field: str | None = None
    ) -> Job:
        """Create an ingest job, state Open."""
        body = _job_body(object_name, operation, external_id_field)
        return Job.from_answer(self._json("POST", "jobs/ingest", json=body))

    def create_job_multipart(
        self, object_name: str, operation: str, external_id_field: str | None, csv_bytes: bytes
    ) -> Job:
        """Create, upload and close a small job in one call; it answers UploadComplete.

        Raises:
            ValueError: If the CSV has more than 100,000 characters.
        """
        if len(csv_bytes.decode("utf-8")) > MULTIPART_MAX_CHARACTERS:
            raise ValueError("a multipart job takes at most 100,000 characters of CSV")
        body = json.dumps(_job_body(object_name, operation, external_id_field))
        parts = {
            "job": (None, body, "application/json"),
            "content": ("content", csv_bytes, "text/csv"),
        }
        return Job.from_answer(self._json("POST", "jobs/ingest", files=parts))

    def upload(self, job: Job, stream: IO[bytes] | bytes) -> None:
        """Upload a job's CSV, read from the stream piece by piece; once a job."""
        self._request(
            "PUT",
            f"/{job.content_url.lstrip('/')}",
            data=stream,
            headers={"Content-Type": _CSV},
        )

    def close_job(self, job_id: str) -> Job:
        """Tell Salesforce that the upload is complete."""
        return self._patch_state(job_id, "UploadComplete")

    def abort_job(self, job_id: str) -> Job:
        """Abort a job that isn't to be processed."""
        return self._patch_state(job_id, "Aborted")

    def _patch_state(self, job_id: str, state: str) -> Job:
        answer = self._json("PATCH", f"jobs/ingest/{job_id}", json={"state": state})
        return Job.from_answer(answer)

    def get_job(self, job_id: str) -> Job:
        """Return an ingest job as it stands; a failed poll never changes the job."""
        return Job.from_answer(self._json("GET", f"jobs/ingest/{job_id}"))

    def list_jobs(self) -> list[Job]:
        """Return all Bulk 2.0 ingest jobs that Salesforce still knows, following its pages."""
        jobs: list[Job] = []
        page: str | None = "jobs/ingest?jobType=V2Ingest"
        while page:
            answer = self._json("GET", page)
            jobs += [Job.from_answer(record) for record in answer["records"]]
            page = None if answer["done"] else answer["nextRecordsUrl"]
        return jobs

    def delete_job(self, job_id: str) -> None:
        """Delete a finished or aborted job with its data."""
        self._request("DELETE", f"jobs/ingest/{job_id}")

    def results(self, job_id: str, kind: ResultKind) -> Iterator[dict[str, str]]:
        """Yield the rows of one result file: `sf__Id`, `sf__Created` or `sf__Error`, our columns.

        The file is spooled first (to disk above 8 MB), so that a broken transfer is repeated
        without yielding a row twice and no job is held in memory.
        """
        with tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024) as spool:
            self._download(f"jobs/ingest/{job_id}/{kind}", cast(IO[bytes], spool))
            spool.seek(0)
            text = io.TextIOWrapper(cast(IO[bytes], spool), encoding="utf-8", newline="")
            yield from csv.DictReader(text, strict=True)

    def collections_upsert(
        self, object_name: str, external_id_field: str, records: Sequence[Mapping[str, Any]]
    ) -> list[UpsertResult]:
        """Upsert up to 200 records in one call; results come in request order."""
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": object_name}, **record} for record in records],
        }
        path = f"composite/sobjects/{object_name}/{external_id_field}"
        return [UpsertResult.from_answer(one) for one in self._json("PATCH", path, json=body)]

    # Transport

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._request(method, path, **arguments)
        try:
            return response.json()
        except requests.exceptions.JSONDecodeError:
            raise SalesforceCallError(
                "Salesforce's answer isn't readable JSON",
                code="UNREADABLE_ANSWER",
                status=502,
                where=_place(method, path),
            ) from None

    def _download(self, path: str, target: IO[bytes]) -> None:
        def read(response: requests.Response) -> None:
            target.seek(0)
            target.truncate()
            for piece in response.iter_content(chunk_size=1 << 16):
                target.write(piece)

        self._request("GET", path, stream=True, consume=read)

    def _request(
        self,
        method: str,
        path: str,
        *,
        consume: Callable[[requests.Response], None] | None = None,
        **arguments: Any,
    ) -> requests.Response:
        """Send one request; a GET is tried again on what may pass, anything else never."""
        for attempt in range(_READ_TRIES):
            try:
                return self._once(method, path, consume=consume, **arguments)
            except SalesforceCallError as error:
                if method != "GET" or not error.is_transient or attempt == _READ_TRIES - 1:
                    raise
                wait = self._wait_seconds(attempt)
                logger.warning("%s; trying again in %.1f s", error.code, wait)
                self._sleep(wait)
        raise AssertionError("unreachable")

    def _once(
        self,
        method: str,
        path: str,
        *,
        consume: Callable[[requests.Response], None] | None,
        **arguments: Any,
    ) -> requests.Response:
        fresh = self._instance is None
        if fresh:
            self.login()
        response = self._send(method, path, consume, **arguments)
        if response.status_code == 401 and not fresh:
            self.login()
            _rewind(arguments.get("data"))
            response = self._send(method, path, consume, **arguments)
        if response.status_code >= 300:
            raise _refusal(response, method, path)
        return response

    def _send(
        self,
        method: str,
        path: str,
        consume: Callable[[requests.Response], None] | None,
        **arguments: Any,
    ) -> requests.Response:
        instance = self._instance
        assert instance is not None  # noqa: S101  _once logs in first
        base = f"https://{instance.sf_instance}"
        url = base + path if path.startswith("/") else f"{base}/services/data/v{API_VERSION}/{path}"
        headers = {"Authorization": f"Bearer {instance.session_id}"} | arguments.pop("headers", {})
        try:
            response = self._session.request(
                method, url, headers=headers, allow_redirects=False, **arguments
            )
            if consume is not None and response.status_code < 300:
                consume(response)
            return response
        except requests.RequestException as error:
            raise _no_answer(error, method, path) from None

    def _wait_seconds(self, attempt: int) -> float:
        ceiling = min(_FIRST_WAIT_SECONDS * 2**attempt, _LONGEST_WAIT_SECONDS)
        return float(ceiling * (0.5 + self._jitter() / 2))


def _rewind(data: object) -> None:
    if hasattr(data, "seek"):
        data.seek(0)


def _job_body(object_name: str, operation: str, external_id_field: str | None) -> dict[str, str]:
    body = {
        "object": object_name,
        "operation": operation,
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    if external_id_field is not None:
        body["externalIdFieldName"] = external_id_field
    return body


def _place(method: str, path: str) -> str:
    return f"{method} {path.partition('?')[0]}"


def _no_answer(error: requests.RequestException, method: str, path: str) -> SalesforceCallError:
    return SalesforceCallError(
        f"Salesforce didn't answer: {type(error).__name__}",
        code=NO_ANSWER,
        status=None,
        where=_place(method, path),
    )


def _refusal(response: requests.Response, method: str, path: str) -> SalesforceCallError:
    """Read the error code of an answer; the message stays out, since it may quote values."""
    code = f"HTTP_{response.status_code}"
    try:
        body = response.json()
        first = body[0] if isinstance(body, list) else body
        code = str(first.get("errorCode") or first.get("error") or code).upper()
    except (requests.exceptions.JSONDecodeError, AttributeError, IndexError, KeyError):
        pass
    return SalesforceCallError(
        f"Salesforce answered {response.status_code} {code}",
        code=code,
        status=response.status_code,
        where=_place(method, path),
    )
