"""The audit of the Salesforce API allowance, read from the published file.

Belongs here: putting verdicts, changes and growth together. Doesn't belong here: the queries
(marts.py), the replay (changes.py), the growth (growth.py), layout (report_text.py), the
warehouse, which a build may hold at any time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from touchproof.api_audit.changes import Change, first_two, possible_changes
from touchproof.api_audit.growth import Growth, Sufficiency, growth_of, sufficiency
from touchproof.api_audit.logged_day import StormCount, Verdict
from touchproof.api_audit.marts import (
    day_of,
    forecasts_of,
    logged_day_of,
    storms_of,
    totals_of,
    verdicts_of,
)
from touchproof.errors import BadInputError
from touchproof.settings import Settings

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ApiAudit:
    """Say who spends the allowance, and what to change first.

    Args:
        log_date: The day that is replayed.
        days_of_logs: Days of logs up to it.
        max_calls: The org's allowance, None if no answer ever told it.
        counted_calls: The day's calls that count.
        usual_calls: What the days before let expect, None without one.
        next_date: The day after.
        next_calls: Its forecast, None without a day to compare it with.
        full_days: Days whose calls reached the allowance.
        verdicts: One an application, the largest first.
        storms: Error storms of all these days.
        changes: What would have saved calls on the day, the largest first.
        first: The two changes to make first.
        growth: Of a day's calls; None with less than two weeks of logs.
        suffices: Until when the allowance does if nothing changes.
        suffices_after: The same after the first two changes, as far as they save every day.
    """

    log_date: date
    days_of_logs: int
    max_calls: int | None
    counted_calls: int
    usual_calls: int | None
    next_date: date
    next_calls: int | None
    full_days: int
    verdicts: tuple[Verdict, ...]
    storms: StormCount
    changes: tuple[Change, ...]
    first: tuple[Change, ...]
    growth: Growth | None
    suffices: Sufficiency | None
    suffices_after: Sufficiency | None


def audit_api(settings: Settings, day: date | None = None) -> ApiAudit:
    """Audit one day of the published log of API calls.

    Args:
        settings: The world; only its published file is read.
        day: Which day; the newest one if None.

    Raises:
        BadInputError: If nothing is published, no log has landed, that day has none, or the file
            was published by a version without these marts.
    """
    import duckdb

    from touchproof.warehouse import connect_published

    connection = connect_published(settings.paths.published)
    try:
        return audit_of(connection, day)
    except (duckdb.CatalogException, duckdb.BinderException):
        raise BadInputError(
            "The published file doesn't show the calls of Salesforce's API",
            where="published warehouse",
            todo="Run a night.",
        ) from None
    finally:
        connection.close()


def audit_of(connection: duckdb.DuckDBPyConnection, day: date | None = None) -> ApiAudit:
    """Audit one day of the marts that a connection shows."""
    log_date = day_of(connection, day)
    totals, without_storms = totals_of(connection, log_date)
    logged = logged_day_of(connection, log_date, len(totals))
    changes = possible_changes(logged)
    first = first_two(changes)
    begin, next_begin = forecasts_of(connection, log_date)
    growth = growth_of(without_storms)
    max_calls = begin["max_calls"]
    suffices = suffices_after = None
    if growth is not None and max_calls is not None:
        saved = sum(change.saved_calls for change in first if change.is_every_day)
        suffices = sufficiency(growth, log_date, max_calls)
        suffices_after = sufficiency(growth, log_date, max_calls, saved)
    return ApiAudit(
        log_date=log_date,
        days_of_logs=len(totals),
        max_calls=max_calls,
        counted_calls=logged.counted_calls,
        usual_calls=begin["forecast_calls"],
        next_date=next_begin["log_date"],
        next_calls=next_begin["forecast_calls"],
        full_days=sum(calls >= (max_calls or calls + 1) for calls in totals.values()),
        verdicts=verdicts_of(connection, log_date),
        storms=storms_of(connection, log_date),
        changes=changes,
        first=first,
        growth=growth,
        suffices=suffices,
        suffices_after=suffices_after,
    )


def audit_json(audit: ApiAudit) -> dict[str, Any]:
    """Return the audit as docs/schemas/audit_api.json describes it; dates are ISO dates."""
    content: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    content |= _plain(asdict(audit))
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
