"""Rules of the whole build: exact sums, identity, repeatability, no value where it mustn't be."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import duckdb
import pytest
from dbt_built import Built, planted_settings, pseudonym
from dbt_planted import NIGHT, plant
from dbt_world import tiny_world

from touchproof.settings import Settings
from touchproof.transform import BuildFailedError, build, parse
from touchproof.warehouse import acquire_warehouse_lock, release_warehouse_lock

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "w_shaped",
    "markov",
    "shapley",
)
MARTS = (
    "dim_persons",
    "dim_campaigns",
    "fct_touchpoints",
    "fct_conversions",
    "fct_conversion_revenue",
    "fct_attribution",
    "fct_journeys",
    "mart_campaign_performance",
    "mart_channel_performance",
    "mart_campaign_cohorts",
)


def test_the_build_runs_every_unit_test_and_all_pass(built: Built) -> None:
    unit_tests = built.settings.paths.root / "dbt" / "target" / "run_results.json"
    assert unit_tests.read_text().count('"unit_test.touchproof.') >= 25
    assert built.report.counts["pass"] > 200
    assert built.report.warnings == ()


@pytest.mark.parametrize("model", MODELS)
def test_cents_of_every_conversion_sum_to_its_revenue(built: Built, model: str) -> None:
    rows = built.rows(
        f"select conversions.revenue_cents, sum(credits.{model}_revenue_cents),"
        f" sum(credits.{model}_weight)"
        " from marts.fct_conversions as conversions left join marts.fct_attribution as credits"
        " using (conversion_id) group by conversion_id, conversions.revenue_cents"
    )
    assert len(rows) == 5
    for revenue, cents, weight in rows:
        assert cents == revenue
        assert weight == Decimal(1)


def test_a_negative_revenue_and_a_conversion_without_touches_are_kept(built: Built) -> None:
    rows = built.rows(
        "select conversions.conversion_type, conversions.revenue_cents, unattributed_reason"
        " from marts.fct_conversions as conversions inner join marts.fct_attribution"
        " using (conversion_id) where path_length = 0 or conversions.revenue_cents < 0"
        " order by all"
    )
    assert rows == [
        ("acquisition", 0, "no_touchpoint"),
        ("cross_sell", -3007, "ended_by_earlier_conversion"),
    ]


def test_an_issued_claim_is_a_skip_whose_fee_is_pending_and_no_revenue(built: Built) -> None:
    rows = built.rows(
        "select person_id, sale_route, customer_relation, revenue_cents, expected_revenue_cents,"
        " pending_fee_cents from marts.fct_conversions where conversion_type = 'skip_referral'"
    )
    assert rows == [("per_cleo", "bank", "new", 0, 7500, 7500)]
    pending = built.rows(
        "select model, date_basis, sum(pending_fee_cents), sum(skip_referral_conversions)"
        " from marts.mart_channel_performance group by all"
    )
    assert {row[2:] for row in pending} == {(7500, Decimal(1))}
    assert {row[1] for row in pending} == {"touch", "conversion", "cash"}


def test_performance_totals_are_those_of_the_conversions(built: Built) -> None:
    expected = built.rows(
        "select currency, count(*), sum(revenue_cents) from marts.fct_conversions group by 1"
    )
    for mart in ("mart_campaign_performance", "mart_channel_performance"):
        for model, basis in product(MODELS, ("touch", "conversion", "cash")):
            totals = built.rows(
                f"select currency, sum(conversions), sum(revenue_cents) from marts.{mart}"
                f" where model = '{model}' and date_basis = '{basis}' group by 1"
            )
            assert sorted(totals) == sorted(
                (currency, Decimal(count), cents) for currency, count, cents in expected
            )


def test_spend_without_a_campaign_stays_visible(built: Built) -> None:
    rows = built.rows(
        "select campaign_id, currency, spend_cents from marts.mart_campaign_performance"
        " where model = 'linear' and date_basis = 'cash' and spend_cents > 0 order by all"
    )
    assert rows == [
        ("no_campaign", "USD", 700),
        ("ps_brand_us", "USD", 3333),
        ("tv_hockey", "CAD", 50000),
    ]


def test_a_person_is_found_by_links_and_a_shared_browser_links_nobody(built: Built) -> None:
    rows = built.rows(
        "select list(identifier_type || ':' || identifier order by identifier_type, identifier)"
        " from intermediate.int_person_identifiers group by person_id"
    )
    persons = {tuple(row[0]) for row in rows}  # type: ignore[arg-type]
    assert (
        "app_user:u_ann",
        "cookie:ann.web",
        "email:ann@example.com",
        "recipient:rcp_ann",
        "registration:reg_ann",
    ) in persons
    assert ("cookie:kiosk",) in persons
    cleo = ("cookie:cleo.web", "email:cleo@example.com", "lead:00QA", "recipient:rcp_cleo")
    assert cleo in persons


def test_ids_come_from_the_ledger_and_new_ones_from_the_smallest_identifier(built: Built) -> None:
    rows = built.rows(
        "select identifier_key, person_id, is_new from intermediate.int_person_ids_assigned"
        " where identifier_key in ('recipient:rcp_cleo', 'lead:00QA', 'email:ann@example.com')"
        " order by 1"
    )
    new = f"per_{pseudonym('app_user:u_ann')[:24]}"
    assert rows == [
        ("email:ann@example.com", new, True),
        ("lead:00QA", "per_cleo", True),
        ("recipient:rcp_cleo", "per_cleo", False),
    ]


def test_a_mails_click_and_its_visit_are_one_touch_and_six_spellings_one_source(
    built: Built,
) -> None:
    rows = built.rows(
        "select channel, interaction, source from marts.fct_touchpoints"
        " inner join marts.dim_persons using (person_id)"
        " where lifecycle_stage = 'multi_product_customer' and interaction <> 'send'"
        " order by touched_at"
    )
    assert rows == [
        ("Paid Search", "visit", "google"),
        ("Cross-sell Email", "click", "email"),
        ("Direct", "visit", None),
    ]


def test_tv_in_a_comment_becomes_a_tv_response_at_registration(built: Built) -> None:
    rows = built.rows(
        "select interaction, count(*) from marts.fct_touchpoints where channel = 'TV' group by 1"
    )
    assert sorted(rows) == [("response", 1), ("scan", 1)]


def test_an_unsubscription_reaches_the_persons_consent(built: Built) -> None:
    rows = built.rows(
        "select is_opted_out_of_email, email_consent from marts.dim_persons"
        " where person_id = 'per_cleo'"
    )
    assert rows == [(True, "opted_out")]


def test_the_crms_own_opt_out_counts_and_the_echo_of_ours_does_not(built: Built) -> None:
    rows = built.rows(
        "select identifier, email_state from intermediate.int_consents_current"
        " inner join intermediate.int_person_identifiers using (person_id)"
        " where identifier in ('eve@example.com', 'fay@example.com') order by 1"
    )
    assert rows == [("eve@example.com", "opted_in"), ("fay@example.com", "opted_out")]


def test_marts_hold_pseudonyms_made_with_the_key_and_no_personal_value(built: Built) -> None:
    rows = built.rows("select session_id from marts.fct_touchpoints where channel = 'Paid Search'")
    assert rows == [(pseudonym("ann.web.1"),)]
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        for mart in MARTS:
            content = connection.execute(f"select * from marts.{mart}").fetchall()
            text = repr(content).lower()
            assert content
            for value in ("ann@example.com", "rcp_", "ann.web", "u_ann", "00qa", "quist"):
                assert value not in text, f"{value} in {mart}"


def test_the_key_is_neither_in_compiled_sql_nor_in_the_file(built: Built) -> None:
    key = built.settings.require_pseudonym_key()
    block = key.ljust(64, b"\0")
    inner = bytes(byte ^ 0x36 for byte in block).hex().encode()
    places = [*(built.settings.paths.root / "dbt").rglob("*"), built.warehouse]
    files = [path for path in places if path.is_file()]
    assert len(files) > 50
    for path in files:
        content = path.read_bytes()
        assert key not in content, path.name
        assert inner not in content, path.name


def test_the_next_build_with_the_ledger_filled_gives_the_same_rows(
    built: Built, tmp_path: Path
) -> None:
    ids = "select identifier_hmac, person_id from intermediate.int_person_ids_assigned"
    settings = planted_settings(tmp_path)
    known = [
        {"identifier_hmac": row[0], "person_id": row[1], "assigned_night": NIGHT}
        for row in built.rows(ids)
    ]
    plant(settings.paths.warehouse, tiny_world() | {"ledger__person_ids": known})
    build(settings, NIGHT, with_data_tests=False)
    again = Built(settings, built.report)
    assert again.rows("select count(*) from intermediate.int_person_ids_assigned where is_new") == [
        (0,)
    ]
    for mart in MARTS:
        query = f"select * from marts.{mart}"
        first, second = sorted(map(repr, built.rows(query))), sorted(map(repr, again.rows(query)))
        assert _digest(first) == _digest(second), mart


def test_data_after_the_night_changes_nothing(built: Built, tmp_path: Path) -> None:
    settings = planted_settings(tmp_path)
    tables = tiny_world()
    late = dict(tables["app__products"][0]) | {
        "ledger_entry_id": "late",
        "account_id": "late",
        "_window_start": NIGHT + timedelta(days=1),
    }
    plant(settings.paths.warehouse, tables | {"app__products": [*tables["app__products"], late]})
    build(settings, NIGHT, select=["+fct_conversions"])
    rows = Built(settings, built.report).rows("select count(*) from marts.fct_conversions")
    assert rows == [(5,)]


def test_a_failed_test_names_the_node_and_never_the_value(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, world="tiny")
    opening = dict(tiny_world()["app__products"][0]) | {"currency": "CANARY-XYZ"}
    plant(settings.paths.warehouse, {"app__products": [opening]})
    with pytest.raises(BuildFailedError) as caught:
        build(settings, NIGHT, select=["+fct_conversions", "currencies"])
    assert "relationships_fct_conversions_currency" in str(caught.value)
    assert "canary" not in str(caught.value).lower()
    for path in (settings.paths.root / "dbt").rglob("*"):
        if path.is_file():
            assert b"CANARY-XYZ" not in path.read_bytes(), path.name


def test_a_database_error_is_reported_without_the_value_that_caused_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, world="tiny")
    plant(settings.paths.warehouse, {})
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        # A ledger column of the wrong type: the model that reads it must convert and fails.
        connection.execute(
            "create or replace table raw.ledger__claims as"
            " select * replace ('canary@example.com' as accepted_cents) from ("
            "  select claims.* from (select 1) left join raw.ledger__claims as claims on true)"
        )
        connection.execute("update raw.ledger__claims set issued_at = '2026-06-01', claim_id = 'c',"
                           " bank_opening_id = 'b', _window_start = '2026-06-01'")  # fmt: skip
    with pytest.raises(BuildFailedError) as caught:
        build(settings, NIGHT, select=["+fct_conversions"])
    assert "int_claims_matched" in str(caught.value)
    for path in (settings.paths.root / "dbt").rglob("*"):
        if path.is_file():
            assert b"canary@example.com" not in path.read_bytes(), path.name
    assert "canary" not in str(caught.value)


def test_the_lock_is_free_after_a_build_and_parse_needs_no_warehouse(
    built: Built, tmp_path: Path
) -> None:
    acquire_warehouse_lock(built.settings.paths.warehouse_lock, "test", timeout_seconds=0)
    release_warehouse_lock()
    settings = Settings(data_dir=tmp_path / "data", world="empty")
    manifest = parse(settings, tmp_path / "target")
    assert manifest.exists()
    assert not settings.paths.root.exists() or not settings.paths.warehouse.exists()


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
