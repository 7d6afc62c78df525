"""What the org tells of its set-up agrees with what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from touchproof_sandbox.salesforce.control import Control

LEAD = {"LastName": "Doe", "Company": "Acme"}


def field(api, name: str) -> dict[str, Any] | None:
    told = api.call("GET", "sobjects/Lead/describe").json()["fields"]
    return next((one for one in told if one["name"] == name), None)


def refusal(api, **record: Any) -> str | None:
    answer = api.call("POST", "sobjects/Lead", json=LEAD | record)
    return None if answer.status_code == 201 else str(answer.json()[0]["errorCode"])


def tooling(api, soql: str) -> list[dict[str, Any]]:
    answer = api.call("GET", "tooling/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["records"])


def test_a_hidden_field_is_not_described_and_not_written(api, control: Control) -> None:
    control.hide_fields("Lead", "Phone")
    assert field(api, "Phone") is None
    assert refusal(api, Phone="1") == "INVALID_FIELD"
    assert refusal(api) is None


def test_a_read_only_field_is_described_as_such_and_not_written(api, control: Control) -> None:
    control.make_read_only("Lead", "Phone")
    told = field(api, "Phone")
    assert told is not None
    assert (told["createable"], told["updateable"]) == (False, False)
    assert refusal(api, Phone="1") == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert refusal(api) is None


def test_a_required_field_is_not_nillable_and_a_record_needs_it(api, control: Control) -> None:
    control.require_fields("Lead", "Phone")
    told = field(api, "Phone")
    assert told is not None
    assert told["nillable"] is False
    assert refusal(api) == "REQUIRED_FIELD_MISSING"
    assert refusal(api, Phone="1") is None


def test_a_restricted_picklist_tells_its_values(api, control: Control) -> None:
    free = field(api, "LeadSource")
    assert free is not None
    assert free["restrictedPicklist"] is False
    control.restrict_picklist("Lead", "LeadSource", ["Web"])
    told = field(api, "LeadSource")
    assert told is not None
    assert told["restrictedPicklist"] is True
    assert [one["value"] for one in told["picklistValues"]] == ["Web"]


def test_a_member_field_that_is_set_once_is_createable_and_not_updateable(api) -> None:
    told = api.call("GET", "sobjects/CampaignMember/describe").json()["fields"]
    (campaign,) = [one for one in told if one["name"] == "CampaignId"]
    assert (campaign["createable"], campaign["updateable"]) == (True, False)


def test_the_tooling_api_lists_validation_rules_and_sharing(api, control: Control) -> None:
    control.validation_rule("Lead", "Phone", "", "A lead needs a phone")
    control.sharing("Lead", "Private")
    (rule,) = tooling(api, "SELECT ValidationName FROM ValidationRule WHERE Active = true")
    assert rule["EntityDefinition"]["QualifiedApiName"] == "Lead"
    assert rule["ErrorDisplayField"] == "Phone"
    models = {
        row["QualifiedApiName"]: row["InternalSharingModel"]
        for row in tooling(api, "SELECT InternalSharingModel FROM EntityDefinition")
    }
    assert (models["Lead"], models["Contact"]) == ("Private", "ReadWrite")


@pytest.mark.parametrize("soql", ["SELECT Id FROM ApexClass", "SELECT Id", ""])
def test_any_other_tooling_query_is_refused(api, soql: str) -> None:
    answer = api.call("GET", "tooling/query", params={"q": soql})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_TYPE")


def test_the_storage_left_goes_down_with_the_records(api, control: Control) -> None:
    control.storage(10)
    assert _left(api) == 10
    changes = [{"op": "create", "object": "Lead", "record": LEAD} for _ in range(1024)]
    control.apply(changes)
    assert _left(api) == 8


def _left(api) -> int:
    return int(api.call("GET", "limits").json()["DataStorageMB"]["Remaining"])
