"""Spend, date bases and cohorts from raw rows to the marts, where money lies in many months."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_built import Built
from dbt_planted import NIGHT, plant
from spend_world import spend_world

from touchproof.settings import Settings
from touchproof.transform import build

APRIL, MAY, JUNE = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
_FOUND = (
    "select campaign_id, month, revenue_cents, conversions from marts.mart_campaign_performance"
    " where model = 'linear' and date_basis = '{basis}' and currency = '{currency}'"
    " and (revenue_cents <> 0 or conversions <> 0) order by all"
)


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the world of many months once, with every data test."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("spent"), world="tiny")
    plant(settings.paths.warehouse, spend_world())
    return Built(settings, build(settings, NIGHT, select=["+path:models/marts/performance"]))


def shown(spent: Built, basis: str, currency: str) -> list[tuple[object, ...]]:
    return spent.rows(_FOUND.format(basis=basis, currency=currency))


def test_the_touch_basis_puts_money_into_the_months_of_the_touches(spent: Built) -> None:
    third = Decimal("0.333333")
    assert shown(spent, "touch", "USD") == [
        ("di_1", MAY, 5000, 1),
        ("no_campaign", MAY, 1333, third + Decimal("0.000001")),
        ("ps_brand_us", MAY, 1333, third),
        ("so_gus", APRIL, 1333, third),
        ("unattributed", MAY, -5, 1),
    ]


def test_the_conversion_basis_puts_money_into_the_month_of_the_conversion(spent: Built) -> None:
    rows = shown(spent, "conversion", "USD")
    assert [row[:3] for row in rows] == [
        ("di_1", MAY, 5000),
        ("no_campaign", MAY, 1333),
        ("ps_brand_us", MAY, 1333),
        ("so_gus", MAY, 1333),
        ("unattributed", MAY, -5),
    ]


def test_on_the_cash_basis_a_claw_back_takes_back_in_its_own_month(spent: Built) -> None:
    """100.01 by thirds in May; what remains of it is 39.99, so June takes 20.00 or 20.01 each."""
    rows = shown(spent, "cash", "USD")
    assert [row[:3] for row in rows] == [
        ("di_1", JUNE, 5000),
        ("no_campaign", MAY, 3334),
        ("no_campaign", JUNE, -2001),
        ("ps_brand_us", MAY, 3333),
        ("ps_brand_us", JUNE, -2000),
        ("so_gus", MAY, 3334),
        ("so_gus", JUNE, -2001),
        ("unattributed", MAY, 0),
        ("unattributed", JUNE, -5),
    ]


def test_a_conversion_counts_as_cash_with_its_first_income(spent: Built) -> None:
    """A fee accepted in June counts there; who never brought any counts where he converted."""
    counted = {
        (campaign, month): conversions
        for campaign, month, _, conversions in shown(spent, "cash", "USD")
        if campaign in ("di_1", "unattributed")
    }
    assert counted == {
        ("di_1", JUNE): 1,
        ("unattributed", MAY): 1,
        ("unattributed", JUNE): 0,
    }


def test_currencies_stay_apart_and_each_month_has_its_own_rate(spent: Built) -> None:
    assert shown(spent, "cash", "CAD") == [("di_1", MAY, 0, 1), ("tv_hockey", JUNE, 1000, 1)]
    rates = {
        (row[0], row[1]): row[2:]
        for row in spent.rows(
            "select date_basis, month, fx_rate, revenue_reporting_cents"
            " from marts.mart_campaign_performance"
            " where model = 'linear' and campaign_id = 'tv_hockey' and revenue_cents <> 0"
        )
    }
    assert rates == {
        ("touch", MAY): (Decimal("0.733138"), 733),
        ("conversion", MAY): (Decimal("0.733138"), 733),
        ("cash", JUNE): (Decimal("0.731261"), 731),
    }


def test_pending_fees_stand_apart_from_revenue_on_every_basis(spent: Built) -> None:
    rows = spent.rows(
        "select date_basis, month, revenue_cents, pending_fee_cents"
        " from marts.mart_campaign_performance"
        " where model = 'linear' and pending_fee_cents <> 0 order by all"
    )
    assert rows == [(basis, MAY, 0, 5000) for basis in ("cash", "conversion", "touch")]


def test_spend_is_bills_lists_as_sent_and_days_of_periods_with_the_rest_unallocated(
    spent: Built,
) -> None:
    rows = spent.rows(
        "select campaign_id, channel, currency, spend_kind,"
        " date_trunc('month', spend_date)::date,"
        " sum(spend_cents), count(*)"
        " from intermediate.int_spend_allocated group by all order by all"
    )
    assert rows == [
        ("no_campaign", "Paid Social", "USD", "media", MAY, 700, 1),
        ("pl_1", "Purchased List Email", "USD", "list", APRIL, 3333, 1),
        ("pl_1", "Purchased List Email", "USD", "list", MAY, 3334, 1),
        ("ps_brand_us", "Paid Search", "USD", "media", MAY, 2000, 1),
        ("ps_brand_us", "Paid Search", "USD", "program", MAY, 3100, 31),
        ("so_gus", "Paid Social", "USD", "media", APRIL, 1000, 1),
        ("tv_hockey", "TV", "CAD", "media", MAY, 500, 1),
        ("unallocated", "unallocated", "USD", "list_unsent", APRIL, 3333, 1),
    ]


def test_every_basis_shows_all_spend_once(spent: Built) -> None:
    for mart in ("mart_campaign_performance", "mart_channel_performance"):
        rows = spent.rows(
            f"select distinct currency, sum(spend_cents) from marts.{mart}"
            " group by date_basis, model, currency order by all"
        )
        assert rows == [("CAD", 500), ("USD", 16_800)]


def test_a_cohort_shows_what_its_spend_led_to_and_when_it_paid_back(spent: Built) -> None:
    rows = spent.rows(
        "select campaign_id, cohort_month, months_since, spend_cents, revenue_cents,"
        " cumulative_revenue_cents, cumulative_roas, payback_months"
        " from marts.mart_campaign_cohorts"
        " where model = 'linear' and campaign_id in ('so_gus', 'ps_brand_us') order by all"
    )
    assert rows == [
        ("ps_brand_us", MAY, 0, 5100, 3333, 3333, Decimal("0.653529"), None),
        ("ps_brand_us", MAY, 1, 5100, -2000, 1333, Decimal("0.261373"), None),
        ("so_gus", APRIL, 0, 1000, 0, 0, 0, 1),
        ("so_gus", APRIL, 1, 1000, 3334, 3334, Decimal("3.334"), 1),
        ("so_gus", APRIL, 2, 1000, -2001, 1333, Decimal("1.333"), 1),
    ]


def test_cohorts_in_the_reporting_currency_are_the_cash_of_each_month(spent: Built) -> None:
    """Spend has the rate of its month, revenue that of the month in which it was booked."""
    cohorts = spent.rows(
        "select month, model, sum(revenue_reporting_cents) from marts.mart_campaign_cohorts"
        " group by all having sum(revenue_reporting_cents) <> 0 order by all"
    )
    cash = spent.rows(
        "select month, model, sum(revenue_reporting_cents) from marts.mart_campaign_performance"
        " where date_basis = 'cash' group by all having sum(revenue_reporting_cents) <> 0"
        " order by all"
    )
    assert cohorts == cash
    spend = spent.rows(
        "select spend_reporting_cents from marts.mart_campaign_cohorts"
        " where model = 'linear' and campaign_id = 'tv_hockey' and currency = 'CAD'"
    )
    assert set(spend) == {(367,)}


@pytest.mark.parametrize(
    "fault",
    [
        "update intermediate.int_spend_allocated set spend_cents = spend_cents + 1"
        " where spend_kind = 'list'",
        "update intermediate.int_spend_allocated set currency = 'CAD' where spend_kind = 'program'",
        "update intermediate.int_spend_allocated set spend_kind = 'media'"
        " where spend_kind = 'list_unsent'",
        "delete from intermediate.int_spend_allocated where campaign_id = 'no_campaign'",
    ],
    ids=["a cent too much", "another currency", "another kind", "a bill that is missing"],
)
def test_the_test_of_what_was_billed_fails_on(fault: str, spent: Built, tmp_path: Path) -> None:
    test = spent.compiled("tests", "spend", "spend_is_what_was_billed.sql")
    with duckdb.connect(str(spent.copy(tmp_path))) as connection:
        assert connection.execute(test).fetchall() == []
        connection.execute(fault)
        assert connection.execute(test).fetchall() != []
