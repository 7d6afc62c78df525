"""What the published marts say of Salesforce's API calls of one day, as typed rows.

Belongs here: the rows that the audit works on. Doesn't belong here: reading them (marts.py), what
follows from them (changes.py, audit.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

HOURS_A_DAY = 24


@dataclass(frozen=True)
class UsageRow:
    """Count calls of one hour, as mart_salesforce_api_usage does."""

    hour_of_day: int
    application: str
    object_name: str
    http_method: str
    api_resource: str
    call_kind: str
    status_code: int
    counted_calls: int
    repeated_writes: int


@dataclass(frozen=True)
class PullSpike:
    """Count pulls above the usual of an hour, as mart_salesforce_api_pull_spikes does."""

    hour_of_day: int
    application: str
    object_name: str
    pull_calls: int
    excess_calls: int
    cause: str


@dataclass(frozen=True)
class ErrorStorm:
    """Count refused calls in a row, as mart_salesforce_api_error_storms does."""

    application: str
    started_hour: int
    storm_hours: int
    main_status_code: int
    counted_error_calls: int


@dataclass(frozen=True)
class LoggedDay:
    """Hold one day's log and what the logs before it say of objects.

    Args:
        usage: The day's calls.
        spikes: Its spikes of pulls.
        storms: Its error storms.
        days_of_logs: Days of logs up to this one.
        unused: (application, object) that the application polled on these days though it
            pulled nothing, and nobody else read or wrote the object.
        our_application: What we are called.
    """

    usage: tuple[UsageRow, ...]
    spikes: tuple[PullSpike, ...]
    storms: tuple[ErrorStorm, ...]
    days_of_logs: int
    unused: frozenset[tuple[str, str]]
    our_application: str = "touchproof"

    @property
    def counted_calls(self) -> int:
        return sum(row.counted_calls for row in self.usage)


@dataclass(frozen=True)
class Verdict:
    """Say what one application spent on a day, as mart_salesforce_api_verdicts does."""

    application: str
    is_suspected: bool
    is_ours: bool
    counted_calls: int
    call_share: Decimal
    poll_calls: int
    job_poll_calls: int
    pull_calls: int
    re_pull_calls: int
    record_write_calls: int
    repeated_writes: int
    error_calls: int
    storm_calls: int
    verdict: str


@dataclass(frozen=True)
class StormCount:
    """Say how often the logs show an error storm, and what the worst day of them cost."""

    days: int
    worst_date: date | None
    worst_calls: int
