"""Performing: one planned job to Salesforce and its results back into the ledger.

Belongs here: the order of calls and durable states of a job, waiting for it, reading its result
files and matching them by key. Doesn't belong here: what to send (plan.py), the ledger's tables
(outbox.py), jobs of a killed run (resume.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

from touchproof.errors import SalesforceError
from touchproof.salesforce.answers import (
    Job,
    JobNotEndedError,
    LongWaitError,
    SalesforceCallError,
    parse_row_error,
)
from touchproof.salesforce.budget import PollPolicy, is_small
from touchproof.salesforce.client import Client
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.consent_gate import ConsentGate
from touchproof.salesforce.dead_letters import Refusal
from touchproof.salesforce.error_actions import UNACCOUNTED, UNPROCESSED
from touchproof.salesforce.matching import WRITTEN, Matching, Told
from touchproof.salesforce.moves import Record
from touchproof.salesforce.outbox import (
    CREATED,
    SUBMITTED,
    JobOutcome,
    Outbox,
    OutboxJob,
    OutboxRow,
)
from touchproof.salesforce.result_files import ResultKind
from touchproof.salesforce.retries import RetryPolicy, and_retried, locked_records, pieces_of
from touchproof.salesforce.wire import Chunk, job_chunks
from touchproof.settings import Settings

logger = logging.getLogger(__name__)

JITTER_SHARE = 0.2
_FILE_READS = 3


@dataclass(frozen=True)
class Waiting:
    """Hold how to wait: the pauses, and the sleep and the randomness that are passed in.

    A longer wait for a job than `longest_sleep` isn't slept; None sleeps them all.
    """

    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    policy: PollPolicy
    longest_sleep: float | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        longest_sleep: float | None = None,
    ) -> Waiting:
        """Wait as long as an org of these settings takes."""
        policy = PollPolicy(
            first_seconds=settings.salesforce_first_look_seconds,
            rows_per_second=settings.salesforce_rows_per_second,
        )
        return cls(sleep, jitter, policy, longest_sleep)

    def pauses(self, rows: int, waited: float = 0.0) -> Iterator[float]:
        """Yield the waits of a job, each up to a fifth shorter, so that clients spread out."""
        for wait in self.policy.waits(rows, waited):
            yield wait * (1 - JITTER_SHARE * self.jitter())

    def wait_for_job(self, job_id: str, seconds: float) -> None:
        """Wait before the next look at a job.

        Raises:
            LongWaitError: If that is too long to be slept.
        """
        if self.longest_sleep is not None and seconds > self.longest_sleep:
            raise LongWaitError(job_id, seconds)
        self.sleep(seconds)


@dataclass(frozen=True)
class Begun:
    """Say what an earlier run of the same push did of a group that it didn't end.

    Args:
        refused: Rows that it sent in vain; they aren't sent again but where locked.
        rounds: Rounds in which it sent locked rows again.
    """

    refused: tuple[Refusal, ...] = ()
    rounds: int = 0

    @property
    def records(self) -> frozenset[str]:
        return frozenset(refusal.record for refusal in self.refused)

    @property
    def outcomes(self) -> list[JobOutcome]:
        """Return the refusals as a job's outcome, if there are any."""
        rows = [(OutboxRow(0, one.record, one.salesforce_id, {}), one) for one in self.refused]
        return [JobOutcome(WRITTEN.empty_table(), tuple(rows))] if rows else []


@dataclass(frozen=True)
class GroupResult:
    """Say how one group of a plan went; with a `failure` its last job isn't settled yet.

    A row that was sent again is in the outcome of its last job alone. `held` are the records of
    which nothing went, by consent as it was when their bytes were to be frozen. `rounds` counts how
    often locked rows went again; with `goes_on` the first outcome is what an earlier run had begun.
    """

    group: PlanGroup
    outcomes: tuple[JobOutcome, ...]
    calls: int
    failure: SalesforceError | None = None
    held: frozenset[Record] = frozenset()
    rounds: int = 0
    goes_on: bool = False

    @property
    def jobs(self) -> int:
        return len(self.outcomes) - self.goes_on

    @property
    def pushed(self) -> int:
        return sum(outcome.written.num_rows for outcome in self.outcomes)

    @property
    def refused(self) -> int:
        return sum(len(outcome.refused) for outcome in self.outcomes)

    @property
    def opt_outs(self) -> int:
        return sum(outcome.opt_outs for outcome in self.outcomes)


def perform_group(
    group: PlanGroup,
    client: Client,
    outbox: Outbox,
    waiting: Waiting,
    gate: ConsentGate,
    *,
    night: date,
    lane: str,
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008  it is frozen
    begun: Begun = Begun(),
) -> GroupResult:
    """Send one group, job by job, each settled before the next is planned.

    Rows that another process had locked go again, in a few rounds of small jobs. A call that
    Salesforce refuses or doesn't answer ends the group; the ledger then has what the next run
    needs to go on.
    """
    outcomes = begun.outcomes
    rounds = begun.rounds
    held: set[Record] = set()
    before = client.counter.push_calls
    failure = None

    def perform(chunk: Chunk) -> JobOutcome | None:
        planned, going, held_back = outbox.plan(chunk, gate, night=night, lane=lane)
        held.update(held_back)
        if planned is None:
            return None
        return _perform_job(planned, going, client, outbox, waiting, night=night)

    try:
        for chunk in _chunks_left(group, begun):
            done = perform(chunk)
            outcomes += [] if done is None else [done]
        for wait in islice(retry.waits(waiting.jitter), rounds, None):
            pieces = pieces_of(group, locked_records(outcomes), retry)
            if not pieces or not retry.may_go(pieces, client.counter.last_limit):
                break
            waiting.sleep(wait)
            rounds += 1
            for chunk in (chunk for piece in pieces for chunk in job_chunks(piece)):
                again = perform(chunk)
                sent = {str(record) for record in chunk.rows.column("record").to_pylist()}
                outcomes = and_retried(outcomes, again, sent)
    except SalesforceError as error:
        failure = error
    calls = client.counter.push_calls - before
    goes_on = bool(begun.refused)
    return GroupResult(group, tuple(outcomes), calls, failure, frozenset(held), rounds, goes_on)


def _chunks_left(group: PlanGroup, begun: Begun) -> Iterator[Chunk]:
    if not begun.refused:
        return job_chunks(group)
    left = group.rows.without(begun.records, "record")
    return job_chunks(replace(group, rows=left)) if left.num_rows else iter(())


def _perform_job(
    planned: OutboxJob,
    chunk: Chunk,
    client: Client,
    outbox: Outbox,
    waiting: Waiting,
    *,
    night: date,
) -> JobOutcome:
    before = client.counter.push_calls
    submitted = _submit(planned, chunk, client, outbox)
    finished = wait_for(submitted, client, waiting)
    outcome = collect(submitted, finished, client, outbox, waiting)
    calls = client.counter.push_calls - before
    outcome = outbox.settle(submitted, outcome, night=night, calls=calls)
    logger.info(
        "job %s (%s): %s written, %s refused, %s calls",
        submitted.salesforce_job_id,
        chunk.group.name,
        outcome.written.num_rows,
        len(outcome.refused),
        calls,
    )
    return outcome


def wait_for(
    job: OutboxJob,
    client: Client,
    waiting: Waiting,
    *,
    waited: float = 0.0,
    processed: int = 0,
) -> Job:
    """Look at a submitted job until it has ended; a look that fails changes nothing.

    A job that tells how far it is isn't looked at before it should be over.

    Args:
        job: The job.
        client: Client of the org.
        waiting: How to wait.
        waited: Seconds that an earlier run has waited for it.
        processed: Rows of it that were over then.

    Raises:
        JobNotEndedError: If it hasn't ended after the policy's longest wait.
        LongWaitError: If the next look is too far away to wait for it here.
        SalesforceCallError: If Salesforce refuses to show it.
    """
    job_id = _salesforce_id(job)
    left = waiting.policy.left_seconds(job.rows, processed, waited)
    for growing in waiting.pauses(job.rows, waited):
        pause = max(growing, left)
        waiting.wait_for_job(job_id, pause)
        waited += pause
        try:
            seen = client.get_job(job_id)
        except SalesforceCallError as error:
            if not error.is_transient:
                raise
            logger.warning("job %s: %s; looking again later", job_id, error.code)
            continue
        if seen.is_terminal:
            return seen
        left = waiting.policy.left_seconds(job.rows, seen.records_processed, waited)
    raise JobNotEndedError(job_id)


def collect(
    job: OutboxJob, finished: Job, client: Client, outbox: Outbox, waiting: Waiting
) -> JobOutcome:
    """Read the result files of an ended job and account for every row.

    The files are read in the order of their use, and only until every row has been found: a job
    without refusals costs one call. Rows are matched by key, since files keep no order. The job
    itself tells how many rows each file must have: one with fewer is read again, a few times.
    """
    files: tuple[tuple[ResultKind, int], ...] = (
        ("successfulResults", finished.records_processed - finished.records_failed),
        ("failedResults", finished.records_failed),
        ("unprocessedrecords", job.rows - finished.records_processed),
    )
    with closing(Matching(outbox.sent(job), job.key_field)) as matching:
        for kind, expected in files:
            if matching.is_complete:
                break
            matching.note(kind, _told(finished.id, kind, expected, job, client, waiting))
        others = {one.row_id: one for one in matching.others()}
        written = matching.written()
    rows = outbox.rows(job, others) if others else []
    return JobOutcome(written, tuple((row, _refused(job, row, others[row.id])) for row in rows))


def _told(
    job_id: str, kind: ResultKind, expected: int, job: OutboxJob, client: Client, waiting: Waiting
) -> Iterator[dict[str, str]]:
    """Yield a result file's rows, and all of them again if some are missing."""
    for pause in (*islice(waiting.pauses(job.rows), _FILE_READS - 1), None):
        found = 0
        for result in client.results(job_id, kind, job.key_field):
            found += 1
            yield result
        if found >= expected or pause is None:
            return
        logger.warning("job %s: %s has %s of %s rows", job_id, kind, found, expected)
        waiting.sleep(pause)


def _submit(job: OutboxJob, chunk: Chunk, client: Client, outbox: Outbox) -> OutboxJob:
    """Hand a job's rows to Salesforce; each answer is durable before the next request."""
    try:
        if is_small(chunk.size):
            content = chunk.path.read_bytes()
            made = client.create_job_multipart(job.object, job.operation, job.external_id, content)
            return outbox.mark(job, SUBMITTED, made.id)
        made = client.create_job(job.object, job.operation, job.external_id)
    except SalesforceCallError as error:
        if not error.is_outcome_unknown:
            outbox.discard(job, f"Salesforce refused the job: {error.code}")
        raise
    created = outbox.mark(job, CREATED, made.id)
    with chunk.path.open("rb") as file:
        client.upload(made, file)
    client.close_job(made.id)
    return outbox.mark(created, SUBMITTED, made.id)


def _refused(job: OutboxJob, row: OutboxRow, told: Told) -> Refusal:
    if told.kind == "failedResults":
        error = parse_row_error(told.error)
        return _refusal(job, row, error.code, error.fields)
    return _refusal(job, row, UNACCOUNTED if told.kind is None else UNPROCESSED)


def _refusal(job: OutboxJob, row: OutboxRow, code: str, fields: tuple[str, ...] = ()) -> Refusal:
    return Refusal(job.object, row.record, row.salesforce_id, code, fields)


def _salesforce_id(job: OutboxJob) -> str:
    assert job.salesforce_job_id is not None  # noqa: S101  submitted jobs have one
    return job.salesforce_job_id
