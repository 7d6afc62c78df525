"""Rules of an org's administrator: duplicates, validation, picklists, locked rows."""

from __future__ import annotations

from typing import Any

import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce.control import Control

ANN = {"LastName": "Doe", "Company": "Acme", "Email": "ann@example.org"}
ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}


def create(api, headers: dict[str, str] | None = None, **record: Any):
    return api.call("POST", "sobjects/Lead", json=ANN | record, headers=headers)


def matching(error: dict[str, Any]) -> list[str]:
    """Return the ids of the records that a duplicate error names."""
    (result,) = error["duplicateResut"]["matchResults"]
    return [match["record"]["Id"] for match in result["matchRecords"]]


def test_a_duplicate_is_refused_and_the_matching_record_named(api, control: Control) -> None:
    control.duplicate_rule("Lead", "Email")
    first = create(api).json()["id"]

    answer = create(api, Email="Ann@Example.org", LastName="Roe")

    (error,) = answer.json()
    assert (answer.status_code, error["errorCode"]) == (400, "DUPLICATES_DETECTED")
    assert matching(error) == [first]
    assert error["duplicateResut"]["allowSave"] is False
    assert create(api, Email="bob@example.org").status_code == 201


def test_a_duplicate_is_looked_for_among_other_objects_too(api, control: Control) -> None:
    lead = create(api).json()["id"]
    (account,) = control.apply([{"op": "insert", "object": "Account", "record": {"Name": "Doe"}}])
    control.duplicate_rule("Lead", "LastName", among={"Account": ["Name"], "Lead": ["LastName"]})

    (error,) = create(api, Email="bob@example.org").json()

    assert [
        (result["entityType"], [match["record"]["Id"] for match in result["matchRecords"]])
        for result in error["duplicateResut"]["matchResults"]
    ] == [("Account", [account]), ("Lead", [lead])]


def test_a_rule_among_fields_that_an_object_lacks_is_refused(control: Control) -> None:
    with pytest.raises(BadInputError, match="Account has no field Email"):
        control.duplicate_rule("Lead", "Email", among={"Account": ["Email"]})


@pytest.mark.parametrize(("action", "status"), [("block", 400), ("alert", 201)])
def test_an_alert_can_be_acknowledged_by_the_header_a_block_cannot(
    api, control: Control, action: Any, status: int
) -> None:
    control.duplicate_rule("Lead", "Email", action=action)
    create(api)

    assert create(api).status_code == 400
    assert create(api, ALLOW).status_code == status


def test_a_duplicate_must_agree_in_all_fields_of_the_rule(api, control: Control) -> None:
    control.duplicate_rule("Lead", "Email", "LastName")
    create(api)

    assert create(api, LastName="Roe").status_code == 201
    assert create(api, LastName="Roe", Email=None).status_code == 201
    assert create(api).status_code == 400


def test_an_update_meets_the_rule_only_where_it_touches_its_fields(api, control: Control) -> None:
    ids = [create(api, LastName=name).json()["id"] for name in ("Doe", "Roe")]
    control.duplicate_rule("Lead", "Email")
    place = f"sobjects/Lead/{ids[1]}"

    assert api.call("PATCH", place, json={"Company": "Other"}).status_code == 204
    assert api.call("PATCH", place, json={"Email": "ann@example.org"}).status_code == 400


def test_collections_names_the_match_and_bulk_only_the_code(api, control: Control) -> None:
    first = create(api).json()["id"]
    control.duplicate_rule("Lead", "Email", action="alert")
    record = {"Touchproof_Key__c": "app:1", **ANN}
    place = "composite/sobjects/Lead/Touchproof_Key__c"

    (result,) = api.call("PATCH", place, json={"records": [record]}).json()
    content = "Touchproof_Key__c,LastName,Company,Email\napp:1,Doe,Acme,ann@example.org\n"
    bulk = api.ingest("Lead", "upsert", content, "Touchproof_Key__c")
    saved = api.call("PATCH", place, json={"records": [record]}, headers=ALLOW).json()

    assert result["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    assert matching(result["errors"][0]) == [first]
    assert bulk.errors == ["DUPLICATES_DETECTED:Use one of these records?:--"]
    assert saved[0]["success"] is True


def test_a_validation_rule_refuses_what_the_record_would_be(api, control: Control) -> None:
    control.validation_rule("Lead", "LastName", "Test.*", "no tests, please")

    done = api.ingest("Lead", "insert", "LastName,Company\nTest 1,A\nDoe,A\n")

    assert done.errors == ["FIELD_CUSTOM_VALIDATION_EXCEPTION:no tests, please:LastName --"]
    assert [row["LastName"] for row in done.successful] == ["Doe"]


def test_a_restricted_picklist_takes_its_values_and_none(api, control: Control) -> None:
    control.restrict_picklist("Lead", "Status", ["Open", "Closed"])

    done = api.ingest("Lead", "insert", "LastName,Company,Status\nA,A,Open\nB,B,\nC,C,Hot\n")

    assert done.errors == [
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Status: bad value for restricted picklist"
        " field: Hot:Status --"
    ]
    assert len(done.successful) == 2


def test_a_locked_row_goes_through_after_its_tries(api, control: Control) -> None:
    lead = create(api).json()["id"]
    control.lock_row("Lead", lead, 2)
    content = f"Id,FirstName\n{lead},Ann\n"

    codes = [
        [error.partition(":")[0] for error in api.ingest("Lead", "update", content).errors]
        for _ in range(3)
    ]

    assert codes == [["UNABLE_TO_LOCK_ROW"], ["UNABLE_TO_LOCK_ROW"], []]


def test_rules_dont_hold_for_the_orgs_own_users_and_can_be_removed(api, control: Control) -> None:
    control.validation_rule("Lead", "LastName", ".*", "never")
    record = {"LastName": "Doe", "Company": "A"}

    control.apply([{"op": "create", "object": "Lead", "record": record}])
    refused = create(api).status_code
    control.remove_rules()

    assert (refused, create(api).status_code) == (400, 201)


def test_a_rule_of_a_field_that_isnt_there_is_refused(control: Control) -> None:
    with pytest.raises(BadInputError, match="no field"):
        control.restrict_picklist("Lead", "Colour", ["red"])
