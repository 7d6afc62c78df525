"""Closed months: which a night closes, that their files never change, and what a build sees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime

import duckdb
import pytest

from touchproof.closed_months import (
    DATABASE,
    FROZEN,
    attach_closed_months,
    close_months,
    plan_closings,
    require_sound,
)
from touchproof.durable import sha256_of
from touchproof.errors import GateFailedError, LedgerError
from touchproof.ledger.closed_periods import closed_periods, commit_closings
from touchproof.ledger.records import ClosedPeriod
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.warehouse import connect_memory, connect_warehouse

NIGHT = date(2026, 6, 28)
MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in (3, 4, 5, 6))

# conversion, when it happened (UTC), weight of its first touch
_CREDITS = """
    create or replace table marts.fct_attribution as
    select
        conversion_id,
        'tp_' || touch as touchpoint_id,
        converted_at,
        cast(case touch when 1 then weight else 1 - weight end as decimal(18, 12))
            as linear_weight,
        cast(touch as bigint) as linear_revenue_cents
    from (
        values
            ('march', timestamp '2026-03-20 12:00', 0.25),
            ('april in New York', timestamp '2026-05-01 03:59', 0.5),
            ('may in New York', timestamp '2026-05-01 04:00', 0.125)
    ) as conversions (conversion_id, converted_at, weight), range(1, 3) as touches (touch)
"""


def _closed(*months: date) -> list[ClosedPeriod]:
    return [ClosedPeriod(month, date(2026, 6, 1), {}) for month in months]


def test_a_night_closes_what_the_seed_names_and_the_ledger_has_not() -> None:
    assert plan_closings([], [], NIGHT) == ()
    assert plan_closings([APRIL, MARCH], [], NIGHT) == (MARCH, APRIL)
    assert plan_closings([APRIL, MARCH], _closed(MARCH), NIGHT) == (APRIL,)
    assert plan_closings([MARCH], _closed(MARCH), NIGHT) == ()


def test_a_month_before_a_closed_one_is_closed_already() -> None:
    assert plan_closings([MARCH, APRIL], _closed(APRIL), NIGHT) == ()


def test_a_closed_month_is_not_reopened() -> None:
    with pytest.raises(GateFailedError, match=r"2026-03 is closed since night 2026-06-01"):
        plan_closings([APRIL], _closed(MARCH, APRIL), NIGHT)


@pytest.mark.parametrize(
    ("month", "night", "reason"),
    [
        (JUNE, NIGHT, "isn't over in night 2026-06-28"),
        (JUNE, date(2026, 6, 29), "isn't over"),
        (date(2026, 5, 2), NIGHT, "begins no month"),
    ],
)
def test_what_is_no_finished_month_is_not_closed(month: date, night: date, reason: str) -> None:
    with pytest.raises(GateFailedError, match=reason):
        plan_closings([month], [], night)


def test_a_month_may_be_closed_from_its_last_night_on() -> None:
    assert plan_closings([JUNE], [], date(2026, 6, 30)) == (JUNE,)


def _build(settings: Settings, *months: date) -> duckdb.DuckDBPyConnection:
    """Return the warehouse of a build whose seed names the months."""
    connection = connect_warehouse(settings.paths.warehouse)
    for schema in ("marts", "intermediate", "seeds"):
        connection.execute(f"create schema if not exists {schema}")
    named = ", ".join(f"(date '{month}')" for month in months) or "(null)"
    connection.execute(
        f"create or replace table seeds.closed_months as select month from (values {named})"
        " as named (month) where month is not null"
    )
    connection.execute(_CREDITS)
    for table in FROZEN[1:]:
        connection.execute(
            f"create or replace table {table.schema}.{table.table} as"
            " select month, cast(1 as hugeint) << 100 as units from (values"
            " (date '2026-03-01'), (date '2026-04-01'), (date '2026-05-01')) as rows (month)"
        )
    return connection


def _close(settings: Settings, *months: date) -> tuple[ClosedPeriod, ...]:
    connection = _build(settings, *months)
    try:
        closings = close_months(connection, settings, NIGHT)
    finally:
        connection.close()
    with Ledger.of(settings).transaction() as transaction:
        commit_closings(transaction, closings, datetime(2026, 6, 29, tzinfo=UTC))
    return closings


@pytest.fixture
def build(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the connection of a later build."""
    connection = connect_memory()
    yield connection
    connection.close()


def test_without_a_closed_month_a_build_sees_none(
    settings: Settings, build: duckdb.DuckDBPyConnection
) -> None:
    assert _close(settings) == ()
    attach_closed_months(build, settings)
    query = "select count(*) from duckdb_views() where database_name = ?"
    assert build.execute(query, [DATABASE]).fetchall() == [(0,)]


def test_a_build_sees_the_weights_and_rows_up_to_the_closed_months_end(
    settings: Settings, build: duckdb.DuckDBPyConnection
) -> None:
    _close(settings, APRIL)
    attach_closed_months(build, settings)
    rows = build.execute(
        "select conversion_id, touchpoint_id, linear_units from closed.credits order by all"
    ).fetchall()
    assert rows == [
        ("april in New York", "tp_1", 500_000_000_000),
        ("april in New York", "tp_2", 500_000_000_000),
        ("march", "tp_1", 250_000_000_000),
        ("march", "tp_2", 750_000_000_000),
    ]
    months = build.execute("select month, units from closed.campaign_credits").fetchall()
    assert sorted(months) == [(MARCH, 1 << 100), (APRIL, 1 << 100)]


def test_a_later_closing_adds_what_is_not_frozen_yet(
    settings: Settings, build: duckdb.DuckDBPyConnection
) -> None:
    (march,) = _close(settings, MARCH)
    before = sha256_of(settings.paths.closed_months / "2026-03" / "credits.parquet")
    (may,) = _close(settings, MARCH, MAY)
    assert (march.month, may.month) == (MARCH, MAY)
    assert march.files["credits.parquet"] == before
    require_sound(settings.paths, closed_periods(Ledger.of(settings)))
    attach_closed_months(build, settings)
    for table, rows in (("credits", 6), ("channel_performance", 3)):
        found = build.execute(f"select count(*) from closed.{table}").fetchall()
        assert found == [(rows,)], table


def test_two_months_that_are_named_at_once_are_closed_one_by_one(
    settings: Settings, build: duckdb.DuckDBPyConnection
) -> None:
    assert [period.month for period in _close(settings, MARCH, APRIL)] == [MARCH, APRIL]
    attach_closed_months(build, settings)
    assert build.execute("select count(*) from closed.credits").fetchall() == [(4,)]


def test_equal_rows_give_equal_files(settings: Settings) -> None:
    connection = _build(settings, APRIL)
    first, second = (close_months(connection, settings, NIGHT) for _ in range(2))
    connection.close()
    assert first == second != ()


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_damaged_month_stops_the_build_in_one_sentence(
    settings: Settings, build: duckdb.DuckDBPyConnection, fault: str
) -> None:
    _close(settings, APRIL)
    file = settings.paths.closed_months / "2026-04" / "channel_performance.parquet"
    if fault == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(LedgerError) as caught:
        attach_closed_months(build, settings)
    assert str(caught.value) == (
        "A file of the closed month 2026-04 is missing or damaged"
        " (ledger/closed/2026-04/channel_performance.parquet)."
        " Run `touchproof ledger restore` with the last backup, which holds it."
    )


def test_a_month_that_was_closed_without_a_table_stops_the_build(
    settings: Settings, build: duckdb.DuckDBPyConnection
) -> None:
    (april,) = _close(settings, APRIL)
    files = {name: sha256 for name, sha256 in april.files.items() if "cohort" not in name}
    older = ClosedPeriod(MAY, NIGHT, files)
    with Ledger.of(settings).transaction() as transaction:
        commit_closings(transaction, [older], datetime(2026, 6, 29, tzinfo=UTC))
    folder = settings.paths.closed_months
    (folder / "2026-04").rename(folder / "2026-05")
    shutil.copytree(folder / "2026-05", folder / "2026-04")
    with pytest.raises(LedgerError, match="2026-05 was closed without the rows of mart_campaign"):
        attach_closed_months(build, settings)


def test_a_month_is_not_closed_without_a_table_of_the_build(settings: Settings) -> None:
    connection = _build(settings, APRIL)
    connection.execute("drop table intermediate.int_channel_credits_booked")
    with pytest.raises(GateFailedError, match="without a table of the build"):
        close_months(connection, settings, NIGHT)
    connection.close()
    assert closed_periods(Ledger.of(settings)) == []
