"""What was read becomes acknowledged only where it is newer and the seed says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from touchproof.salesforce.observe import Observation, compare_observed, overlay
from touchproof.salesforce.rules import KEY_FIELD, read_field_rules
from touchproof.warehouse import connect_memory

PUSHED_AT = datetime(2026, 6, 29, 2, tzinfo=UTC)
LATER, EARLIER = PUSHED_AT + timedelta(days=1), PUSHED_AT - timedelta(hours=1)


def compare(
    tables: Any,
    read: dict[str, Any],
    known: dict[str, Any] | None,
    *,
    read_at: datetime = LATER,
    key: str | None = None,
) -> Observation:
    """Compare one observed lead with what is acknowledged for it."""
    observed = pa.Table.from_pylist(
        [
            {
                "object": "Lead",
                "salesforce_id": "00Q1",
                "record_key": key,
                "fields_json": json.dumps(read),
                "extracted_at": read_at.replace(tzinfo=None),
            }
        ],
        pa.schema(
            [
                *((n, pa.string()) for n in ("object", "salesforce_id", "record_key")),
                ("fields_json", pa.string()),
                ("extracted_at", pa.timestamp("us")),
            ]
        ),
    )
    acknowledged = tables.acknowledged({} if known is None else {("Lead", "00Q1"): known})
    moments = pa.array(["2026-06-29 02:00:00.000000"] * acknowledged.num_rows, pa.string())
    acknowledged = acknowledged.append_column("acknowledged_at", moments)
    rows, known = tables.kept(observed), tables.kept(acknowledged)
    rules = read_field_rules(tables.rules())
    return compare_observed(rows, known, rules, known.path.parent)


def taken(observation: Observation) -> dict[str, Any]:
    """Return the fields that would be acknowledged."""
    rows = observation.rows.to_pylist()
    return json.loads(rows[0]["fields_json"]) if rows else {}


def test_a_first_sight_of_a_record_is_its_baseline_in_canonical_form(tables: Any) -> None:
    read = {"Touchproof_Score__c": "7.50", "FirstName": None, "Phone": "+1 555 0100"}
    observation = compare(tables, read, None, key="app:1")
    assert taken(observation) == {
        "Touchproof_Score__c": "7.5",
        "FirstName": None,
        KEY_FIELD: "app:1",
    }
    assert (observation.baseline_records, observation.drifted_records) == (1, 0)


def test_an_equal_value_in_another_form_is_no_drift(tables: Any) -> None:
    observation = compare(
        tables,
        {"Touchproof_Score__c": 7.5, "HasOptedOutOfEmail": True},
        {"Touchproof_Score__c": "7.50", "HasOptedOutOfEmail": "true"},
    )
    assert observation.rows.num_rows == 0


@pytest.mark.parametrize("read_at", [EARLIER, PUSHED_AT], ids=["before", "at the same moment"])
def test_an_observation_that_is_not_newer_says_nothing(tables: Any, read_at: datetime) -> None:
    known = {"Touchproof_Stage__c": "engaged"}
    observation = compare(tables, {"Touchproof_Stage__c": None}, known, read_at=read_at)
    assert observation.rows.num_rows == 0


def test_drift_is_taken_over_where_the_seed_overwrites_so_that_it_is_sent_again(
    tables: Any,
) -> None:
    observation = compare(tables, {"Touchproof_Stage__c": "theirs"}, {"Touchproof_Stage__c": "x"})
    assert taken(observation) == {"Touchproof_Stage__c": "theirs"}
    assert observation.drifted_records == 1


def test_drift_is_left_alone_where_the_seed_keeps_it(tables: Any) -> None:
    read = {"Touchproof_Source__c": "theirs", "FirstName": None}
    observation = compare(tables, read, {"Touchproof_Source__c": "Web", "FirstName": "Ann"})
    assert observation.rows.num_rows == 0


def test_what_the_crm_filled_is_not_empty_any_more(tables: Any) -> None:
    observation = compare(tables, {"FirstName": "Eve"}, {"FirstName": None})
    assert taken(observation) == {"FirstName": "Eve"}


def test_a_field_that_nothing_is_known_about_takes_the_observed_value(tables: Any) -> None:
    read = {"Touchproof_Source__c": "theirs", "Touchproof_Stage__c": "x"}
    observation = compare(tables, read, {"Touchproof_Stage__c": "x"}, key="app:1")
    assert taken(observation) == {"Touchproof_Source__c": "theirs", KEY_FIELD: "app:1"}
    assert observation.drifted_records == 0


def test_a_field_that_was_not_read_stays_as_it_is(tables: Any) -> None:
    known = {"Touchproof_Stage__c": "x", "Touchproof_Score__c": "1"}
    observation = compare(tables, {"Touchproof_Stage__c": "theirs"}, known)
    assert taken(observation) == {"Touchproof_Stage__c": "theirs"}


def test_the_overlay_is_what_the_ledger_will_hold(tables: Any) -> None:
    known = {"Touchproof_Stage__c": "x", "Touchproof_Score__c": "1"}
    observation = compare(tables, {"Touchproof_Stage__c": None}, known)
    ledger = tables.kept(tables.acknowledged({("Lead", "00Q1"): known, ("Lead", "00Q2"): known}))
    whole = overlay(ledger, observation, ledger.path.parent)
    with connect_memory() as connection:
        found = connection.sql(whole.sql).order("record_key").to_arrow_table().to_pylist()
    row, other = found
    assert (json.loads(other["fields_json"]), other["record_key"]) == (known, "00Q2")
    assert json.loads(row["fields_json"]) == {
        "Touchproof_Stage__c": None,
        "Touchproof_Score__c": "1",
    }
    assert (row["object"], row["record_key"]) == ("Lead", "00Q1")
