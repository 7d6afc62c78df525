"""The setting `org_model`: contacts' fields go to contacts, or to the accounts that persons are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from lane_world import NOON, LaneWorld

from touchproof.salesforce.acknowledged import Acknowledged
from touchproof.salesforce.org_model import desired_of, person_field, rules_of
from touchproof.salesforce.plan import PlanLimits, PushPlan, plan_push
from touchproof.salesforce.push import PushReport, run_push
from touchproof.salesforce.rules import read_field_rules
from touchproof.settings import OrgModel

CONSENT, ATTRIBUTES = "sync_contact_consent", "sync_contact_attributes"
OPT_OUT = {"HasOptedOutOfEmail": "true", "Touchproof_Email_Consent__c": "opted_out"}


def plan(
    tables: Any, folder: Path, org_model: OrgModel, contacts: list[dict[str, Any]]
) -> PushPlan:
    """Plan an opt-out and a stage for contacts, and a profile for the first of them."""
    stage = {"Touchproof_Stage__c": "customer"}
    profile = {"record_key": "profile:1", "Contact__c": contacts[0]["salesforce_id"]}
    wanted = {
        CONSENT: tables.model(CONSENT, [{**one, **OPT_OUT} for one in contacts]),
        ATTRIBUTES: tables.model(ATTRIBUTES, [{**one, **stage} for one in contacts]),
        "sync_profiles": tables.model("sync_profiles", [profile]),
    }
    observed = pa.Table.from_pylist(
        [
            {
                "object": "Contact",
                "salesforce_id": one["salesforce_id"],
                "record_key": None,
                "account_id": one["account_id"],
                "fields_json": json.dumps({"HasOptedOutOfEmail": "false"}),
                "extracted_at": None,
            }
            for one in contacts
        ]
    )
    rules = read_field_rules(tables.rules())
    rows = {model: tables.kept(table) for model, table in wanted.items()}
    desired, read = desired_of(rows, tables.kept(observed), rules, org_model, folder)
    known = {
        (row["object"], row["salesforce_id"]): json.loads(row["fields_json"])
        for row in read.to_pylist()
    }
    limits = PlanLimits(max_changed_share=1.0)
    acknowledged = Acknowledged(tables.kept(tables.acknowledged(known)))
    return plan_push(desired, acknowledged, rules_of(rules, org_model), limits, folder)


def sent(result: PushPlan) -> dict[str, dict[str, dict[str, str]]]:
    return {
        group.name: {
            row["record"]: {name: row[name] for name in group.fields if row[name] is not None}
            for row in group.rows.to_pylist()
        }
        for group in result.groups
    }


ANN = {"salesforce_id": "0031", "account_id": "0011"}


def test_an_org_of_leads_and_contacts_gets_contacts(tables: Any, tmp_path: Path) -> None:
    assert sent(plan(tables, tmp_path, "lead_contact", [ANN])) == {
        "Contact update consent": {"0031": OPT_OUT},
        "Contact update values": {"0031": {"Touchproof_Stage__c": "customer"}},
        "Touchproof_Profile__c upsert creation": {"profile:1": {"Contact__c": "0031"}},
    }


def test_an_org_of_person_accounts_gets_the_same_on_accounts(tables: Any, tmp_path: Path) -> None:
    assert sent(plan(tables, tmp_path, "person_accounts", [ANN])) == {
        "Account update consent": {
            "0011": {
                "PersonHasOptedOutOfEmail": "true",
                "Touchproof_Email_Consent__pc": "opted_out",
            }
        },
        "Account update values": {"0011": {"Touchproof_Stage__pc": "customer"}},
        # A lookup to a contact takes the Id of the contact behind the account.
        "Touchproof_Profile__c upsert creation": {"profile:1": {"Contact__c": "0031"}},
    }


def test_contacts_that_share_an_account_or_have_none_stay_contacts(
    tables: Any, tmp_path: Path
) -> None:
    contacts = [
        ANN,
        {"salesforce_id": "0032", "account_id": "0012"},
        {"salesforce_id": "0033", "account_id": "0012"},
        {"salesforce_id": "0034", "account_id": None},
    ]
    found = sent(plan(tables, tmp_path, "person_accounts", contacts))
    assert set(found["Account update consent"]) == {"0011"}
    assert set(found["Contact update consent"]) == {"0032", "0033", "0034"}


def test_fields_are_named_as_salesforce_names_them() -> None:
    assert person_field("Email") == "PersonEmail"
    assert person_field("Touchproof_Score__c") == "Touchproof_Score__pc"


@pytest.fixture
def person_accounts(crm: Any) -> Iterator[Any]:
    """Return an org of person accounts: one account, and the contact behind it."""
    crm.settings = crm.settings.model_copy(update={"org_model": "person_accounts"})
    (account,) = _made(crm, "Account", Name="Ann Lee")
    (contact,) = _made(crm, "Contact", LastName="Lee", AccountId=account)
    crm.account, crm.contact = account, contact
    yield crm


def _made(crm: Any, name: str, **record: Any) -> tuple[str, ...]:
    made: tuple[str, ...] = crm.control.apply([{"op": "create", "object": name, "record": record}])
    return made


def push(crm: Any) -> PushReport:
    return run_push(crm.settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5)


def test_a_night_writes_accounts_once_and_leaves_contacts_alone(person_accounts: Any) -> None:
    crm = person_accounts
    row = {"salesforce_id": crm.contact, "account_id": crm.account}
    crm.want(CONSENT, **row, **OPT_OUT)
    crm.want(ATTRIBUTES, **row, Touchproof_Stage__c="customer")
    crm.publish(is_checked=False)
    before = crm.stored("Contact")

    assert push(crm).pushed == 2
    (account,) = crm.stored("Account")
    assert account["PersonHasOptedOutOfEmail"] == "true"
    assert account["Touchproof_Stage__pc"] == "customer"
    assert crm.stored("Contact") == before
    assert push(crm).planned == 0


def test_an_opt_out_by_day_reaches_the_account(person_accounts: Any) -> None:
    crm = person_accounts
    crm.control.set_clock(NOON)
    world = LaneWorld(crm)
    world.know("p1", "email:ann@example.test")
    world.hold("p1", crm.contact, object_name="Contact", account_id=crm.account)
    world.hand_over()
    world.say("ann@example.test", "opted_out")
    assert world.tick().opt_outs == 1
    (account,) = crm.stored("Account")
    assert account["PersonHasOptedOutOfEmail"] == "true"
    assert account["Touchproof_Email_Consent__pc"] == "opted_out"
    assert world.tick().push_calls == 0


@pytest.mark.parametrize("lane", ["nightly", "new-leads"])
@pytest.mark.parametrize("is_person", [True, False])
def test_the_opt_out_of_a_lead_that_became_a_person_reaches_the_account(
    person_accounts: Any, lane: str, is_person: bool
) -> None:
    crm = person_accounts
    lead = crm.lead()
    for model in (CONSENT, "sync_lead_attributes"):
        crm.rows.setdefault(model, [])
    if lane == "nightly":
        crm.want("sync_lead_consent", salesforce_id=lead, **OPT_OUT)
        crm.publish()
    else:
        crm.control.set_clock(NOON)
        world = LaneWorld(crm)
        world.know("p1", "email:ann@example.test")
        world.hold("p1", lead)
        world.hand_over()
        world.say("ann@example.test", "opted_out")
    if not is_person:  # a firm, with two people
        _made(crm, "Contact", LastName="Other", AccountId=crm.account)
    crm.change("Lead", lead, IsConverted="true", ConvertedContactId=crm.contact,
               ConvertedAccountId=crm.account)  # fmt: skip

    if lane == "nightly":
        push(crm)
    else:
        world.tick()

    (account,) = crm.stored("Account")
    contact = next(one for one in crm.stored("Contact") if one["Id"] == crm.contact)
    assert account["PersonHasOptedOutOfEmail"] == str(is_person).lower()
    assert contact["HasOptedOutOfEmail"] == str(not is_person).lower()
