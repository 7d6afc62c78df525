"""Skips and what goes to Salesforce, from raw rows to the last model."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_built import Built
from dbt_planted import NIGHT, plant
from skips_world import LAST_DAY, after_the_push, skips_world

from touchproof.dbt_plugin import night_macro
from touchproof.settings import Settings
from touchproof.transform import build

SENT = {
    "Lead": ("sync_lead_consent", "sync_lead_attributes"),
    "Contact": ("sync_contact_consent", "sync_contact_attributes"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the world of openings and CRM records once, with every data test."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("judged"), world="tiny")
    plant(settings.paths.warehouse, skips_world())
    return Built(settings, build(settings, NIGHT))


@pytest.fixture(scope="module")
def night_after(judged: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the next night, in which nothing is new but that Salesforce took what we sent."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("after"), world="tiny")
    tables = after_the_push(skips_world(), records(judged), {"app:reg_gina": "00QG"})
    plant(settings.paths.warehouse, tables)
    return Built(settings, build(settings, LAST_DAY, with_data_tests=False))


def records(world: Built) -> list[dict[str, Any]]:
    """Return what is sent of each lead and contact, its models joined, in a fixed order."""
    found: dict[str, dict[str, Any]] = {}
    with duckdb.connect(str(world.warehouse), read_only=True) as connection:
        for models in SENT.values():
            for model in models:
                rows = connection.sql(f"select * from sync.{model}").to_arrow_table()
                for row in rows.to_pylist():
                    key = row["salesforce_id"] or row["record_key"]
                    found.setdefault(key, {}).update(row)
    return [found[key] for key in sorted(found)]


def record(world: Built, key: str) -> dict[str, Any]:
    (found,) = [
        row for row in records(world) if key in (row["salesforce_id"], row["record_key"])
    ]  # fmt: skip
    return found


def referral(world: Built, reference: str) -> tuple[object, ...]:
    (row,) = world.rows(
        "select eligibility, ineligible_reason, match_method, fee_cents, currency"
        f" from marts.fct_skip_referrals where bank_opening_id like '%:{reference}'"
    )
    return row


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("NL-EVE", ("eligible", None, "referral_token", 5000, "USD")),
        ("NL-PAT", ("eligible", None, "email", 15000, "USD")),
        ("NL-PAT2", ("refused", "existing_customer", "email", None, "USD")),
        ("NL-NORA", ("refused", "sold_through_app", "email", None, "USD")),
        ("NL-NOBODY", ("unmatched", None, None, None, "USD")),
        ("ML-MIA", ("review", "same_day_contact", "email", 5500, "CAD")),
        ("ML-MIA2", ("eligible", None, "email", 17500, "CAD")),  # a person accepted it
        ("ML-MIA3", ("refused", "reviewed", "email", None, "CAD")),  # and rejected that one
    ],
)
def test_each_opening_is_judged(
    judged: Built, reference: str, expected: tuple[object, ...]
) -> None:
    assert referral(judged, reference) == expected


def test_a_claims_trail_leads_to_the_landed_batch_and_names_no_person(judged: Built) -> None:
    rows = judged.rows(
        "select evidence.channel, evidence.campaign_id, evidence.batch_id, contact_order,"
        " length(source_event_id) from marts.mart_commission_evidence as evidence"
        " inner join marts.fct_skip_referrals using (claim_id)"
        " where bank_opening_id = 'northlake:NL-EVE'"
    )
    assert rows == [("Display", "di_1", "planted00000", 1, 32)]
    with duckdb.connect(str(judged.warehouse), read_only=True) as connection:
        for mart in ("fct_skip_referrals", "fct_skip_candidates", "mart_commission_evidence"):
            text = repr(connection.execute(f"select * from marts.{mart}").fetchall()).lower()
            for value in ("@", "tpr-", "eve.web", "rcp_"):
                assert value not in text, f"{value} in {mart}"


def test_an_accepted_same_day_opening_has_the_days_contact_in_its_trail(judged: Built) -> None:
    rows = judged.rows(
        "select evidence.touched_at < referrals.opened_at, contact_order"
        " from marts.mart_commission_evidence as evidence"
        " inner join marts.fct_skip_referrals as referrals using (claim_id)"
        " where referrals.bank_opening_id = 'maple:ML-MIA2'"
    )
    assert rows == [(True, 1)]


def test_a_fee_that_is_disputed_after_its_acceptance_is_no_revenue_any_more(judged: Built) -> None:
    rows = judged.rows(
        "select bank_id, month, earned_cents, reversed_cents, cash_cents,"
        " receivable_closing_cents, constrained_closing_cents, unapplied_closing_cents"
        " from marts.mart_fee_accruals order by 2"
    )
    assert rows == [
        ("northlake", date(2026, 5, 1), 9000, 5000, 0, 4000, 5000, 0),
        ("northlake", date(2026, 6, 1), 0, 0, 4000, 0, 5000, 500),
    ]
    booked = judged.rows(
        "select revenue_kind, sum(revenue_cents) from marts.fct_conversion_revenue group by 1"
        " order by 1"
    )
    assert booked == [("accepted_fee", 9000), ("reversed_fee", -5000)]


def test_the_tie_out_finds_no_difference_from_file_to_journal(judged: Built) -> None:
    rows = judged.rows(
        "select remitted_cents, received_cents, journal_cash_cents, revenue_cents, credited_cents,"
        " journal_revenue_cents, difference_cents from marts.mart_fee_tie_out"
    )
    assert rows == [(4500, 4500, 4500, 4000, 4000, 4000, 0)]


def test_a_claim_keeps_its_id_from_night_to_night(judged: Built, night_after: Built) -> None:
    query = "select bank_opening_id, claim_id from marts.fct_skip_referrals order by 1"
    assert judged.rows(query) == night_after.rows(query)


@pytest.mark.parametrize(
    ("key", "opted_out"),
    [
        ("00QF1", "true"),  # complained by e-mail
        ("00QF2", "true"),  # the duplicate of the same person
        ("00QJ", "true"),  # suppressed in the ledger
        ("003I", "true"),  # opted out in the CRM, though in again in the app later
        ("003K", "false"),
    ],
)
def test_an_opt_out_by_any_identifier_reaches_each_record(
    judged: Built, key: str, opted_out: str
) -> None:
    found = record(judged, key)
    assert found["HasOptedOutOfEmail"] == opted_out
    assert (found["Touchproof_Email_Consent__c"] == "opted_out") == (opted_out == "true")
    assert found["may_market"] == (opted_out == "false")


def test_converted_and_deleted_records_are_left_alone_and_a_deleted_one_isnt_made_again(
    judged: Built,
) -> None:
    keys = {row["salesforce_id"] or row["record_key"] for row in records(judged)}
    assert keys == {
        "00QF1",
        "00QF2",
        "00QJ",
        "00QM",
        "003I",
        "003K",
        "app:reg_gina",
        "app:reg_hank",
        "app:reg_nora",
    }


def test_an_opt_out_of_a_merged_record_is_its_masters_and_never_taken_back(judged: Built) -> None:
    assert judged.rows("select object, salesforce_id, master_id from sync.sync_records_merged") == [
        ("Lead", "00QN", "00QM")
    ]
    master = record(judged, "00QM")
    assert (master["HasOptedOutOfEmail"], master["may_market"]) == ("true", False)
    known = judged.rows(
        "select salesforce_id, is_writable, count(distinct person_id) over ()"
        " from sync.sync_records_known where salesforce_id in ('00QM', '00QN') order by 1"
    )
    assert known == [("00QM", True, 1), ("00QN", False, 1)]


def test_a_lead_is_made_for_a_registration_and_consent_says_whether_it_may_go(
    judged: Built,
) -> None:
    gina, hank = record(judged, "app:reg_gina"), record(judged, "app:reg_hank")
    assert (gina["is_creation"], gina["may_market"], gina["LastName"]) == (True, True, "Gray")
    assert (hank["is_creation"], hank["may_market"], hank["LastName"]) == (True, False, "Unknown")
    assert {gina["Company"], hank["Company"]} == {"Individual"}


def test_neither_the_night_nor_our_own_push_changes_what_we_send(
    judged: Built, night_after: Built
) -> None:
    before = {row["salesforce_id"] or row["record_key"]: row for row in records(judged)}
    after = {row["salesforce_id"] or row["record_key"]: row for row in records(night_after)}
    made = before.pop("app:reg_gina")
    there = after.pop("00QG")
    assert after == before
    assert (there["operation"], there["record_key"]) == ("update", "app:reg_gina")
    assert there["HasOptedOutOfEmail"] == "false"
    for field in ("Touchproof_Stage__c", "Touchproof_Score__c", "Touchproof_Source__c"):
        assert there[field] == made[field]


def test_what_salesforce_held_is_handed_over_field_by_field(night_after: Built) -> None:
    (row,) = night_after.rows(
        "select record_key, fields_json ->> '$.Touchproof_Stage__c',"
        " fields_json ->> '$.HasOptedOutOfEmail' from sync.sync_salesforce_observed"
        " where salesforce_id = '00QG'"
    )
    assert row == ("app:reg_gina", "registered", "false")


def test_every_field_that_is_sent_has_an_owner(judged: Built) -> None:
    rows = judged.rows(
        "select distinct columns.table_name, columns.column_name"
        " from information_schema.columns as columns"
        " left join seeds.salesforce_fields as fields"
        "  on columns.table_name = fields.sync_model and columns.column_name = fields.field"
        " where columns.table_schema = 'sync' and columns.table_name not in"
        "  ('sync_salesforce_observed', 'sync_people_known', 'sync_records_known',"
        "   'sync_salesforce_hourly_use', 'sync_records_merged')"
        "  and fields.field is null"
    )
    assert {column for _, column in rows} == {
        "object",
        "record_key",
        "salesforce_id",
        "operation",
        "account_id",
        "parent_object",
        "parent_key",
        "is_creation",
        "person_id",
        "may_market",
    }


BAD_ROWS = {
    "skips/bank_terms_give_every_side_its_days": (
        "update seeds.bank_terms set response_days = 0 where clause = '4.3'"
    ),
    "fees/fee_accruals_equal_the_claims": (
        "update marts.mart_fee_accruals set receivable_closing_cents = 1"
    ),
    "fees/fee_balances_roll_forward": (
        "update marts.mart_fee_accruals set earned_cents = earned_cents + 1"
    ),
    "fees/the_journal_balances": (
        "update marts.mart_fee_journal set debit_cents = debit_cents + 1 where debit_cents > 0"
    ),
    "fees/money_ties_from_remittance_to_journal": (
        "update marts.mart_fee_tie_out set difference_cents = 1"
    ),
    "fees/landed_remittances_are_in_the_ledger": (
        "update marts.mart_fee_tie_out set unreconciled_cents = 1"
    ),
    "fees/the_funnel_narrows_and_holds_every_opening": (
        "update marts.mart_skip_funnel set eligible = matched + 1"
    ),
    "skips/bank_terms_of_one_product_never_overlap": (
        "insert into seeds.bank_terms by name select * replace ('other' as contract_version,"
        " date '2026-03-01' as valid_from_date) from seeds.bank_terms"
        " where bank_id = 'northlake' and product_line = 'loan'"
    ),
    "skips/bank_terms_of_one_line_are_not_doubled_or_reversed": (
        "update seeds.bank_terms set valid_to_date = valid_from_date where clause = '4.3'"
    ),
    "skips/bank_terms_have_one_fee_kind_a_product": (
        "insert into seeds.bank_terms by name select * replace ('bonus' as fee_kind)"
        " from seeds.bank_terms where clause = '4.3'"
    ),
    "skips/bank_terms_of_one_contract_have_one_currency": (
        "update seeds.bank_terms set currency = 'EUR' where clause = '4.3'"
    ),
    "skips/bank_terms_name_no_unlawful_fee": (
        "update seeds.bank_terms set is_fee_lawful = false where clause = '4.3'"
    ),
    "skips/every_bank_with_openings_has_a_legal_basis": (
        "update seeds.bank_match_settings set legal_basis = null where bank_id = 'maple'"
    ),
    "skips/hash_keys_of_one_bank_never_overlap": (
        "insert into seeds.bank_hash_keys values ('maple', 'maple-2', date '2026-01-01', null)"
    ),
    "skips/every_opening_of_a_file_is_judged_or_replaced": (
        "update marts.mart_opening_controls set unmatched = unmatched + 1"
    ),
    "skips/every_claimable_skip_has_its_trail": "delete from marts.mart_commission_evidence",
    "skips/a_reason_is_given_exactly_where_a_rule_refused": (
        "update marts.fct_skip_referrals set ineligible_reason = null where eligibility = 'refused'"
    ),
    "sync/every_lead_row_is_a_record_or_a_creation": (
        'update sync.sync_lead_attributes set "LastName" = null where is_creation'
    ),
    "sync/every_opt_out_reaches_every_record_of_the_person": (
        "update sync.sync_lead_consent set \"HasOptedOutOfEmail\" = 'false'"
        " where salesforce_id = '00QF2'"
    ),
    "sync/an_opt_out_of_the_crm_is_never_taken_back": (
        "update sync.sync_contact_consent set \"HasOptedOutOfEmail\" = 'false'"
    ),
}


@pytest.mark.parametrize("test", BAD_ROWS)
def test_each_data_test_fails_on_bad_rows_and_passes_on_good_ones(
    judged: Built, tmp_path: Path, test: str
) -> None:
    sql = judged.compiled("tests", f"{test}.sql")
    with duckdb.connect(str(judged.copy(tmp_path))) as connection:
        connection.execute(night_macro(NIGHT))
        assert connection.execute(sql).fetchall() == []
        connection.execute(BAD_ROWS[test])
        assert connection.execute(sql).fetchall() != []
