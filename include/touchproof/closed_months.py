"""Closed months: what finance has closed stays as it was published.

Belongs here: which months a night closes, the files that hold what they showed, checking those
files and showing them to a build. Doesn't belong here: what the models do with them
(dbt_project/models/intermediate/increments), the ledger's rows (ledger/closed_periods.py).

The seed `closed_months` names the months. The first night that publishes with a month in it
freezes the month and every earlier one: each credit's weights, the rows of the performance marts
and of cohorts, and the sums of fee entries. The files lie below `ledger/closed/<YYYY-MM>/`, never
change, and are whole on disk before the ledger's row that names them by hash. From then on the
build reads them: weights of closed conversions are theirs, rows of closed months are theirs, and
what would differ is booked in the first open month. A closed month can't be reopened.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.durable import fsync_tree, rename, sha256_of
from touchproof.errors import GateFailedError, LedgerError
from touchproof.ledger.closed_periods import closed_periods
from touchproof.ledger.records import ClosedPeriod
from touchproof.ledger.store import Ledger
from touchproof.row_hash import columns_of, quote

if TYPE_CHECKING:
    import duckdb

    from touchproof.settings import Settings, WorldPaths

DATABASE = "closed"
"""The name under which a build finds the files, one view each."""
_SEED = ("seeds", "closed_months")


@dataclass(frozen=True)
class FrozenTable:
    """Name one file of a closed month and the table of the build whose rows it holds."""

    name: str
    schema: str
    table: str

    @property
    def file(self) -> str:
        return f"{self.name}.parquet"


CREDITS = FrozenTable("credits", "marts", "fct_attribution")
BY_MONTH = (
    FrozenTable("campaign_performance", "marts", "mart_campaign_performance"),
    FrozenTable("channel_performance", "marts", "mart_channel_performance"),
    FrozenTable("campaign_credits", "intermediate", "int_campaign_credits_booked"),
    FrozenTable("channel_credits", "intermediate", "int_channel_credits_booked"),
    FrozenTable("campaign_cohorts", "marts", "mart_campaign_cohorts"),
    FrozenTable("cohort_credits", "intermediate", "int_cohort_credits_booked"),
    FrozenTable("fee_accruals", "intermediate", "int_fee_accruals_booked"),
)
FROZEN = (CREDITS, *BY_MONTH)


def plan_closings(
    named: Sequence[date], closed: Sequence[ClosedPeriod], night: date
) -> tuple[date, ...]:
    """Return the months that a night has to close, earliest first.

    A month before one that is closed is closed with it.

    Args:
        named: The months of the seed, by their first days.
        closed: The months that the ledger has closed.
        night: The night.

    Raises:
        GateFailedError: If the seed names a day that begins no month or a month that isn't over,
            or no longer names a month that is closed.
    """
    reopened = sorted({period.month for period in closed} - set(named))
    if reopened:
        since = next(period.closed_night for period in closed if period.month == reopened[0])
        raise GateFailedError(
            f"The month {reopened[0]:%Y-%m} is closed since night {since}, but the seed doesn't "
            "name it any more",
            where="seeds/money/closed_months.csv",
            todo="Put it back; a closed month is corrected by adjustment rows only.",
        )
    for month in named:
        if month.day != 1 or _last_day(month) > night:
            what = "begins no month" if month.day != 1 else f"isn't over in night {night}"
            raise GateFailedError(
                f"{month} can't be closed: it {what}",
                where="seeds/money/closed_months.csv",
                todo="Name months that are over, by their first days.",
            )
    last = max((period.month for period in closed), default=date.min)
    return tuple(sorted({month for month in named if month > last}))


def close_months(
    connection: duckdb.DuckDBPyConnection, settings: Settings, night: date
) -> tuple[ClosedPeriod, ...]:
    """Freeze the months that the built seed names and the ledger doesn't have; commit nothing.

    Args:
        connection: The open warehouse, as it is about to be published.
        settings: The world.
        night: The night.

    Returns:
        What the ledger has to commit with the night; the files lie whole in their place.

    Raises:
        GateFailedError: As `plan_closings`, or if a table that is to be frozen wasn't built.
        LedgerError: If the file of a closed month is missing or damaged.
    """
    if not columns_of(connection, *_SEED):
        return ()
    rows = connection.execute(f"select month from {'.'.join(_SEED)} order by month").fetchall()  # noqa: S608  (constants)
    closed = closed_periods(Ledger.of(settings))
    months = plan_closings([month for (month,) in rows], closed, night)
    made: list[ClosedPeriod] = []
    for month in months:
        before = [*closed, *made]
        require_sound(settings.paths, before)
        made.append(_freeze(connection, settings, month, night, before))
    return tuple(made)


def require_sound(paths: WorldPaths, periods: Sequence[ClosedPeriod]) -> None:
    """Check the files of closed months against the ledger's hashes.

    Raises:
        LedgerError: If one is missing or isn't what was frozen.
    """
    for period in periods:
        for name, sha256 in period.files.items():
            path = file_of(paths, period, name)
            if not path.is_file() or sha256_of(path) != sha256:
                raise LedgerError(
                    f"A file of the closed month {period.month:%Y-%m} is missing or damaged",
                    where=path.relative_to(paths.root).as_posix(),
                    todo="Run `touchproof ledger restore` with the last backup, which holds it.",
                )


def file_of(paths: WorldPaths, period: ClosedPeriod, name: str) -> Path:
    """Return the place of one file of a closed month."""
    return paths.closed_months / f"{period.month:%Y-%m}" / name


def attach_closed_months(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Show the frozen rows of every closed month to a build, as views of the database `closed`.

    Raises:
        LedgerError: If a file is missing or damaged.
    """
    connection.execute(f"attach ':memory:' as {DATABASE}")
    if settings.ledger_url is None and not settings.paths.ledger.exists():
        return
    periods = closed_periods(Ledger.of(settings))
    require_sound(settings.paths, periods)
    connection.execute(f"create table {DATABASE}.main.periods (month date, closed_night date)")
    for period in periods:
        connection.execute(
            f"insert into {DATABASE}.main.periods values (?, ?)",  # noqa: S608  (a constant)
            [period.month, period.closed_night],
        )
    for table in FROZEN:
        without = [period for period in periods if table.file not in period.files]
        if without:
            raise LedgerError(
                f"The month {without[0].month:%Y-%m} was closed without the rows of {table.table}",
                where=f"ledger/closed/{without[0].month:%Y-%m}",
                todo="An earlier version closed it: build with that one until it is decided what"
                " the month shows there.",
            )
        files = [file_of(settings.paths, period, table.file) for period in periods]
        if files:
            connection.execute(f"create view {DATABASE}.main.{table.name} as {_all_rows(files)}")


def _freeze(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    month: date,
    night: date,
    closed: Sequence[ClosedPeriod],
) -> ClosedPeriod:
    """Write a month's files to their place, instead of what a killed publish may have left."""
    folder = settings.paths.closed_months / f"{month:%Y-%m}"
    temporary = folder.with_name(f".{folder.name}.tmp")
    for leftover in (temporary, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir(parents=True, mode=0o700)
    after = max((period.month for period in closed), default=None)
    files = {}
    for table in FROZEN:
        if not columns_of(connection, table.schema, table.table):
            raise GateFailedError(
                "A month can't be closed without a table of the build",
                where=table.table,
                todo="Build the night again.",
            )
        if table is CREDITS:
            known = [file_of(settings.paths, period, table.file) for period in closed]
            query = _credits_query(connection, settings.business_timezone, month, known)
        else:
            query = _month_query(connection, table, month, after)
        path = temporary / table.file
        connection.execute(
            f"copy ({query} order by all) to {_literal(path)} (format parquet, compression zstd)"
        )
        path.chmod(0o600)
        files[table.file] = sha256_of(path)
    fsync_tree(temporary)
    rename(temporary, folder)
    return ClosedPeriod(month, night, files)


def _credits_query(
    connection: duckdb.DuckDBPyConnection, time_zone: str, month: date, known: Sequence[Path]
) -> str:
    """Select the credits of every conversion up to the month's end that isn't frozen yet.

    A model's weight becomes its units of 1e-12; cents follow from them and the revenue.
    """
    selected = []
    for name, _ in columns_of(connection, CREDITS.schema, CREDITS.table):
        if name.endswith("_weight"):
            units = name.removesuffix("_weight") + "_units"
            selected.append(f"cast({quote(name)} * 1000000000000 as bigint) as {quote(units)}")
        elif not name.endswith("_revenue_cents"):
            selected.append(quote(name))
    converted = f"timezone('{time_zone}', timezone('UTC', converted_at))"
    conditions = [f"date_trunc('month', {converted}) <= date '{month}'"]
    if known:
        frozen = f"select conversion_id from ({_all_rows(known)})"  # noqa: S608  (own paths)
        conditions.append(f"conversion_id not in ({frozen})")
    return (
        f"select {', '.join(selected)} from {CREDITS.schema}.{CREDITS.table}"  # noqa: S608  (names from the catalogue)
        f" where {' and '.join(conditions)}"
    )


def _month_query(
    connection: duckdb.DuckDBPyConnection, table: FrozenTable, month: date, after: date | None
) -> str:
    """Select a table's rows of the month and of the open ones before it."""
    selected = [
        # Parquet knows no 128-bit integers.
        f"cast({quote(name)} as decimal(38, 0)) as {quote(name)}"
        if kind == "HUGEINT"
        else quote(name)
        for name, kind in columns_of(connection, table.schema, table.table)
    ]
    since = "" if after is None else f" and month > date '{after}'"
    return (
        f"select {', '.join(selected)} from {table.schema}.{table.table}"  # noqa: S608  (names from the catalogue)
        f" where month <= date '{month}'{since}"
    )


def _all_rows(files: Sequence[Path]) -> str:
    listed = ", ".join(_literal(path) for path in files)
    return f"select * from read_parquet([{listed}], union_by_name = true)"  # noqa: S608  (own paths)


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _last_day(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
