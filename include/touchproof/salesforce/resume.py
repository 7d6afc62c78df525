"""Resuming: what an earlier run left in the outbox, settled before anything new is planned.

Belongs here: looking at unfinished jobs and finding one whose answer was lost. Doesn't belong
here: sending again. Rows that never reached Salesforce are given up here and planned afresh, so
that consent and values are those of now.

A job that doesn't end, or that Salesforce refuses to show, keeps its own records back and no
others: nobody knows what it will still write to them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from touchproof.errors import SalesforceError
from touchproof.salesforce.answers import Job, LongWaitError, SalesforceCallError
from touchproof.salesforce.canonical import CLEAR
from touchproof.salesforce.client import MULTIPART_MAX_CHARACTERS, Client
from touchproof.salesforce.outbox import (
    PLANNED,
    SUBMITTED,
    JobOutcome,
    Outbox,
    OutboxJob,
    OutboxRow,
)
from touchproof.salesforce.perform import Waiting, collect, wait_for

logger = logging.getLogger(__name__)

_MAX_CANDIDATES = 5
_MIN_CHARACTERS_A_ROW = 2


@dataclass(frozen=True)
class Settled:
    """Say how an unfinished job ended, and what finding that out cost."""

    job_id: str
    outcome: JobOutcome
    calls: int


@dataclass(frozen=True)
class Resumed:
    """Say what became of the unfinished jobs; `failure` is why one of them is unfinished still."""

    jobs: int
    settled: tuple[Settled, ...]
    failure: SalesforceError | None = None

    @property
    def outcomes(self) -> tuple[JobOutcome, ...]:
        return tuple(one.outcome for one in self.settled)

    @property
    def opt_outs(self) -> int:
        return sum(outcome.opt_outs for outcome in self.outcomes)

    @property
    def written(self) -> int:
        return sum(outcome.written.num_rows for outcome in self.outcomes)


def resume(client: Client, outbox: Outbox, waiting: Waiting, *, night: date) -> Resumed:
    """Settle or give up every unfinished job of the org.

    Raises:
        SalesforceCallError: If Salesforce doesn't answer.
    """
    unfinished = outbox.unfinished()
    orphans = _orphans(client, outbox) if any(job.state == PLANNED for job in unfinished) else []
    settled = []
    failure: SalesforceError | None = None
    for job in unfinished:
        try:
            ended = _settle(job, orphans, client, outbox, waiting, night)
        except SalesforceError as error:
            if isinstance(error, SalesforceCallError) and error.is_transient:
                raise
            logger.warning("job %s stays unfinished: %s", job.salesforce_job_id, error.what)
            if failure is None or isinstance(error, LongWaitError):
                failure = error  # a push that is left comes again, whatever else is the matter
            continue
        if ended is not None:
            settled.append(ended)
    return Resumed(len(unfinished), tuple(settled), failure)


def _settle(
    job: OutboxJob,
    orphans: list[Job],
    client: Client,
    outbox: Outbox,
    waiting: Waiting,
    night: date,
) -> Settled | None:
    """Settle one job, or give it up and return None."""
    before = client.counter.push_calls
    found = _adopt(job, orphans, client, outbox, waiting) if job.state == PLANNED else job
    ended = None if found is None else _end(found, client, waiting, outbox.age(job))
    if found is None or found.salesforce_job_id is None or ended is None:
        outbox.discard(job, "its rows never reached Salesforce, or it no longer knows them")
        return None
    outcome = collect(found, ended, client, outbox, waiting)
    calls = client.counter.push_calls - before
    outcome = outbox.settle(found, outcome, night=night, calls=calls)
    logger.info("job %s of an earlier run: settled", found.salesforce_job_id)
    return Settled(found.salesforce_job_id, outcome, calls)


def _end(job: OutboxJob, client: Client, waiting: Waiting, age: float) -> Job | None:
    """Return the job once it has ended, or None if it wrote nothing and never will.

    Whatever its age in seconds, it is looked at once.
    """
    assert job.salesforce_job_id is not None  # noqa: S101  only adopted or created jobs come here
    try:
        seen = client.get_job(job.salesforce_job_id)
    except SalesforceCallError as error:
        # Salesforce keeps jobs for seven days; but one that it still lists may yet write.
        if error.status != 404 or any(
            listed.id == job.salesforce_job_id for listed in client.list_jobs()
        ):
            raise
        return None
    if seen.state == "Open":
        client.abort_job(seen.id)  # ours by id, and without complete data
        return None
    if not seen.is_terminal:
        return wait_for(job, client, waiting, waited=age, processed=seen.records_processed)
    return None if seen.state == "Aborted" and not seen.records_processed else seen


def _orphans(client: Client, outbox: Outbox) -> list[Job]:
    """List the submitted jobs that the ledger doesn't know, newest first."""
    known = outbox.known_job_ids()
    found = [
        job
        for job in client.list_jobs()
        if job.id not in known and job.state not in ("Open", "Aborted")
    ]
    return sorted(found, key=lambda job: job.created_at, reverse=True)


def _adopt(
    job: OutboxJob, orphans: list[Job], client: Client, outbox: Outbox, waiting: Waiting
) -> OutboxJob | None:
    """Find the job whose creation was answered into the void, by its very content.

    Object, operation and time can agree by chance; all keys with all cells can't. An Open job has
    no content, so it can't have been ours and finished: it is left alone. A job whose rows don't
    fit into one call was Open without its answer.
    """
    if job.rows > MULTIPART_MAX_CHARACTERS // _MIN_CHARACTERS_A_ROW:
        return None
    expected = {row.record: _cells(row) for row in outbox.rows(job)}
    candidates = [
        orphan
        for orphan in orphans
        if orphan.object == job.object
        and orphan.operation == job.operation
        and orphan.external_id_field == (job.external_id or "")
    ]
    for orphan in candidates[:_MAX_CANDIDATES]:
        adopted = replace(job, state=SUBMITTED, salesforce_job_id=orphan.id)
        if not orphan.is_terminal:
            wait_for(adopted, client, waiting, waited=outbox.age(job))
        if _content(orphan, job.key_field, client) == expected:
            orphans.remove(orphan)
            return outbox.mark(job, SUBMITTED, orphan.id)
    return None


def _content(orphan: Job, key_field: str, client: Client) -> dict[str, dict[str, str]]:
    content: dict[str, dict[str, str]] = {}
    for kind in ("successfulResults", "failedResults", "unprocessedrecords"):
        for row in client.results(orphan.id, kind, key_field):
            content[row.get(key_field, "")] = _filled(
                {
                    name: value
                    for name, value in row.items()
                    if not name.startswith("sf__") and name != key_field
                }
            )
    return content


def _cells(row: OutboxRow) -> dict[str, str]:
    return _filled({name: value or "" for name, value in row.fields.items()})


def _filled(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in cells.items() if value not in ("", CLEAR)}
