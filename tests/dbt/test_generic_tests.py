"""Every generic test of the project fails on bad rows, and passes on the built world."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from dbt_built import Built

CORE, PERFORMANCE, MONEY = (
    "models/marts/core/_core__models.yml",
    "models/marts/performance/_performance__models.yml",
    "seeds/money/_seeds.yml",
)
_PAIRS = (
    "update marts.fct_attribution set {} where touchpoint_id ="
    " (select min(touchpoint_id) from marts.fct_attribution where path_length > 0)"
)
_CHANNEL = (
    "update marts.mart_channel_performance set {}"
    " where model = 'linear' and date_basis = 'cash' and conversions > 0"
)
_COHORTS = "update marts.mart_campaign_cohorts set {} where model = 'linear' and conversions > 0"

FAULTS = {
    "a weight too much": ("credits_sum_exactly", CORE, _PAIRS.format("linear_weight = 0.9")),
    "a cent too much": (
        "credits_sum_exactly",
        CORE,
        _PAIRS.format("time_decay_revenue_cents = time_decay_revenue_cents + 1"),
    ),
    "a cent moved to another conversion": (
        "credits_sum_exactly",
        CORE,
        "update marts.fct_attribution set first_touch_revenue_cents = first_touch_revenue_cents +"
        " case when conversion_id = (select min(conversion_id) from marts.fct_conversions)"
        " then 1 else -1 end",
    ),
    "a negative weight beside one above 1": (
        "credits_sum_exactly",
        CORE,
        "update marts.fct_attribution set linear_weight ="
        " case path_position when 1 then 1.5 when 2 then -0.5 else 0 end where path_length = 3",
    ),
    "a conversion without credits": (
        "credits_sum_exactly",
        CORE,
        "delete from marts.fct_attribution where conversion_type = 'skip_referral'",
    ),
    "credits without a conversion": (
        "credits_sum_exactly",
        CORE,
        "delete from marts.fct_conversions where conversion_type = 'skip_referral'",
    ),
    "a credited touch that nobody knows": (
        "touches_are_known_or_frozen",
        CORE,
        "delete from marts.fct_touchpoints where touchpoint_id ="
        " (select min(touchpoint_id) from marts.fct_attribution)",
    ),
    "a revenue that isn't booked": (
        "revenue_equals_its_events",
        CORE,
        "update marts.fct_conversions set revenue_cents = 5 where pending_fee_cents > 0",
    ),
    "a booking that is missing": (
        "revenue_equals_its_events",
        CORE,
        "delete from marts.fct_conversion_revenue where revenue_kind = 'claw_back'",
    ),
    "a booking in another currency": (
        "revenue_equals_its_events",
        CORE,
        "update marts.fct_conversion_revenue set currency = 'CAD' where revenue_kind = 'claw_back'",
    ),
    "a booking of no conversion": (
        "revenue_equals_its_events",
        CORE,
        "update marts.fct_conversion_revenue set conversion_id = 'cv_nothing'",
    ),
    "a millionth of a conversion": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        _CHANNEL.format("conversions = conversions + 0.000001"),
    ),
    "a type that isn't counted": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        _CHANNEL.format("acquisition_conversions = 0"),
    ),
    "a cent of a channel": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        _CHANNEL.format("revenue_cents = revenue_cents - 1"),
    ),
    "a cent of a type": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        _CHANNEL.format("cross_sell_revenue_cents = cross_sell_revenue_cents - 1"),
    ),
    "a pending fee twice": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        _CHANNEL.format("pending_fee_cents = pending_fee_cents + 7500"),
    ),
    "a row that is missing": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        "delete from marts.mart_channel_performance where channel = 'unattributed'",
    ),
    "money in the wrong month": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        _CHANNEL.format("month = date '2026-07-01'"),
    ),
    "a date basis that is missing": (
        "performance_equals_conversions_in_mart_channel",
        PERFORMANCE,
        "delete from marts.mart_channel_performance where date_basis = 'touch'",
    ),
    "a conversion too much in a cohort": (
        "cohorts_equal_performance",
        PERFORMANCE,
        _COHORTS.format("conversions = conversions + 1"),
    ),
    "a cent too much in a cohort": (
        "cohorts_equal_performance",
        PERFORMANCE,
        _COHORTS.format("revenue_cents = revenue_cents + 1"),
    ),
    "a cumulative cent too much in a cohort": (
        "cohorts_equal_performance",
        PERFORMANCE,
        _COHORTS.format("cumulative_revenue_cents = cumulative_revenue_cents + 1"),
    ),
    "another spend in a cohort": (
        "cohorts_equal_performance",
        PERFORMANCE,
        _COHORTS.format("spend_cents = spend_cents + 1"),
    ),
    "a cohort that is missing": (
        "cohorts_equal_performance",
        PERFORMANCE,
        "delete from marts.mart_campaign_cohorts where campaign_id = 'unattributed'",
    ),
    "a column that is null in one row": (
        "keyed_mart_channel_performance",
        PERFORMANCE,
        "update marts.mart_channel_performance set month = null where channel ="
        " (select min(channel) from marts.mart_channel_performance)",
    ),
    "a row twice": (
        "keyed_mart_channel_performance",
        PERFORMANCE,
        "insert into marts.mart_channel_performance"
        " select * from marts.mart_channel_performance limit 1",
    ),
    "a person twice": (
        "keyed_dim_persons",
        CORE,
        "insert into marts.dim_persons select * from marts.dim_persons limit 1",
    ),
    "a rate twice": (
        "keyed_fx_rates",
        MONEY,
        "insert into seeds.fx_rates select * from seeds.fx_rates limit 1",
    ),
}


def _compiled_test(built: Built, name: str, file: str) -> str:
    folder = built.settings.paths.root / "dbt" / "target" / "compiled" / "touchproof" / file
    found = sorted(folder.glob(f"{name}*.sql"))
    assert len(found) == 1, f"{name} in {file}: {[path.name for path in found]}"
    return found[0].read_text()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.replace(" ", "_"))
def test_a_generic_test_fails_on(fault: str, built: Built, tmp_path: Path) -> None:
    name, file, corruption = FAULTS[fault]
    test = _compiled_test(built, name, file)
    with duckdb.connect(str(built.copy(tmp_path))) as connection:
        connection.execute("set timezone = 'UTC'")
        assert connection.execute(test).fetchall() == []
        connection.execute(corruption)
        assert connection.execute(test).fetchall() != []


@pytest.mark.parametrize("name", ["mart_channel_performance", "mart_campaign_cohorts"])
def test_a_missing_rate_fails_the_build_of_a_performance_mart(
    name: str, built: Built, tmp_path: Path
) -> None:
    mart = built.compiled("models", "marts", "performance", f"{name}.sql")
    with duckdb.connect(str(built.copy(tmp_path))) as connection:
        connection.execute("set timezone = 'UTC'")
        query = f"select count(*) from ({mart}) where revenue_reporting_cents is null"
        assert connection.execute(query).fetchall() == [(0,)]
        connection.execute("delete from seeds.fx_rates where rate_date = '2026-06-01'")
        missing = connection.execute(query).fetchall()
        test = _compiled_test(built, f"keyed_{name}", PERFORMANCE)
        connection.execute(f"update marts.{name} set revenue_reporting_cents = null")
        failed = connection.execute(test).fetchall()
    assert missing[0][0] > 0
    assert [(columns, why) for columns, why, _ in failed] == [
        ("revenue_reporting_cents", "is null")
    ]
