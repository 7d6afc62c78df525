"""The client of Salesforce: logins, reading by Bulk 2.0 query, and the steps of an ingest job.

Belongs here: one method a Salesforce request. This is the only importer of simple_salesforce,
which does the logins; jobs and results are our own calls, because the library aborts jobs on a
failed poll, holds results in memory, decodes them as Latin-1 and never sends `#N/A`. Doesn't
belong here: what to send and when (plan.py, perform.py), retries (transport.py).
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeVar, cast
from urllib.parse import quote
from xml.parsers.expat import ExpatError

import requests
import simple_salesforce

from touchproof.salesforce.answers import (
    Job,
    LimitUsage,
    SalesforceCallError,
    UpsertResult,
    unreadable,
)
from touchproof.salesforce.connection import SalesforceConnection, connection_from_settings
from touchproof.salesforce.result_files import ResultKind, read_rows, require_whole
from touchproof.salesforce.session import (
    DEFAULT_TIMEOUTS,
    CallCounter,
    Purpose,
    SalesforceSession,
)
from touchproof.salesforce.transport import API_VERSION, Login, Transport, no_answer

__all__ = [
    "API_VERSION",
    "COLLECTION_MAX_RECORDS",
    "MULTIPART_MAX_CHARACTERS",
    "Client",
    "CsvPage",
    "SalesforceConnection",
    "connection_from_settings",
    "soql_literal",
]

MULTIPART_MAX_CHARACTERS = 100_000
COLLECTION_MAX_RECORDS = 200
QUERY_PAGE_ROWS = 50_000

_SPOOL_BYTES = 8 * 1024 * 1024
_BUSY_LOGINS = frozenset({"SERVER_UNAVAILABLE", "SERVER_ERROR", "TEMPORARILY_UNAVAILABLE"})
_Row = TypeVar("_Row")
_ORG_IN_TOKEN = re.compile(r"(00D[A-Za-z0-9]{12})!")


@dataclass(frozen=True)
class CsvPage:
    """One page of a query's result: CSV in UTF-8 with its header, and how many rows it holds."""

    content: bytes
    rows: int


class Client:
    """Make single Salesforce requests for one connection; logs in at the first of them.

    Args:
        connection: Org and integration user.
        purpose: What the counter books the calls under.
        sleep: Waits between tries of a read and polls of a query; seconds.
        jitter: Returns a number in [0, 1); spreads the waits.
        timeouts: Seconds to connect and between two reads.
    """

    def __init__(
        self,
        connection: SalesforceConnection,
        *,
        purpose: Purpose = "push",
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        timeouts: tuple[float, float] = DEFAULT_TIMEOUTS,
    ) -> None:
        self.connection = connection
        self.counter = CallCounter(purpose)
        self._session = SalesforceSession(
            frozenset({connection.login_host}),
            self.counter,
            loopback_url=connection.loopback_url,
            timeouts=timeouts,
        )
        self._transport = Transport(self._session, self._log_in, sleep=sleep, jitter=jitter)
        self._org_id: str | None = None

    # Login

    def login(self) -> None:
        """Log in anew.

        Raises:
            SalesforceCallError: If Salesforce refuses the login or doesn't answer.
        """
        self._transport.log_in()

    def _log_in(self) -> Login:
        connection = self.connection
        by_auth: dict[str, dict[str, str]] = {
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
        }
        try:
            instance = simple_salesforce.Salesforce(
                session=self._session,
                version=API_VERSION,
                domain=connection.domain,
                **by_auth[connection.auth],
            )
        except simple_salesforce.SalesforceAuthenticationFailed as error:
            raise _refused_login(error, connection) from None
        except requests.RequestException as error:
            raise no_answer(error, f"login at {connection.login_host}") from None
        except (AttributeError, ExpatError, TypeError, ValueError):  # no login's answer at all
            raise unreadable(
                "The answer to the login is unreadable", f"login at {connection.login_host}"
            ) from None
        host = str(instance.sf_instance).split(":")[0]
        self._session.allow_instance(host)
        return Login(host, str(instance.session_id))

    @property
    def org_id(self) -> str:
        """Return the 18-character id of the org; costs a call only where the token hides it."""
        if self._org_id is None:
            found = _ORG_IN_TOKEN.match(self._transport.login.token)
            self._org_id = (
                _long_id(found[1])
                if found
                else str(self.query("SELECT Id FROM Organization")[0]["Id"])
            )
        return self._org_id

    # Reading

    def limits(self) -> dict[str, LimitUsage]:
        """Return the org's limits by name, e.g. `DailyApiRequests`; itself one call."""
        return self._transport.json("GET", "limits", _limits)

    def describe(self, object_name: str) -> dict[str, Any]:
        """Return the describe of one object, as Salesforce answers it."""
        return self._transport.json("GET", f"sobjects/{object_name}/describe", _described)

    def query(self, soql: str, *, include_deleted: bool = False) -> list[dict[str, Any]]:
        """Return all rows of a small REST query (2,000 rows a call).

        Args:
            soql: The query.
            include_deleted: Whether records in the recycle bin come too.
        """
        name = "queryAll" if include_deleted else "query"
        return self._pages(f"{name}?q={quote(soql, safe='')}", dict)

    def tooling_query(self, soql: str) -> list[dict[str, Any]]:
        """Return all rows of a query over the org's set-up, by the Tooling API."""
        return self._pages(f"tooling/query?q={quote(soql, safe='')}", dict)

    def _pages(self, path: str, read: Callable[[Any], _Row]) -> list[_Row]:
        """Return the records of a paged answer, each as `read` makes it."""

        def read_page(answer: Any) -> tuple[list[_Row], str | None]:
            rows = [read(record) for record in answer["records"]]
            return rows, None if answer["done"] else str(answer["nextRecordsUrl"])

        rows: list[_Row] = []
        page: str | None = path
        while page:
            found, page = self._transport.json("GET", page, read_page)
            rows += found
        return rows

    def query_csv(
        self, soql: str, *, include_deleted: bool = False, page_rows: int = QUERY_PAGE_ROWS
    ) -> Iterator[CsvPage]:
        """Run a Bulk 2.0 query and yield its result pages.

        Args:
            soql: The query.
            include_deleted: Whether records in the recycle bin come too.
            page_rows: Rows a page, hence a call.

        Raises:
            SalesforceCallError: If the job fails, its pages don't add up to what it read, or
                Salesforce doesn't answer.
        """
        body = {"operation": "queryAll" if include_deleted else "query", "query": soql}
        job = self._transport.json(
            "POST", "jobs/query", Job.from_answer, json=body, is_repeatable=True
        )
        polls = 0
        while not job.is_terminal:
            if polls:
                self._transport.wait(polls - 1)
            polls += 1
            job = self._transport.json("GET", f"jobs/query/{job.id}", Job.from_answer)
        if job.state != "JobComplete":
            raise _failed_query(f"The query job ended as {job.state}", job)
        locator = ""
        rows = 0
        while locator != "null":
            place = f"jobs/query/{job.id}/results?maxRecords={page_rows}"
            place += f"&locator={quote(locator, safe='')}" if locator else ""
            response = self._transport.request("GET", place)
            page = CsvPage(response.content, int(response.headers["Sforce-NumberOfRecords"]))
            rows += page.rows
            locator = response.headers.get("Sforce-Locator", "null")
            yield page
        if rows != job.records_processed:
            raise _failed_query(
                f"The query's pages hold {rows} rows, the job read {job.records_processed}", job
            )

    def download_log(self, log_id: str, target: IO[bytes]) -> None:
        """Write the CSV of one EventLogFile to a file."""
        self._transport.download(f"sobjects/EventLogFile/{log_id}/LogFile", target)

    # Ingest jobs, one method a request

    def create_job(
        self, object_name: str, operation: str, external_id_field: str | None = None
    ) -> Job:
        """Create an ingest job, state Open."""
        body = _job_body(object_name, operation, external_id_field)
        return self._transport.json("POST", "jobs/ingest", Job.from_answer, json=body)

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
        return self._transport.json("POST", "jobs/ingest", Job.from_answer, files=parts)

    def upload(self, job: Job, stream: IO[bytes] | bytes) -> None:
        """Upload a job's CSV, read from the stream piece by piece; once a job."""
        self._transport.request(
            "PUT",
            f"/{job.content_url.lstrip('/')}",
            data=stream,
            headers={"Content-Type": "text/csv; charset=UTF-8"},
        )

    def close_job(self, job_id: str) -> Job:
        """Tell Salesforce that the upload is complete."""
        return self._patch_state(job_id, "UploadComplete")

    def abort_job(self, job_id: str) -> Job:
        """Abort a job that isn't to be processed."""
        return self._patch_state(job_id, "Aborted")

    def _patch_state(self, job_id: str, state: str) -> Job:
        body = {"state": state}
        path = f"jobs/ingest/{job_id}"
        return self._transport.json("PATCH", path, Job.from_answer, json=body)

    def get_job(self, job_id: str) -> Job:
        """Return an ingest job as it stands; a failed poll never changes the job."""
        return self._transport.json("GET", f"jobs/ingest/{job_id}", Job.from_answer)

    def list_jobs(self) -> list[Job]:
        """Return all Bulk 2.0 ingest jobs that Salesforce still knows, following its pages."""
        return self._pages("jobs/ingest?jobType=V2Ingest", Job.from_answer)

    def delete_job(self, job_id: str) -> None:
        """Delete a job that has ended, with its data."""
        self._transport.request("DELETE", f"jobs/ingest/{job_id}")

    def results(
        self, job_id: str, kind: ResultKind, key_field: str | None = None
    ) -> Iterator[dict[str, str]]:
        """Yield the rows of one result file: `sf__Id`, `sf__Created` or `sf__Error`, our columns.

        The file is spooled first (to disk above 8 MB) and looked through, so that a broken
        transfer is repeated without yielding a row twice and no job is held in memory. A file
        that ends between two rows looks whole: whoever knows their number counts them.

        Args:
            job_id: The job; it must have ended.
            kind: Which file.
            key_field: A column of ours that the file must have.
        """
        path = f"jobs/ingest/{job_id}/{kind}"
        columns = (() if kind == "unprocessedrecords" else ("sf__Id",)) + (
            (key_field,) if key_field else ()
        )
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            file = cast(IO[bytes], spool)
            self._transport.download(
                path,
                file,
                lambda: require_whole(file, columns, f"GET {path}"),
                may_come_late=True,
            )
            yield from read_rows(file)

    def collections_upsert(
        self,
        object_name: str,
        external_id_field: str,
        records: Sequence[Mapping[str, Any]],
        *,
        saves_duplicates: bool | None = None,
        assigns: bool | None = None,
    ) -> list[UpsertResult]:
        """Upsert up to 200 records in one call; results come in request order.

        Args:
            object_name: Object of all records.
            external_id_field: `Id`, or the field by which Salesforce finds each record.
            records: Values by API name, the key field among them.
            saves_duplicates: What the org's duplicate rules are told; None says nothing.
            assigns: Whether the org's assignment rules give leads an owner; where nothing is said
                they do, also to leads that are only updated.

        Raises:
            ValueError: If there are more than 200 records.
        """
        if len(records) > COLLECTION_MAX_RECORDS:
            raise ValueError("a Collections call takes at most 200 records")
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": object_name}, **record} for record in records],
        }
        path = f"composite/sobjects/{object_name}/{external_id_field}"
        headers = {}
        if saves_duplicates is not None:
            headers["Sforce-Duplicate-Rule-Header"] = f"allowSave={str(saves_duplicates).lower()}"
        if assigns is not None:
            headers["Sforce-Auto-Assign"] = str(assigns).upper()
        return self._transport.json("PATCH", path, _upsert_results, json=body, headers=headers)


def _limits(answer: Any) -> dict[str, LimitUsage]:
    return {
        name: LimitUsage(entry["Max"] - entry["Remaining"], entry["Max"])
        for name, entry in answer.items()
        if isinstance(entry, dict) and "Max" in entry and "Remaining" in entry
    }


def _described(answer: Any) -> dict[str, Any]:
    """Return a describe; one that names no fields is none."""
    return {**answer, "fields": [{**field, "name": field["name"]} for field in answer["fields"]]}


def _upsert_results(answer: Any) -> list[UpsertResult]:
    return [UpsertResult.from_answer(one) for one in answer]


def soql_literal(text: str) -> str:
    """Return a text as SOQL quotes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _refused_login(error: Any, connection: SalesforceConnection) -> SalesforceCallError:
    """Read a refused login; a number for a code is the status of an unreadable answer.

    An answer without any code, such as a gate's page, says nothing of the login.
    """
    if error.code is None:
        return unreadable("The login wasn't answered", f"login at {connection.login_host}")
    is_status = isinstance(error.code, int)
    code = f"HTTP_{error.code}" if is_status else str(error.code).upper()
    code = code.rpartition(":")[2]
    status = error.code if is_status else 503 if code in _BUSY_LOGINS else 401
    return SalesforceCallError(
        f"Salesforce refused the login by {connection.auth}: {code}",
        code=code,
        status=502 if status < 300 else status,
        where=f"login at {connection.login_host}",
        todo="Check the user, password, token or key of the integration user.",
    )


def _failed_query(what: str, job: Job) -> SalesforceCallError:
    return SalesforceCallError(
        what,
        code="QUERY_JOB_FAILED",
        status=200,
        where=job.id,
        todo="Run the step again; look at the job in Setup, Bulk Data Load Jobs.",
    )


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


def _long_id(short: str) -> str:
    """Return the 18-character form of a 15-character id: a check of its letters' case follows."""
    check = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    parts = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(
        check[sum(1 << bit for bit, letter in enumerate(part) if letter.isupper())]
        for part in parts
    )
