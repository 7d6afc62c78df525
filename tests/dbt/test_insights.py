"""Rules of the marts of insights on the tiny world, and their generic tests on bad rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_built import Built

MARTS = "models/marts/insights/_insights__models.yml"

FAULTS = {
    "a rank with a reason against it": (
        "ranked_or_reasoned_in_mart_cross_sell_channels",
        "update marts.mart_cross_sell_channels set next_channel_rank = 1",
    ),
    "neither a rank nor a reason": (
        "ranked_or_reasoned_in_mart_cross_sell_channels",
        "update marts.mart_cross_sell_channels set unranked_reason = null",
    ),
    "a part of a cross-sale too much": (
        "steps_equal_cross_sales_in_mart_cross_sell_steps",
        "update marts.mart_cross_sell_steps set conversions = conversions + 0.000000000001"
        " where model = 'linear'",
    ),
    "a cent of a cross-sale too little": (
        "steps_equal_cross_sales_in_mart_cross_sell_steps",
        "update marts.mart_cross_sell_steps set revenue_cents = revenue_cents - 1"
        " where model = 'last_touch'",
    ),
    "a cross-sale that is missing": (
        "steps_equal_cross_sales_in_mart_cross_sell_steps",
        "update marts.mart_cross_sell_steps set currency = 'CAD'",
    ),
    "a session too many": (
        "weights_sum_to_rows_of_in_mart_session_source_reconciliation",
        "update marts.mart_session_source_reconciliation"
        " set session_weight = session_weight + 0.000000000001",
    ),
    "sessions left out": (
        "weights_sum_to_rows_of_in_mart_session_source_reconciliation",
        "delete from marts.mart_session_source_reconciliation",
    ),
}


def _compiled_test(built: Built, name: str, file: str) -> str:
    folder = built.settings.paths.root / "dbt" / "target" / "compiled" / "touchproof" / file
    found = sorted(folder.glob(f"{name}*.sql"))
    assert len(found) == 1, f"{name} in {file}: {[path.name for path in found]}"
    return found[0].read_text()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.replace(" ", "_"))
def test_a_generic_test_of_insights_fails_on(fault: str, built: Built, tmp_path: Path) -> None:
    name, corruption = FAULTS[fault]
    test = _compiled_test(built, name, MARTS)
    with duckdb.connect(str(built.copy(tmp_path))) as connection:
        assert connection.execute("select count(*) from marts.mart_cross_sell_channels").fetchone()
        if name.startswith("ranked"):
            _plant_channel(connection)
        assert connection.execute(test).fetchall() == []
        connection.execute(corruption)
        assert connection.execute(test).fetchall() != []


def _plant_channel(connection: duckdb.DuckDBPyConnection) -> None:
    """Insert a channel with a reason: nobody of the tiny world is seen through a horizon."""
    connection.execute(
        "insert into marts.mart_cross_sell_channels"
        " (from_product, to_product, channel, touch_kind, unranked_reason)"
        " values ('savings', 'loan', 'Push', 'contact', 'too_few_touched')"
    )


def test_every_session_is_compared_once_and_a_missing_verdict_is_named(built: Built) -> None:
    rows = built.rows(
        "select explaining_rule, sum(sessions), sum(session_weight)"
        " from marts.mart_session_source_reconciliation group by 1"
    )
    sessions = built.rows("select count(*) from intermediate.int_sessions_built")
    assert sessions == [(8,)]
    # The visit that ann's mail opened is the mail's; of the others GA4 says nothing here.
    assert sorted(rows) == [
        ("mail_link_wins", 1, Decimal(1)),
        ("no_verdict", 7, Decimal(7)),
    ]


def test_the_only_step_is_anns_from_savings_to_a_loan_that_nothing_earned(built: Built) -> None:
    rows = built.rows(
        "select distinct from_product, to_product, channel, conversions, revenue_cents"
        " from marts.mart_cross_sell_steps"
    )
    assert rows == [("savings", "loan", "unattributed", Decimal(1), -3007)]
    transitions = built.rows(
        "select transition_kind, customers, transitions, median_days"
        " from marts.mart_cross_sell_transitions"
        " where from_product = 'savings' and to_product = 'loan' order by 1"
    )
    assert transitions == [
        ("later", 2, 1, Decimal("3.19")),
        ("next", 2, 1, Decimal("3.19")),
    ]
