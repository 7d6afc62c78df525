"""The files of a job: its upload, its results, and where a query's rows start.

Belongs here: writing and reading them. Doesn't belong here: when (jobs.py), how cells are read and
written (ingest_csv.py).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from touchproof_sandbox.salesforce.ingest_csv import (
    UnreadableUploadError,
    split_upload,
    write_rows,
)
from touchproof_sandbox.salesforce.writer import Outcome

JobRow = dict[str, Any]
"""A job as its row of the table `jobs`."""


class JobFiles:
    """Keep the files of all jobs in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, job_id: str, kind: str) -> Path:
        """Return a job's file of one kind: `content`, `result`, `offsets` or a result kind."""
        return self._folder / f"{job_id}.{kind}.csv"

    def forget(self, job_id: str) -> None:
        """Delete a job's files."""
        for path in self._folder.glob(f"{job_id}.*"):
            path.unlink()

    def write_results(
        self,
        job: JobRow,
        header: Sequence[str],
        rows: Sequence[tuple[Sequence[str], Outcome]],
        unprocessed: Sequence[Sequence[str]] = (),
    ) -> None:
        """Write an ingest job's three result files from its rows and their outcomes."""
        style = (job["delimiter"], job["line_ending"])
        write_rows(
            self.path(job["id"], "successfulResults"),
            ("sf__Id", "sf__Created", *header),
            (
                (outcome.id, "true" if outcome.created else "false", *cells)
                for cells, outcome in rows
                if outcome.refusal is None
            ),
            *style,
        )
        write_rows(
            self.path(job["id"], "failedResults"),
            ("sf__Id", "sf__Error", *header),
            (
                (outcome.id, str(outcome.refusal), *cells)
                for cells, outcome in rows
                if outcome.refusal is not None
            ),
            *style,
        )
        write_rows(self.path(job["id"], "unprocessedrecords"), header, unprocessed, *style)

    def write_unprocessed(self, job: JobRow) -> None:
        """Write the result files of a job of which no row was processed."""
        content = self.path(job["id"], "content")
        raw = content.read_bytes() if content.exists() else b""
        try:
            header, _ = split_upload(raw, job["delimiter"], job["line_ending"])
        except UnreadableUploadError:
            header = ()
        self.write_results(job, header, [])
        self.path(job["id"], "unprocessedrecords").write_bytes(raw)

    def write_query(
        self, job: JobRow, header: Sequence[str], rows: Iterable[Sequence[str | None]]
    ) -> int:
        """Write a query's result and where its rows start; return the number of rows."""
        path = self.path(job["id"], "result")
        count = write_rows(path, header, rows, job["delimiter"], job["line_ending"])
        self.path(job["id"], "offsets").write_bytes(_row_offsets(path).tobytes())
        return count

    def read_page(self, job: JobRow, first: int, rows: int) -> tuple[bytes, int, int | None]:
        """Return a page of a query's result: CSV with header, its rows, where the next starts."""
        offsets: array[int] = array("Q")
        offsets.frombytes(self.path(job["id"], "offsets").read_bytes())
        count = len(offsets) - 1
        first = min(first, count)
        last = min(first + rows, count)
        with self.path(job["id"], "result").open("rb") as file:
            header = file.read(offsets[0])
            file.seek(offsets[first])
            body = file.read(offsets[last] - offsets[first])
        return header + body, last - first, last if last < count else None


def _row_offsets(path: Path) -> array[int]:
    """Return where each row starts, the end last; a quoted line end isn't one."""
    offsets: array[int] = array("Q")
    position = 0
    is_quoted = False
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            is_quoted ^= line.count(b'"') % 2 == 1
            if not is_quoted:
                offsets.append(position)
    return offsets
