"""Reading the marts of Salesforce's API calls from an open connection.

Belongs here: the queries, and which day is meant. Doesn't belong here: what follows from the rows
(changes.py, growth.py, audit.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from touchproof.api_audit.logged_day import (
    ErrorStorm,
    LoggedDay,
    PullSpike,
    StormCount,
    UsageRow,
    Verdict,
)
from touchproof.errors import BadInputError

if TYPE_CHECKING:
    import duckdb

_Facts = TypeVar("_Facts")


def day_of(connection: duckdb.DuckDBPyConnection, asked: date | None) -> date:
    """Return the day that was asked for, else the newest one.

    Raises:
        BadInputError: If no log has landed, or none of that day.
    """
    (row,) = _rows(
        connection,
        "select min(log_date) as first, max(log_date) as last from marts.mart_salesforce_api_usage",
    )
    if row["last"] is None:
        raise BadInputError(
            "No log of Salesforce's API calls has landed",
            where="published warehouse",
            todo='Give the integration user "View Event Log Files" and run a night.',
        )
    if asked is None:
        return date.fromisoformat(str(row["last"]))
    known = _rows(
        connection,
        "select 1 as found from marts.mart_salesforce_api_usage where log_date = ? limit 1",
        asked,
    )
    if not known:
        raise BadInputError(
            f"There is no log of API calls of {asked}",
            where="published warehouse",
            todo=f"The logs reach from {row['first']} to {row['last']}.",
        )
    return asked


def totals_of(
    connection: duckdb.DuckDBPyConnection, log_date: date
) -> tuple[dict[date, int], dict[date, int]]:
    """Return the calls of each day, and those without storms.

    A storm of calls that no allowance was left for (403) stays in: there is demand in it.
    """
    rows = _rows(
        connection,
        """
        with storms as (
            select log_date, sum(counted_error_calls) as calls
            from marts.mart_salesforce_api_error_storms
            where main_status_code <> 403
            group by log_date
        ),
        days as (
            select log_date, sum(counted_calls) as calls
            from marts.mart_salesforce_api_usage
            where log_date <= ?
            group by log_date
        )
        select
            days.log_date,
            days.calls::bigint as calls,
            (days.calls - coalesce(storms.calls, 0))::bigint as calls_without_storms
        from days
        left join storms using (log_date)
        order by days.log_date
        """,
        log_date,
    )
    return (
        {row["log_date"]: row["calls"] for row in rows},
        {row["log_date"]: row["calls_without_storms"] for row in rows},
    )


def logged_day_of(
    connection: duckdb.DuckDBPyConnection, log_date: date, days_of_logs: int
) -> LoggedDay:
    """Return all that a day's replay needs."""
    unused = _rows(
        connection,
        """
        with days as (
            select * from marts.mart_salesforce_api_usage
            where log_date <= ? and status_code < 400
        )
        select application, object_name
        from days
        where call_kind = 'poll'
        group by application, object_name
        having not exists (
            select 1 from days as uses
            where uses.object_name = days.object_name
                and (uses.application <> days.application or uses.call_kind <> 'poll')
        )
        """,
        log_date,
    )
    verdicts = _of_day(connection, "mart_salesforce_api_verdicts", log_date)
    return LoggedDay(
        usage=tuple(
            _of(UsageRow, row) for row in _of_day(connection, "mart_salesforce_api_usage", log_date)
        ),
        spikes=tuple(
            _of(PullSpike, row)
            for row in _of_day(connection, "mart_salesforce_api_pull_spikes", log_date)
        ),
        storms=tuple(
            _of(ErrorStorm, row)
            for row in _of_day(connection, "mart_salesforce_api_error_storms", log_date)
        ),
        days_of_logs=days_of_logs,
        unused=frozenset((row["application"], row["object_name"]) for row in unused),
        our_application=next((row["application"] for row in verdicts if row["is_ours"]), ""),
    )


def verdicts_of(connection: duckdb.DuckDBPyConnection, log_date: date) -> tuple[Verdict, ...]:
    """Return the day's verdicts, the largest application first."""
    rows = _of_day(connection, "mart_salesforce_api_verdicts", log_date)
    found = (_of(Verdict, row) for row in rows)
    return tuple(sorted(found, key=lambda one: (-one.counted_calls, one.application)))


def forecasts_of(
    connection: duckdb.DuckDBPyConnection, log_date: date
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the forecasts before the first hour of the day and of the day after."""
    rows = _rows(
        connection,
        "select * from marts.mart_salesforce_api_forecasts"
        " where hours_so_far = 0 and log_date >= ? order by log_date limit 2",
        log_date,
    )
    return rows[0], rows[1]


def storms_of(connection: duckdb.DuckDBPyConnection, log_date: date) -> StormCount:
    """Return how many days up to this one had an error storm, and the worst of them."""
    rows = _rows(
        connection,
        "select log_date, sum(counted_error_calls)::bigint as calls"
        " from marts.mart_salesforce_api_error_storms where log_date <= ?"
        " group by log_date order by calls desc, log_date",
        log_date,
    )
    if not rows:
        return StormCount(0, None, 0)
    return StormCount(len(rows), rows[0]["log_date"], rows[0]["calls"])


def _of(kind: type[_Facts], row: Mapping[str, Any]) -> _Facts:
    return kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]  # a dataclass


def _of_day(
    connection: duckdb.DuckDBPyConnection, mart: str, log_date: date
) -> list[dict[str, Any]]:
    return _rows(
        connection,
        f"select * from marts.{mart} where log_date = ? order by all",  # noqa: S608  our names
        log_date,
    )


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, *values: object
) -> list[dict[str, Any]]:
    connection.execute(query, values)
    names = [column[0] for column in connection.description or ()]
    return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
