"""Bulk API 2.0 jobs: their life and their processing.

Belongs here: creating, uploading, closing, aborting, deleting, listing and processing ingest and
query jobs. Doesn't belong here: HTTP (routes_bulk.py), rules of rows (writer.py), the jobs' files
(job_files.py).

A closed job is processed at once unless a delay is set; then it is processed by the first request
after the delay, so that no thread of ours decides what happens when. A delay counts seconds, or
polls of the job (the state goes UploadComplete, InProgress, then its end). A planned fault may hold
the job in a state, or end it after some of its rows. Processing is one transaction: a killed server
finds the job as it was closed and processes it again. Jobs that ended are forgotten after seven
days of the org's clock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from touchproof_sandbox.salesforce import soql
from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.ingest_csv import (
    DELIMITERS,
    LINE_ENDINGS,
    UnreadableUploadError,
    read_upload,
)
from touchproof_sandbox.salesforce.job_files import JobFiles, JobRow
from touchproof_sandbox.salesforce.planned_faults import PlannedFaults
from touchproof_sandbox.salesforce.storage import Storage, format_moment
from touchproof_sandbox.salesforce.writer import Operation, Writer, sobject_of

INGEST_OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
QUERY_OPERATIONS = frozenset({"query", "queryAll"})
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
MAX_UPLOAD_BYTES = 100 * 1000 * 1000
MULTIPART_MAX_CHARACTERS = 100_000
RESULT_KINDS = ("successfulResults", "failedResults", "unprocessedrecords")
_KEPT = timedelta(days=7)
_PAGE = 1000


HOLD, END = "hold", "end"
"""Effects of faults on jobs: kept in a state, or ended before all rows were processed."""
JOB_EFFECTS = frozenset({HOLD, END})


@dataclass(frozen=True)
class _End:
    """Say how a job ends: in which state, after how many of its rows, with which errorMessage."""

    state: str
    rows: int
    message: str | None = None


class Jobs:
    """Run the org's jobs.

    Args:
        storage: The org's state.
        faults: What was planned to befall jobs.
        wall_clock: Seconds of real time, for processing delays in seconds.
    """

    def __init__(
        self,
        storage: Storage,
        faults: PlannedFaults,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._storage = storage
        self._faults = faults
        self._wall_clock = wall_clock
        self._files = JobFiles(storage.jobs_folder)

    # Life

    def create_ingest(self, asked: dict[str, Any]) -> JobRow:
        """Create an ingest job, state Open.

        Raises:
            ApiError: 400 INVALIDJOB for a job that can't be.
        """
        operation = str(asked.get("operation", ""))
        if operation not in INGEST_OPERATIONS:
            raise ApiError(400, "INVALIDJOB", f"Unsupported operation {operation}")
        if asked.get("contentType", "CSV") != "CSV":
            raise ApiError(400, "INVALIDJOB", "Invalid contentType, only CSV is supported")
        try:
            sobject = sobject_of(str(asked.get("object", "")))
        except ApiError:
            raise ApiError(
                400, "INVALIDJOB", f"InvalidBatch : Unable to find object: {asked.get('object')}"
            ) from None
        if not sobject.writable:
            raise ApiError(400, "INVALIDJOB", f"Object {sobject.name} isn't writable")
        key = asked.get("externalIdFieldName")
        if operation == "upsert":
            field = sobject.by_lower_name.get(str(key or "").lower())
            if field is None or not (field.external_id or field.type == "id"):
                raise ApiError(400, "INVALIDJOB", f"InvalidJob : Field name not found : {key}")
            key = field.name
        return self._insert("ingest", operation, sobject.name, asked, external_id_field=key)

    def create_query(self, asked: dict[str, Any]) -> JobRow:
        """Create a query job; it is processed like a closed one.

        Raises:
            ApiError: 400 for an operation or a query that can't be.
        """
        operation = str(asked.get("operation", ""))
        if operation not in QUERY_OPERATIONS:
            raise ApiError(400, "INVALIDJOB", f"Unsupported operation {operation}")
        query = soql.parse(str(asked.get("query", "")))
        if not query.fields:
            raise ApiError(400, "INVALIDJOB", "Aggregate queries aren't supported in Bulk API 2.0")
        job = self._insert(
            "query", operation, query.sobject.name, asked, soql_text=str(asked["query"])
        )
        return self._close(job)

    def _insert(
        self,
        kind: str,
        operation: str,
        object_name: str,
        asked: dict[str, Any],
        *,
        external_id_field: str | None = None,
        soql_text: str | None = None,
    ) -> JobRow:
        delimiter = str(asked.get("columnDelimiter") or "COMMA")
        line_ending = str(asked.get("lineEnding") or "LF")
        if delimiter not in DELIMITERS or line_ending not in LINE_ENDINGS:
            raise ApiError(400, "INVALIDJOB", "Unknown columnDelimiter or lineEnding")
        now = format_moment(self._storage.now)
        with self._storage.transaction():
            job_id = self._storage.next_ids("750", 1)[0]
            self._storage.db.execute(
                "insert into jobs (id, kind, operation, object, external_id_field, soql,"
                " delimiter, line_ending, state, created_at, modified_at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, 'Open', ?, ?)",
                (job_id, kind, operation, object_name, external_id_field, soql_text,
                 delimiter, line_ending, now, now),
            )  # fmt: skip
        return self.get(kind, job_id)

    def upload(self, job_id: str, content: Path) -> None:
        """Take the file as a job's content; once a job.

        Raises:
            ApiError: 400 INVALIDJOBSTATE unless the job is Open and has none.
        """
        job = self.get("ingest", job_id)
        if job["state"] != "Open":
            raise _wrong_state(f"Can't upload to a job whose state is {job['state']}")
        if job["has_content"]:
            raise _wrong_state(f"Found multiple contents for job: <{job_id}>")
        content.replace(self._files.path(job["id"], "content"))
        self._update(job["id"], has_content=1)

    def patch(self, kind: str, job_id: str, state: str) -> JobRow:
        """Close or abort a job; return it as Salesforce answers, before its processing.

        Raises:
            ApiError: 400 INVALIDJOBSTATE where the job's state doesn't allow it.
        """
        job = self.get(kind, job_id)
        if state == "Aborted":
            if job["state"] in ENDED:
                raise _wrong_state("Aborting already Completed Job not allowed")
            self._update(job_id, state="Aborted")
            return self.get(kind, job_id)
        if kind == "query" or state != "UploadComplete":
            raise ApiError(400, "INVALIDJOB", f"Unsupported state {state}")
        if job["state"] != "Open":
            raise _wrong_state("Closing already Completed Job not allowed")
        if not job["has_content"]:
            raise _wrong_state("A job without content can't be closed")
        return self._close(job)

    def _close(self, job: JobRow) -> JobRow:
        self._update(
            job["id"],
            state="UploadComplete",
            closed_wall=self._wall_clock(),
            polls_left=int(self._storage.get("processing_polls", 0)),
        )
        if job["kind"] == "ingest":
            self._faults.meet_job(job["id"], job["object"])
        closed = self.get(job["kind"], job["id"])
        self.advance()
        return closed

    def delete(self, kind: str, job_id: str) -> None:
        """Forget a job and its files.

        Raises:
            ApiError: 400 INVALIDJOBSTATE unless it has ended.
        """
        if self.get(kind, job_id)["state"] not in ENDED:
            raise _wrong_state("Deleting a job that hasn't ended isn't allowed")
        self._forget(job_id)

    def forget_old(self) -> None:
        """Forget what ended more than seven days ago."""
        horizon = format_moment(self._storage.now - _KEPT)
        for row in self._storage.db.execute(
            "select id from jobs where modified_at < ? and state in ('JobComplete', 'Failed',"
            " 'Aborted')",
            (horizon,),
        ).fetchall():
            self._forget(row["id"])

    def _forget(self, job_id: str) -> None:
        self._storage.db.execute("delete from jobs where id = ?", (job_id,))
        self._files.forget(job_id)

    # Looking

    def get(self, kind: str, job_id: str) -> JobRow:
        """Return a job by its 15 or 18 characters.

        Raises:
            ApiError: 404 if there is none of this kind.
        """
        row = self._storage.db.execute(
            "select * from jobs where kind = ? and substr(id, 1, 15) = ?", (kind, job_id[:15])
        ).fetchone()
        if row is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return dict(row)

    def poll(self, kind: str, job_id: str) -> JobRow:
        """Return a job as a poll sees it, which counts towards a delay in polls."""
        job = self.get(kind, job_id)
        if job["polls_left"]:
            left = job["polls_left"] - 1
            self._update(job["id"], polls_left=left)
            if left == 0:
                self.advance()
            elif job["state"] == "UploadComplete":
                self._update(job["id"], state="InProgress")
        return job

    def object_of(self, job_id: str) -> str | None:
        """Return the object of a job of any kind, if there is such a job."""
        row = self._storage.db.execute(
            "select object from jobs where substr(id, 1, 15) = ?", (job_id[:15],)
        ).fetchone()
        return None if row is None else str(row["object"])

    def page(self, kind: str, start: int) -> tuple[list[JobRow], int | None]:
        """Return a page of jobs, oldest first, and where the next one starts, if it does."""
        rows = self._storage.db.execute(
            "select * from jobs where kind = ? and number > ? order by number limit ?",
            (kind, start, _PAGE + 1),
        ).fetchall()
        page = [dict(row) for row in rows[:_PAGE]]
        return page, page[-1]["number"] if len(rows) > _PAGE else None

    # Processing

    def advance(self) -> None:
        """Process, in order of closing, the jobs whose delay is over."""
        seconds = float(self._storage.get("processing_seconds", 0))
        for row in self._storage.db.execute(
            "select * from jobs where state in ('UploadComplete', 'InProgress')"
            " order by closed_wall, number"
        ).fetchall():
            if self._is_held(row):
                continue
            if row["polls_left"] == 0 and self._wall_clock() >= row["closed_wall"] + seconds:
                self._process(dict(row))
            elif row["polls_left"] == 0 and row["state"] == "UploadComplete":
                self._update(row["id"], state="InProgress")

    def _is_held(self, row: sqlite3.Row) -> bool:
        """Tell whether a fault holds a job in a state, and show it in that state."""
        fault = self._faults.of_job(row["id"])
        if fault is None or fault[0] != HOLD:
            return False
        seconds = fault[1]["seconds"]
        if seconds is not None and self._wall_clock() >= row["closed_wall"] + seconds:
            return False
        if row["state"] != fault[1]["state"] or row["polls_left"]:
            self._update(row["id"], state=fault[1]["state"], polls_left=0)
        return True

    def _process(self, job: JobRow) -> None:
        with self._storage.transaction():
            if job["kind"] == "query":
                self._process_query(job)
            else:
                self._process_ingest(job)

    def _process_query(self, job: JobRow) -> None:
        query = soql.parse(job["soql"])
        rows = query.rows(self._storage, include_deleted=job["operation"] == "queryAll")
        count = self._files.write_query(job, query.fields, rows)
        self._update(job["id"], state="JobComplete", processed=count)

    def _process_ingest(self, job: JobRow) -> None:
        content = self._files.path(job["id"], "content").read_bytes()
        try:
            upload = read_upload(
                content, sobject_of(job["object"]), job["delimiter"], job["line_ending"]
            )
        except UnreadableUploadError as error:
            self._files.write_unprocessed(job)
            self._update(job["id"], state="Failed", error=str(error))
            return
        end = self._planned_end(job["id"], len(upload.cells))
        outcomes = Writer(self._storage, job["object"]).apply(
            cast(Operation, job["operation"]), upload.rows()[: end.rows], job["external_id_field"]
        )
        rows = list(zip(upload.cells[: end.rows], outcomes, strict=True))
        self._files.write_results(job, upload.header, rows, upload.cells[end.rows :])
        self._update(
            job["id"],
            state=end.state,
            error=end.message,
            processed=len(outcomes),
            failed=sum(1 for outcome in outcomes if outcome.refusal is not None),
        )

    def _planned_end(self, job_id: str, rows: int) -> _End:
        fault = self._faults.of_job(job_id)
        if fault is None or fault[0] != END:
            return _End("JobComplete", rows)
        options = fault[1]
        return _End(options["state"], int(rows * options["share"]), options["message"])

    # Results

    def result_file(self, job_id: str, kind: str) -> Path:
        """Return one of an ingest job's three result files.

        Raises:
            ApiError: 400 INVALIDJOBSTATE before the job has ended, 404 for another kind.
        """
        job = self.get("ingest", job_id)
        wanted = next((known for known in RESULT_KINDS if known.lower() == kind.lower()), None)
        if wanted is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        if job["state"] not in ENDED:
            raise _wrong_state(f"The job hasn't ended, its state is {job['state']}")
        path = self._files.path(job["id"], wanted)
        if not path.exists():  # aborted: whatever was uploaded stayed unprocessed
            self._files.write_unprocessed(job)
        return path

    def query_page(self, job_id: str, first: int, rows: int) -> tuple[bytes, int, int | None]:
        """Return a page of a query's result: CSV with header, its rows, where the next starts.

        Raises:
            ApiError: 400 INVALIDJOBSTATE before the query is complete.
        """
        job = self.get("query", job_id)
        if job["state"] != "JobComplete":
            raise _wrong_state(f"The job isn't complete, its state is {job['state']}")
        return self._files.read_page(job, first, rows)

    def _update(self, job_id: str, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self._storage.db.execute(
            f"update jobs set {names}, modified_at = ? where id = ?",  # noqa: S608
            (*values.values(), format_moment(self._storage.now), job_id),
        )


def _wrong_state(message: str) -> ApiError:
    return ApiError(400, "INVALIDJOBSTATE", message)
