"""Cohorts of closed months stay; what becomes different is booked in the first open month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
from dbt_nights import Nights, Tables
from dbt_planted import NIGHT, Row, ga4_event
from spend_world import spend_world

from touchproof.publish import publish
from touchproof.transform import build

pytestmark = pytest.mark.long

APRIL, MAY, JUNE, JULY = (date(2026, month, 1) for month in (4, 5, 6, 7))
LATER, LAST = date(2026, 6, 29), date(2026, 7, 1)
_COHORTS = "marts.mart_campaign_cohorts"
_ADJUSTMENTS = (
    "select campaign_id, cohort_month, months_since, month, adjusts_month, revenue_cents,"
    f" conversions from {_COHORTS} where adjusts_month is not null and model = 'last_touch'"
    " order by all"
)


def _entry(key: str, kind: str, account: str, day: str, amount: str = "") -> Row:
    return {
        "ledger_entry_id": key,
        "entry_type": kind,
        "account_id": account,
        "app_user_id": account.replace("acc_", "u_"),
        "product_line": "savings",
        "bank_id": "bank_northlake",
        "occurred_at": f"{day}T12:00:00Z",
        "booked_date": day,
        "amount": amount,
        "currency": "USD",
    }


def _with_late_rows() -> Tables:
    """Return the world with a bill, two bookings and a sale of May that came after its closing."""
    world = spend_world()
    world["media__spend"].append(
        {"date": "2026-05-11", "platform": "google_ads", "campaign_code": "ps_brand_us",
         "campaign_name": "ps_brand_us", "ad_group": "late", "impressions": "1", "clicks": "1",
         "cost": "9.00", "currency": "USD"}
    )  # fmt: skip
    world["app__products"] += [
        _entry("late1", "accrual", "acc_gus", "2026-05-28", "30.00"),
        _entry("late2", "opening", "acc_ida", "2026-05-29"),
        _entry("late3", "accrual", "acc_ida", "2026-05-29", "9.00"),
    ]
    world["ga4__events"].append(
        ga4_event(datetime(2026, 5, 28, 12), "ida.web", session=1, campaign="so_gus",
                  source="facebook", medium="paid_social", user="u_ida")
    )  # fmt: skip
    return world


def _close(nights: Nights, night: date, tables: Tables, months: Sequence[date]) -> None:
    """Build a night whose seed names months, and publish it."""
    nights.build(night, tables)
    with duckdb.connect(str(nights.settings.paths.warehouse)) as connection:
        for month in months:
            connection.execute(
                "insert into seeds.closed_months values (?, ?, 'tested')", [month, night]
            )
    moment = datetime(night.year, night.month, night.day, 20, tzinfo=UTC)
    report = publish(nights.settings, night, lambda: moment)
    assert set(report.closed_months) <= set(months)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Nights, dict[str, list[Any]]]:
    """Close May, let rows of May come late, close June with what they changed, and go on."""
    nights = Nights(tmp_path_factory.mktemp("closed"))
    kept: dict[str, list[Any]] = {}
    for name, night, tables, months in (
        ("first", NIGHT, spend_world(), (MAY,)),
        ("later", LATER, _with_late_rows(), (MAY,)),
        ("last", LAST, _with_late_rows(), (MAY, JUNE)),
    ):
        _close(nights, night, tables, months)
        kept[name] = nights.rows(f"select * from {_COHORTS} where month <= date '2026-05-01'")
        kept[f"{name} adjustments"] = nights.rows(_ADJUSTMENTS)
        kept[f"{name} june"] = nights.rows(f"select * from {_COHORTS} where month = '2026-06-01'")
    return nights, {name: sorted(rows, key=repr) for name, rows in kept.items()}


def test_a_closed_month_of_a_cohort_never_moves(
    closed: tuple[Nights, dict[str, list[Any]]],
) -> None:
    _, kept = closed
    assert len(kept["first"]) > 50
    assert kept["later"] == kept["last"] == kept["first"]


def test_what_came_late_is_booked_in_the_first_open_month(
    closed: tuple[Nights, dict[str, list[Any]]],
) -> None:
    nights, kept = closed
    assert kept["first adjustments"] == []
    assert kept["later adjustments"] == [
        ("no_campaign", MAY, 1, JUNE, MAY, 3000, 0),
        ("so_gus", MAY, 1, JUNE, MAY, 900, 1),
    ]
    spend = nights.rows(
        f"select distinct month, spend_cents from {_COHORTS} where model = 'last_touch'"
        " and campaign_id = 'ps_brand_us' and cohort_month = date '2026-05-01' order by month"
    )
    assert spend[:2] == [(MAY, 5100), (JUNE, 6000)]


def test_an_adjustment_that_was_closed_itself_is_not_booked_again(
    closed: tuple[Nights, dict[str, list[Any]]],
) -> None:
    nights, kept = closed
    nights.build(JULY, _with_late_rows())
    assert nights.rows(_ADJUSTMENTS) == kept["later adjustments"]
    june = nights.rows(f"select * from {_COHORTS} where month = '2026-06-01'")
    assert sorted(june, key=repr) == kept["last june"] != []


def test_all_models_keep_the_conversions_and_their_money(
    closed: tuple[Nights, dict[str, list[Any]]],
) -> None:
    """The project's tests hold too: cohorts equal performance, months closed or not."""
    nights, _ = closed
    build(nights.settings, JULY, select=["+path:models/marts/performance"])
    rows = nights.rows(
        f"select distinct sum(conversions), sum(revenue_cents) from {_COHORTS}"
        " where currency = 'USD' group by model"
    )
    sold = nights.rows(
        "select count(*), sum(revenue_cents) from marts.fct_conversions where currency = 'USD'"
    )
    assert rows == sold
