"""Properties of months and list prices: the compiled SQL against plain Python, on random worlds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb
import pytest
from dbt_built import Built
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import MODELS, UNIT, dealt

_START = date(2026, 1, 1)
_SCHEMA = "touchproof.intermediate"
_GIVEN = (
    "int_conversions_unioned",
    "int_conversion_revenue_booked",
    "int_credits_computed",
    "int_list_sends_counted",
)
_QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@dataclass(frozen=True)
class Booking:
    """Describe one booked event of a conversion."""

    day: int
    cents: int


@dataclass(frozen=True)
class Paid:
    """Describe a conversion by its touches' shares and its bookings."""

    shares: tuple[int, ...]
    bookings: tuple[Booking, ...]


@dataclass(frozen=True)
class Purchase:
    """Describe the purchase of a list."""

    day: int
    planned: int
    cents: int


_CENTS = st.one_of(st.integers(-(10**9), 10**9), st.sampled_from([1, -1, 0]))
_PAID = st.builds(
    Paid,
    shares=st.lists(st.integers(0, 1000), min_size=1, max_size=9)
    .filter(lambda shares: sum(shares) > 0)
    .map(tuple),
    bookings=st.lists(
        st.builds(Booking, day=st.integers(0, 200), cents=_CENTS), max_size=8
    ).map(tuple),
)  # fmt: skip
_PURCHASE = st.builds(
    Purchase, day=st.integers(0, 9), planned=st.integers(0, 6), cents=st.integers(-900, 900)
)


@pytest.fixture(scope="module")
def engine(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give an in-memory database with the tables that the models read."""
    connection = duckdb.connect(":memory:")
    connection.execute("set timezone = 'UTC'")
    connection.execute("attach ':memory:' as touchproof")
    connection.execute("create schema touchproof.intermediate")
    connection.execute("create schema touchproof.staging")
    for schema, table in (*(("intermediate", name) for name in _GIVEN),
                          ("staging", "stg_media__list_purchases")):  # fmt: skip
        columns = built.rows(
            "select column_name, data_type from information_schema.columns"
            f" where table_schema = '{schema}' and table_name = '{table}'"
            " order by ordinal_position"
        )
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
        connection.execute(f"create table touchproof.{schema}.{table} ({listed})")
    yield connection
    connection.close()


def _month(day: int) -> date:
    return (_START + timedelta(days=day)).replace(day=1)


def _by_month(units: Sequence[int], bookings: Sequence[Booking]) -> list[Counter[date]]:
    """Book every event by itself: what each touch has of all so far, less what it had before."""
    touches: list[Counter[date]] = [Counter() for _ in units]
    booked, had = 0, [0] * len(units)
    for booking in sorted(bookings, key=lambda one: one.day):
        booked += booking.cents
        has = dealt(booked, units)
        parts = [now - before for now, before in zip(has, had, strict=True)]
        assert sum(parts) == booking.cents
        for touch, part in zip(touches, parts, strict=True):
            touch[_month(booking.day)] += part
        had = has
    return touches


def _fill_paid(engine: duckdb.DuckDBPyConnection, paid: Sequence[Paid]) -> list[list[int]]:
    for table in _GIVEN:
        engine.execute(f"delete from {_SCHEMA}.{table}")
    columns = ", ".join(f"{model}_units" for model in MODELS)
    marks = ", ".join("?" for _ in MODELS)
    all_units = []
    for number, one in enumerate(paid):
        units = dealt(UNIT, one.shares)
        all_units.append(units)
        engine.execute(
            f"insert into {_SCHEMA}.int_conversions_unioned (conversion_id, converted_at)"
            " values (?, ?)",
            [f"cv_{number}", datetime(2026, 1, 15)],
        )
        for position, unit in enumerate(units, 1):
            engine.execute(
                f"insert into {_SCHEMA}.int_credits_computed"
                f" (conversion_id, touchpoint_id, path_position, {columns})"
                f" values (?, ?, ?, {marks})",
                [f"cv_{number}", f"tp_{position}", position, *[unit] * len(MODELS)],
            )
        for booking in one.bookings:
            engine.execute(
                f"insert into {_SCHEMA}.int_conversion_revenue_booked"
                " (conversion_id, booked_date, revenue_cents) values (?, ?, ?)",
                [f"cv_{number}", _START + timedelta(days=booking.day), booking.cents],
            )
    return all_units


def _run(engine: duckdb.DuckDBPyConnection, built: Built, folder: str, model: str) -> None:
    compiled = built.compiled("models", "intermediate", folder, f"{model}.sql")
    engine.execute(f"create or replace table {_SCHEMA}.{model} as {compiled}")


def _check_paid(engine: duckdb.DuckDBPyConnection, built: Built, paid: Sequence[Paid]) -> None:
    all_units = _fill_paid(engine, paid)
    for model in ("int_cash_months_summed", "int_credits_cashed"):
        _run(engine, built, "attribution", model)
    months = engine.execute(
        "select conversion_id, cash_month, booked_cents, is_counted"
        f" from {_SCHEMA}.int_cash_months_summed"
    ).fetchall()
    columns = ", ".join(f"{model}_revenue_cents" for model in MODELS)
    cashed = {
        (conversion, touch, month): cents
        for conversion, touch, month, *cents in engine.execute(
            f"select conversion_id, touchpoint_id, cash_month, {columns}"
            f" from {_SCHEMA}.int_credits_cashed"
        ).fetchall()
    }
    for number, (one, units) in enumerate(zip(paid, all_units, strict=True)):
        key = f"cv_{number}"
        found = {month: cents for name, month, cents, _ in months if name == key}
        counted = [month for name, month, _, is_counted in months if name == key and is_counted]
        income = [_month(booking.day) for booking in one.bookings if booking.cents > 0]
        assert counted == [min(income, default=date(2026, 1, 1))]
        if len(found) == 1:
            continue
        for position, expected in enumerate(_by_month(units, one.bookings), 1):
            for month in found:
                assert cashed[key, f"tp_{position}", month] == [expected[month]] * len(MODELS)
        for month, cents in found.items():
            positions = range(1, len(units) + 1)
            assert sum(cashed[key, f"tp_{position}", month][0] for position in positions) == cents


@settings(max_examples=30, **_QUIET)
@given(paid=st.lists(_PAID, min_size=1, max_size=4))
def test_every_booking_is_dealt_out_by_the_weights_of_the_credit(
    engine: duckdb.DuckDBPyConnection, built: Built, paid: list[Paid]
) -> None:
    _check_paid(engine, built, paid)


def test_single_cents_on_two_hundred_touches_come_and_go_exactly(
    engine: duckdb.DuckDBPyConnection, built: Built
) -> None:
    shares = tuple(range(1, 201))
    bookings = tuple(Booking(31 * number, 1 if number % 2 == 0 else -1) for number in range(6))
    _check_paid(engine, built, [Paid(shares, bookings)])


def _spent(purchases: Sequence[Purchase], sends: Sequence[int]) -> dict[tuple[int, date], int]:
    """Send mail by mail, each from the oldest purchase that has sends left."""
    used = [0] * len(purchases)
    spent: Counter[tuple[int, date]] = Counter()
    order = sorted(range(len(purchases)), key=lambda index: (purchases[index].day, index))
    for day, count in enumerate(sends):
        for _ in range(count):
            free = [
                index
                for index in order
                if purchases[index].day <= day and used[index] < purchases[index].planned
            ]
            if free:
                purchase = purchases[free[0]]
                shares = (used[free[0]], 1, purchase.planned - used[free[0]] - 1)
                spent[free[0], _START + timedelta(days=day)] += dealt(purchase.cents, shares)[1]
                used[free[0]] += 1
    return {key: cents for key, cents in spent.items() if cents}


@settings(max_examples=50, **_QUIET)
@given(
    purchases=st.lists(_PURCHASE, min_size=1, max_size=5),
    sends=st.lists(st.integers(0, 5), min_size=10, max_size=10),
)
def test_a_lists_price_is_spent_mail_by_mail(
    engine: duckdb.DuckDBPyConnection, built: Built, purchases: list[Purchase], sends: list[int]
) -> None:
    engine.execute("delete from touchproof.staging.stg_media__list_purchases")
    engine.execute(f"delete from {_SCHEMA}.int_list_sends_counted")
    for index, purchase in enumerate(purchases):
        engine.execute(
            "insert into touchproof.staging.stg_media__list_purchases (list_purchase_id, list_id,"
            " purchased_date, planned_sends, price_amount, currency)"
            " values (?, 'list', ?, ?, ?::decimal(18, 2) / 100, 'USD')",
            [f"p{index}", _START + timedelta(days=purchase.day), purchase.planned, purchase.cents],
        )
    for day, count in enumerate(sends):
        if count:
            engine.execute(
                f"insert into {_SCHEMA}.int_list_sends_counted values ('list', ?, ?)",
                [_START + timedelta(days=day), count],
            )
    _run(engine, built, "spend", "int_list_prices_spread")
    rows = engine.execute(
        "select list_purchase_id, spend_date, spend_kind, spend_cents"
        f" from {_SCHEMA}.int_list_prices_spread"
    ).fetchall()
    found = {(int(key[1:]), day): cents for key, day, kind, cents in rows
             if kind == "list" and cents}  # fmt: skip
    assert found == _spent(purchases, sends)
    for index, purchase in enumerate(purchases):
        assert sum(row[3] for row in rows if row[0] == f"p{index}") == purchase.cents
