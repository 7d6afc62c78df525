"""The plan: nothing equal is sent, consent and ownership hold, and the limit waits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from touchproof.errors import CheckFailedError, ConfigurationError
from touchproof.salesforce.canonical import CLEAR
from touchproof.salesforce.canonical import canonical as canonical_of_one
from touchproof.salesforce.plan import PlanLimits, PushPlan
from touchproof.salesforce.rules import KEY_FIELD, read_field_rules
from touchproof.salesforce.tables import fetch_row
from touchproof.warehouse import connect_memory

canonical = cache(canonical_of_one)  # few values, and each would open a database
FREELY = PlanLimits(max_changed_share=1.0)
CONSENT, ATTRIBUTES = "sync_lead_consent", "sync_lead_attributes"
CONSENT_FIELDS = ("HasOptedOutOfEmail", "Touchproof_Email_Consent__c")


def plan(
    tables: Any,
    wanted: Mapping[str, list[dict[str, Any]]],
    known: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    limits: PlanLimits = FREELY,
) -> PushPlan:
    desired = {model: tables.model(model, rows) for model, rows in wanted.items()}
    acknowledged = tables.acknowledged(known or {})
    return tables.plan(desired, acknowledged, read_field_rules(tables.rules()), limits)


def sent(result: PushPlan) -> dict[str, dict[str, dict[str, str]]]:
    """Return what goes out: group name, record, field."""
    return {
        group.name: {
            row["record"]: {f: row[f] for f in group.fields if row[f] is not None}
            for row in group.rows.to_pylist()
        }
        for group in result.groups
    }


def test_only_the_fields_that_differ_are_sent(tables: Any) -> None:
    known = {("Lead", "00Q1"): {"Touchproof_Stage__c": "new", "Touchproof_Score__c": "7.50"}}
    row = {"salesforce_id": "00Q1", "Touchproof_Stage__c": "engaged", "Touchproof_Score__c": "7.5"}
    known["Lead", "00Q1"] |= {"Touchproof_Source__c": None}

    assert sent(plan(tables, {ATTRIBUTES: [row]}, known)) == {
        "Lead update values": {"00Q1": {"Touchproof_Stage__c": "engaged"}}
    }


def test_a_wish_for_nothing_clears_what_is_known_and_what_is_unknown(tables: Any) -> None:
    known = {("Lead", "00Q1"): {"Touchproof_Stage__c": "new", "Touchproof_Score__c": None}}
    result = plan(tables, {ATTRIBUTES: [{"salesforce_id": "00Q1"}]}, known)
    assert sent(result)["Lead update values"]["00Q1"] == {
        "Touchproof_Stage__c": CLEAR,
        "Touchproof_Source__c": CLEAR,
    }


def test_a_checkbox_is_never_cleared(tables: Any) -> None:
    known = {("Lead", "00Q1"): {"HasOptedOutOfEmail": "true", "Touchproof_Email_Consent__c": None}}
    assert plan(tables, {CONSENT: [{"salesforce_id": "00Q1"}]}, known).rows == 0


@pytest.mark.parametrize(
    ("known", "expected"),
    [({"FirstName": None}, "Ann"), ({"FirstName": "Eve"}, None), ({}, None)],
    ids=["known to be empty", "filled by the CRM", "unknown"],
)
def test_fill_if_empty_writes_only_where_the_field_is_known_to_be_empty(
    tables: Any, known: dict[str, Any], expected: str | None
) -> None:
    settled = dict.fromkeys(("Touchproof_Stage__c", "Touchproof_Score__c", "Touchproof_Source__c"))
    row = {"salesforce_id": "00Q1", "FirstName": "Ann"}
    result = sent(plan(tables, {ATTRIBUTES: [row]}, {("Lead", "00Q1"): {**settled, **known}}))
    found = result.get("Lead update values", {}).get("00Q1", {})
    assert found.get("FirstName") == expected


def test_a_field_of_the_crm_is_never_written(tables: Any) -> None:
    table = tables.model(ATTRIBUTES, [{"salesforce_id": "00Q1"}, {"record_key": "app:1"}])
    table = table.append_column("Phone", pa.array(["+1 555 0100"] * 2))
    rules = read_field_rules(tables.rules())
    result = tables.plan({ATTRIBUTES: table}, tables.acknowledged({}), rules, FREELY)
    assert result.rows
    assert not any("Phone" in group.fields for group in result.groups)


def test_consent_goes_first_and_also_for_those_to_whom_nothing_else_may_go(tables: Any) -> None:
    refusing = {"salesforce_id": "00Q1", "may_market": False}
    result = plan(
        tables,
        {
            CONSENT: [{**refusing, "HasOptedOutOfEmail": "true"}],
            ATTRIBUTES: [
                {**refusing, "Touchproof_Stage__c": "engaged"},
                {"salesforce_id": "00Q2", "Touchproof_Stage__c": "engaged"},
                {"record_key": "app:1", "LastName": "New", "may_market": False},
                {"record_key": "app:2", "LastName": "New"},
            ],
        },
    )
    assert [group.kind for group in result.groups] == ["consent", "creation", "values"]
    assert set(sent(result)["Lead update consent"]) == {"00Q1"}
    assert set(sent(result)["Lead upsert creation"]) == {"app:2"}
    assert set(sent(result)["Lead update values"]) == {"00Q2"}
    assert [(held.creations, held.records) for held in result.held] == [(1, 1)]


def test_one_model_that_says_no_outweighs_another_that_says_yes(tables: Any) -> None:
    result = plan(
        tables,
        {
            CONSENT: [{"salesforce_id": "00Q1", "may_market": True}],
            ATTRIBUTES: [{"salesforce_id": "00Q1", "may_market": False, "FirstName": "A"}],
        },
    )
    assert not [group for group in result.groups if group.kind != "consent"]


def test_unknown_consent_counts_as_none_where_an_object_has_consent(tables: Any) -> None:
    row = {"salesforce_id": "00Q1", "may_market": None, "Touchproof_Stage__c": "x"}
    consent = [{"salesforce_id": "00Q1", "may_market": None, "HasOptedOutOfEmail": "false"}]
    result = plan(tables, {ATTRIBUTES: [row], CONSENT: consent})
    assert [group.kind for group in result.groups] == ["consent"]
    campaign = {"salesforce_id": "7011", "may_market": None, "Touchproof_Spend__c": "1"}
    assert plan(tables, {"sync_campaign_performance": [campaign]}).rows == 1


def test_a_creation_carries_its_consent_in_the_same_row(tables: Any) -> None:
    result = plan(
        tables,
        {
            CONSENT: [{"record_key": "app:1", "Touchproof_Email_Consent__c": "opted_in"}],
            ATTRIBUTES: [{"record_key": "app:1", "LastName": "New"}],
        },
    )
    assert sent(result) == {
        "Lead upsert creation": {
            "app:1": {"LastName": "New", "Touchproof_Email_Consent__c": "opted_in"}
        }
    }
    assert result.groups[0].key_field == KEY_FIELD


def test_a_record_that_we_created_is_found_by_its_key_and_updated_by_its_id(tables: Any) -> None:
    known = {("Lead", "00Q1"): {KEY_FIELD: "app:1", "Touchproof_Stage__c": "new"}}
    row = {"record_key": "app:1", "Touchproof_Stage__c": "engaged", "LastName": "New"}
    result = plan(tables, {ATTRIBUTES: [row]}, known)
    assert set(sent(result)) == {"Lead update values"}
    assert result.groups[0].rows.column("salesforce_id").to_pylist() == ["00Q1"]


def test_a_plan_above_the_limit_waits_until_its_own_hash_is_confirmed(tables: Any) -> None:
    known = {("Lead", f"00Q{n}"): {"Touchproof_Stage__c": "new"} for n in range(4)}
    wanted = {ATTRIBUTES: [{"salesforce_id": "00Q0", "Touchproof_Stage__c": "x"}]}
    at_limit = plan(tables, wanted, known, PlanLimits(0.25))
    assert (at_limit.waiting_reason, at_limit.changed_share) == (None, 0.25)

    waiting = plan(tables, wanted, known, PlanLimits(0.24))
    assert waiting.plan_hash in (waiting.waiting_reason or "")
    assert waiting.sendable == ()
    confirmed = plan(tables, wanted, known, PlanLimits(0.24, confirm=waiting.plan_hash))
    assert confirmed.sendable == confirmed.groups
    other = plan(tables, wanted, known, PlanLimits(0.24, confirm="0" * 16))
    assert other.waiting_reason is not None


def test_consent_alone_never_waits_and_leaves_the_hash_alone(tables: Any) -> None:
    values = {ATTRIBUTES: [{"salesforce_id": "00Q1", "Touchproof_Stage__c": "x"}]}
    consent = {CONSENT: [{"salesforce_id": "00Q1", "HasOptedOutOfEmail": "true"}]}
    known = {("Lead", "00Q1"): {"Touchproof_Stage__c": "new", "HasOptedOutOfEmail": "false"}}
    both = plan(tables, {**values, **consent}, known, PlanLimits(0.0))
    assert [group.kind for group in both.sendable] == ["consent"]
    done = {("Lead", "00Q1"): {"Touchproof_Stage__c": "new", "HasOptedOutOfEmail": "true"}}
    assert plan(tables, {**values, **consent}, done).plan_hash == both.plan_hash


def test_the_order_of_the_input_changes_nothing(tables: Any) -> None:
    rows = [{"salesforce_id": f"00Q{n}", "Touchproof_Stage__c": f"s{n}"} for n in range(50)]
    forth, back = plan(tables, {ATTRIBUTES: rows}), plan(tables, {ATTRIBUTES: rows[::-1]})
    assert forth.plan_hash == back.plan_hash
    assert forth.groups[0].rows.to_table().equals(back.groups[0].rows.to_table())
    changed = [*rows[:-1], {**rows[-1], "Touchproof_Stage__c": "other"}]
    assert plan(tables, {ATTRIBUTES: changed}).plan_hash != forth.plan_hash


def test_the_hash_is_one_of_what_the_rows_say_in_memory_too(tables: Any) -> None:
    """A plan that waits is confirmed by its hash, so the hash of the same plan never changes."""
    rows = [
        {"salesforce_id": f"00Q{n}", "Touchproof_Stage__c": f"s{n}", "Touchproof_Score__c": f"{n}"}
        for n in range(30)
    ]
    known = {("Lead", f"00Q{n}"): {"Touchproof_Stage__c": "s1"} for n in range(20)}
    result = plan(tables, {ATTRIBUTES: [*rows, {"record_key": "app:1", "LastName": "é"}]}, known)
    content = []
    with connect_memory() as connection:
        for group in result.groups:
            connection.register("rows", group.rows.to_table())
            cells = ", ".join(f'"{name}"' for name in ("record", *group.fields))
            digest = fetch_row(
                connection, f"select bit_xor(md5_number(to_json([{cells}])::varchar)) from rows"
            )
            fields = list(group.fields)
            content.append((group.name, fields, group.rows.num_rows, str(digest[0])))
    assert len(content) == 2
    assert result.plan_hash == hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    assert result.plan_hash == "27fa87b8e2e7b442"


def test_a_text_in_another_form_is_the_same_text_and_another_text_never(tables: Any) -> None:
    """Texts that look alike in JSON: records are dismissed by them before cells are compared."""
    texts = ["a", "a b", 'a"b', "a\\b", "a\tb", "é", "null", '","', "[", "\x01"]
    for known in texts:
        for wanted in texts:
            row = {"salesforce_id": "00Q1", "Touchproof_Stage__c": wanted}
            settled = {"Touchproof_Score__c": None, "Touchproof_Source__c": None}
            told = {"Touchproof_Stage__c": known, **settled}
            result = plan(tables, {ATTRIBUTES: [row]}, {("Lead", "00Q1"): told})
            expected = {} if known == wanted else {"00Q1": {"Touchproof_Stage__c": wanted}}
            assert sent(result).get("Lead update values", {}) == expected


def test_a_record_that_comes_twice_or_without_a_key_stops_the_plan(tables: Any) -> None:
    with pytest.raises(CheckFailedError, match="1 records that come twice"):
        plan(tables, {ATTRIBUTES: [{"salesforce_id": "00Q1"}, {"salesforce_id": "00Q1"}]})
    with pytest.raises(CheckFailedError, match="1 records without a key"):
        plan(tables, {ATTRIBUTES: [{"LastName": "New"}]})


def test_a_field_without_an_owner_is_refused(tables: Any) -> None:
    table = tables.model(ATTRIBUTES, []).append_column("Fax", pa.array([], pa.string()))
    rules = read_field_rules(tables.rules())
    with pytest.raises(ConfigurationError, match="Fax"):
        tables.plan({ATTRIBUTES: table}, tables.acknowledged({}), rules, FREELY)


# Properties

LEADS = [f"00Q{n}" for n in range(4)]
KEYS = ["app:1", "app:2"]
NUMBER_FORMS = [None, "", "0", "-0", "7", "7.0", "07", "7.25", "1e1"]
TEXT_FORMS = [None, "", "a", " a ", "A", "é", "e\u0301", 'x,"y"\n', "#N/A"]
BOOLEAN_FORMS = [None, "true", "True", "false", "0"]

values = st.fixed_dictionaries(
    {
        "Touchproof_Stage__c": st.sampled_from(TEXT_FORMS),
        "Touchproof_Score__c": st.sampled_from(NUMBER_FORMS),
        "FirstName": st.sampled_from(TEXT_FORMS),
        "may_market": st.sampled_from([True, False, None]),
    }
)
consents = st.fixed_dictionaries(
    {
        "HasOptedOutOfEmail": st.sampled_from(BOOLEAN_FORMS),
        "Touchproof_Email_Consent__c": st.sampled_from(TEXT_FORMS),
        "may_market": st.sampled_from([True, False, None]),
    }
)
names = st.sampled_from(
    [{"salesforce_id": lead} for lead in LEADS] + [{"record_key": key} for key in KEYS]
)


def rows_of(strategy: Any) -> Any:
    one_each = st.lists(names, unique_by=lambda name: tuple(name.values()))
    return one_each.flatmap(
        lambda chosen: st.tuples(*(strategy.map(lambda row, n=n: {**n, **row}) for n in chosen))
    )


known_records = st.dictionaries(
    st.sampled_from([("Lead", lead) for lead in LEADS]),
    st.fixed_dictionaries(
        {},
        optional={
            "Touchproof_Stage__c": st.sampled_from(TEXT_FORMS),
            "Touchproof_Score__c": st.sampled_from(NUMBER_FORMS),
            "FirstName": st.sampled_from(TEXT_FORMS),
            "HasOptedOutOfEmail": st.sampled_from(BOOLEAN_FORMS),
            "Touchproof_Email_Consent__c": st.sampled_from(TEXT_FORMS),
        },
    ),
)
OWNERS = {
    "Touchproof_Stage__c": ("text", "touchproof"),
    "Touchproof_Score__c": ("number", "touchproof"),
    "FirstName": ("text", "fill_if_empty"),
    "HasOptedOutOfEmail": ("boolean", "touchproof"),
    "Touchproof_Email_Consent__c": ("text", "touchproof"),
}
thoroughly = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def after(
    result: PushPlan, known: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is acknowledged once everything that was sent has succeeded."""
    state = {key: dict(fields) for key, fields in known.items()}
    for group in result.groups:
        for row in group.rows.to_pylist():
            creation = group.kind == "creation"
            record = f"new {row['record']}" if creation else row["record"]
            fields = state.setdefault((group.object, record), {})
            if creation:
                fields |= {KEY_FIELD: row["record"], **dict.fromkeys(group.left_empty)}
            for field in group.fields:
                if row[field] is not None:
                    fields[field] = None if row[field] == CLEAR else row[field]
    return state


@thoroughly
@given(rows_of(values), rows_of(consents), known_records)
def test_nothing_equal_is_sent_and_what_was_sent_isnt_sent_again(
    tables: Any, attributes: Any, consent: Any, known: Any
) -> None:
    wanted = {ATTRIBUTES: list(attributes), CONSENT: list(consent)}
    first = plan(tables, wanted, known)
    for group in first.groups:
        for row in group.rows.to_pylist():
            for field in group.fields:
                acknowledged = known.get((group.object, row["record"]), {})
                if row[field] is None:
                    continue
                value = None if row[field] == CLEAR else row[field]
                field_type = OWNERS.get(field, ("text", ""))[0]
                assert value == canonical(value, field_type)
                if field in acknowledged:
                    assert value != canonical(acknowledged[field], field_type)

    second = plan(tables, wanted, after(first, known))

    assert sent(second) == {}


@thoroughly
@given(rows_of(values), rows_of(consents), known_records)
def test_the_plan_applied_gives_what_is_desired_as_far_as_consent_and_owners_allow(
    tables: Any, attributes: Any, consent: Any, known: Any
) -> None:
    wanted = {ATTRIBUTES: list(attributes), CONSENT: list(consent)}
    state = after(plan(tables, wanted, known), known)
    allowed = may_market(wanted)
    for model, rows in wanted.items():
        for row in rows:
            name = row.get("salesforce_id") or f"new {row['record_key']}"
            is_creation = "record_key" in row
            if not allowed[name] and (model == ATTRIBUTES or is_creation):
                unchanged = {} if is_creation else known.get(("Lead", name), {})
                reached = state.get(("Lead", name), {})
                checked = (
                    reached
                    if is_creation
                    else {f: v for f, v in reached.items() if f not in CONSENT_FIELDS}
                )
                assert checked.items() <= unchanged.items()
                continue
            reached = state.get(("Lead", name), {})
            for field, (field_type, owner) in OWNERS.items():
                wish = canonical(row.get(field), field_type) if field in row else None
                if field not in row or (wish is None and field_type == "boolean"):
                    continue
                if owner == "fill_if_empty" and not is_creation:
                    before = known.get(("Lead", name), {})
                    was_empty = field in before and canonical(before[field], field_type) is None
                    wish = wish if was_empty else canonical(before.get(field), field_type)
                assert canonical(reached.get(field), field_type) == wish


def may_market(wanted: Mapping[str, list[dict[str, Any]]]) -> dict[str, bool]:
    """Return what consent allows by record: any no is a no, and no word isn't a yes."""
    said: dict[str, list[bool]] = {}
    for rows in wanted.values():
        for row in rows:
            name = row.get("salesforce_id") or f"new {row['record_key']}"
            words = said.setdefault(name, [])
            if row["may_market"] is not None:
                words.append(row["may_market"])
    return {name: bool(words) and all(words) for name, words in said.items()}
