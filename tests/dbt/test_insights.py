"""Rules of the marts of insights on the tiny world, and their generic tests on bad rows."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_built import Built, planted_settings, pseudonym
from dbt_planted import NIGHT, plant
from dbt_world import tiny_world, with_ledger_person

from touchproof.transform import build

MARTS = "models/marts/insights/_insights__models.yml"

_MOVE = "update marts.mart_budget_moves set {} where decision = 'move'"
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
    "a return beside what is missing for it": (
        "ranked_or_reasoned_in_mart_campaign_marginal_returns",
        "update marts.mart_campaign_marginal_returns set marginal_return = 1",
    ),
    "a move against one model": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("models_agreeing = 7"),
    ),
    "a move against one interval": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("intervals_agreeing = 7"),
    ),
    "a move on a few people's revenue": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("channel_models_agreeing = 7"),
    ),
    "a move of which no model speaks": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format(
            "models_speaking = 0, models_agreeing = 0, intervals_agreeing = 0,"
            " channel_models_agreeing = 0"
        ),
    ),
    "a move against a control group": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("control_group = 'disagrees'"),
    ),
    "a move that may lose money": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("lowest_gain_reporting_cents = -1"),
    ),
    "a move with a reason against it": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("undecided_reason = 'models_disagree'"),
    ),
    "an undecided shift without a reason": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("decision = 'undecided', deciding_test = 'spend_step'"),
    ),
    "an undecided shift without a test": (
        "moves_are_unanimous_in_mart_budget_moves",
        _MOVE.format("decision = 'undecided', undecided_reason = 'models_disagree'"),
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
        _plant(connection)
        assert connection.execute(test).fetchall() == []
        connection.execute(corruption)
        assert connection.execute(test).fetchall() != []


def _plant(connection: duckdb.DuckDBPyConnection) -> None:
    """Insert what the tiny world lacks: a channel with a reason, and a move that all agree on."""
    connection.execute(
        "insert into marts.mart_cross_sell_channels"
        " (from_product, to_product, channel, touch_kind, unranked_reason)"
        " values ('savings', 'loan', 'Push', 'contact', 'too_few_touched')"
    )
    connection.execute(
        "insert into marts.mart_budget_moves (from_campaign_id, to_campaign_id, currency, decision,"
        " models, models_speaking, models_agreeing, intervals_agreeing, channel_models_agreeing,"
        " control_group,"
        " lowest_gain_reporting_cents) values ('a', 'b', 'USD', 'move', 9, 8, 8, 8, 8, 'none', 0)"
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


def test_nothing_but_their_own_mart_reads_what_platforms_claim(built: Built) -> None:
    manifest = json.loads(
        (built.settings.paths.root / "dbt" / "target" / "manifest.json").read_text()
    )
    children = manifest["child_map"]
    for staged in ("stg_media__platform_claims", "stg_media__app_installs"):
        readers = _models_below(f"model.touchproof.{staged}", children)
        assert readers == {"model.touchproof.mart_platform_claims"}


def _models_below(node: str, children: dict[str, list[str]]) -> set[str]:
    below = {child for child in children[node] if child.startswith("model.")}
    return below.union(*(_models_below(child, children) for child in below))


def test_claims_and_installs_change_no_total(built: Built, tmp_path: Path) -> None:
    settings = planted_settings(tmp_path)
    claim = {
        "date": "2026-06-01",
        "platform": "google_ads",
        "campaign_code": "ps_brand_us",
        "claimed_conversions": "1000",
        "claimed_value": "9999999.99",
        "currency": "USD",
        "window_days": "30",
    }
    install = {
        "date": "2026-06-01",
        "platform": "google_ads",
        "campaign_code": "ps_brand_us",
        "installs": "5000",
    }
    claimed = {"media__platform_claims": [claim], "media__app_installs": [install]}
    tables = with_ledger_person(tiny_world() | claimed, pseudonym("recipient:rcp_cleo"))
    plant(settings.paths.warehouse, tables)
    marts = ("mart_campaign_performance", "mart_channel_performance", "mart_platform_claims")
    build(settings, NIGHT, select=[f"+{mart}" for mart in marts], with_data_tests=False)
    with_claims = Built(settings, built.report)
    for mart in marts[:2]:
        query = f"select * from marts.{mart} order by all"
        assert with_claims.rows(query) == built.rows(query)
    assert with_claims.rows(
        "select claimed_conversions, claimed_value_cents, app_installs, last_non_direct_conversions"
        " from marts.mart_platform_claims"
    ) == [(Decimal(1000), 999_999_999, 5000, Decimal(0))]


def test_a_world_of_a_month_fits_no_return_and_moves_no_money(built: Built) -> None:
    returns = built.rows(
        "select distinct campaign_id, status, missing"
        " from marts.mart_campaign_marginal_returns order by 1"
    )
    assert [row[:2] for row in returns] == [
        ("ps_brand_us", "not_identifiable"),
        ("tv_hockey", "not_identifiable"),
    ]
    assert built.rows("select * from marts.mart_budget_moves where decision = 'move'") == []
