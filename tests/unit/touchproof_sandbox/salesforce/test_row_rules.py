"""Why single rows are refused, in the codes of the documentation."""

from __future__ import annotations

import pytest

from touchproof_sandbox.salesforce.control import Control

LEAD = "LastName,Company,{0}\nDoe,Acme,{1}\n"


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("FirstName", "x" * 41, "STRING_TOO_LONG:FirstName: data value too large: {0}"),
        ("Email", "ann.example.org", "INVALID_EMAIL_ADDRESS:Email: invalid email address: {0}"),
        ("Email", "ann@example", "INVALID_EMAIL_ADDRESS:"),
        ("Touchproof_Score__c", "many", "INVALID_TYPE_ON_FIELD_IN_RECORD:"),
        ("DoNotCall", "maybe", "INVALID_TYPE_ON_FIELD_IN_RECORD:"),
        ("CreatedDate", "2026-01-01T00:00:00.000Z", "INVALID_FIELD_FOR_INSERT_UPDATE:"),
    ],
)
def test_a_value_that_breaks_its_fields_rule_is_refused_and_named(
    api, field: str, value: str, error: str
) -> None:
    done = api.ingest("Lead", "insert", LEAD.format(field, value))

    assert done.errors[0].startswith(error.format(value))
    assert done.errors[0].endswith(f":{field} --")
    assert done.failed[0]["sf__Id"] == ""
    assert api.query("SELECT Id FROM Lead") == []


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        ("FirstName", "x" * 40, "x" * 40),
        ("Email", "a+b@mail.example.org", "a+b@mail.example.org"),
        ("Touchproof_Score__c", "1e1", 10.0),
        ("Touchproof_Score__c", "85.50", 85.5),
        ("DoNotCall", "TRUE", True),
        ("DoNotCall", "0", False),
        ("DoNotCall", "#N/A", False),
    ],
)
def test_a_value_inside_its_fields_rule_is_stored(api, field: str, sent: str, stored) -> None:
    done = api.ingest("Lead", "insert", LEAD.format(field, sent))

    assert done.errors == []
    assert api.query(f"SELECT {field} FROM Lead")[0][field] == stored


def test_a_creation_without_required_fields_names_them(api) -> None:
    done = api.ingest("Lead", "insert", "FirstName\nAnn\n")

    assert done.errors == [
        "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName, Company]:"
        "LastName, Company --"
    ]


def test_a_required_field_cannot_be_cleared(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme")

    done = api.ingest("Lead", "update", f"Id,LastName\n{lead},#N/A\n")

    assert done.errors[0].startswith("REQUIRED_FIELD_MISSING:")
    assert done.failed[0]["sf__Id"] == lead


def test_a_converted_lead_cannot_be_updated(api, control: Control) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme", Touchproof_Key__c="app:1")
    control.apply([{"op": "update", "object": "Lead", "record": {"Id": lead, "IsConverted": True}}])

    by_id = api.ingest("Lead", "update", f"Id,FirstName\n{lead},Ann\n")
    content = "Touchproof_Key__c,FirstName\napp:1,Ann\n"
    by_key = api.ingest("Lead", "upsert", content, "Touchproof_Key__c")

    expected = "CANNOT_UPDATE_CONVERTED_LEAD:cannot reference converted lead:--"
    assert by_id.errors == by_key.errors == [expected]


def test_a_deleted_record_cannot_be_updated_and_its_key_is_free_again(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme", Touchproof_Key__c="app:1")
    deletion = api.ingest("Lead", "delete", f"Id\n{lead}\n")

    update = api.ingest("Lead", "update", f"Id,FirstName\n{lead},Ann\n")
    content = "Touchproof_Key__c,LastName,Company\napp:1,Doe,Acme\n"
    upsert = api.ingest("Lead", "upsert", content, "Touchproof_Key__c")

    assert deletion.successful[0]["sf__Id"] == lead
    assert update.errors == ["ENTITY_IS_DELETED:entity is deleted:--"]
    assert upsert.successful[0]["sf__Created"] == "true"


def test_an_update_of_an_unknown_id_is_refused(api) -> None:
    done = api.ingest("Lead", "update", "Id,FirstName\n00Q000000000001AAA,Ann\n")

    assert done.errors[0].startswith("INVALID_CROSS_REFERENCE_KEY:")


def test_an_update_finds_a_record_by_15_characters_of_its_id(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme")

    done = api.ingest("Lead", "update", f"Id,FirstName\n{lead[:15]},Ann\n")

    assert done.successful[0]["sf__Id"] == lead


def test_a_unique_value_that_another_record_has_is_refused(api) -> None:
    first = api.create("Lead", LastName="Doe", Company="Acme", Touchproof_Key__c="app:1")
    content = "Touchproof_Key__c,LastName,Company\napp:1,Roe,Acme\n"

    done = api.ingest("Lead", "insert", content)

    assert done.errors == [
        "DUPLICATE_VALUE:duplicate value found: Touchproof_Key__c duplicates value on record"
        f" with id: {first}:Touchproof_Key__c --"
    ]


def test_rows_that_share_a_key_in_one_upsert_are_refused(api) -> None:
    content = "Touchproof_Key__c,LastName,Company\napp:1,Doe,A\napp:2,Roe,A\napp:1,Poe,A\n"

    done = api.ingest("Lead", "upsert", content, "Touchproof_Key__c")

    assert [error.partition(":")[0] for error in done.errors] == ["DUPLICATE_VALUE"] * 2
    assert [row["Touchproof_Key__c"] for row in done.successful] == ["app:2"]


def test_an_external_id_that_matches_several_records_is_refused(api) -> None:
    ids = [api.create("Contact", LastName=name, App_User_Id__c="u1") for name in ("Doe", "Roe")]

    done = api.ingest("Contact", "upsert", "App_User_Id__c,FirstName\nu1,Ann\n", "App_User_Id__c")

    assert done.errors[0].startswith("DUPLICATE_EXTERNAL_ID:App_User_Id__c: more than one record")
    assert all(record in done.errors[0] for record in ids)


def test_a_reference_to_a_missing_parent_is_refused(api) -> None:
    done = api.ingest("Contact", "insert", "LastName,AccountId\nDoe,001000000000001AAA\n")

    assert done.errors[0].startswith("INVALID_CROSS_REFERENCE_KEY:")
    assert done.errors[0].endswith(":AccountId --")


def test_a_planted_rule_refuses_its_rows_and_no_others(api, control: Control) -> None:
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    control.refuse("Lead", "Company", "Bad", code, "not this one", fields=["Company"])

    done = api.ingest("Lead", "insert", "LastName,Company\nDoe,Bad\nRoe,Good\n")

    assert done.errors == [f"{code}:not this one:Company --"]
    assert [row["LastName"] for row in done.successful] == ["Roe"]


def test_a_planted_rule_can_be_used_up(api, control: Control) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme")
    control.refuse("Lead", "Id", lead, "UNABLE_TO_LOCK_ROW", times=1)
    content = f"Id,FirstName\n{lead},Ann\n"

    first, second = (api.ingest("Lead", "update", content) for _ in range(2))

    assert first.errors[0].startswith("UNABLE_TO_LOCK_ROW:")
    assert second.errors == []


def test_a_refused_row_leaves_its_record_as_it_was(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme", FirstName="Ann")
    before = api.record("Lead", lead)

    api.ingest("Lead", "update", f"Id,FirstName,Email\n{lead},Bob,nonsense\n")

    assert api.record("Lead", lead) == before


@pytest.fixture
def campaign(control: Control) -> str:
    record = {"Name": "Spring"}
    (made,) = control.apply([{"op": "create", "object": "Campaign", "record": record}])
    return made


def test_a_campaign_has_one_status_of_a_label(api, campaign: str) -> None:
    csv = f"CampaignId,Label\n{campaign},Engaged\n"
    assert api.ingest("CampaignMemberStatus", "insert", csv).errors == []
    assert api.ingest("CampaignMemberStatus", "insert", csv).errors[0].startswith("DUPLICATE_VALUE")


def test_a_person_is_one_member_whose_status_the_campaign_has(
    api, control: Control, campaign: str
) -> None:
    record = {"LastName": "Doe", "Company": "Acme"}
    (lead,) = control.apply([{"op": "create", "object": "Lead", "record": record}])
    csv = f"CampaignId,LeadId,Status\n{campaign},{lead},Engaged\n"
    assert api.ingest("CampaignMember", "insert", csv).errors == []
    assert api.ingest("CampaignMember", "insert", csv).errors[0].startswith("DUPLICATE_VALUE")
    assert [row["Status"] for row in api.query("SELECT Status FROM CampaignMember")] == ["Sent"]


def test_a_member_stays_with_its_campaign(api, control: Control, campaign: str) -> None:
    person = {"LastName": "Doe", "Company": "Acme"}
    (lead,) = control.apply([{"op": "create", "object": "Lead", "record": person}])
    record = {"CampaignId": campaign, "LeadId": lead, "Status": "Sent"}
    (member,) = control.apply([{"op": "create", "object": "CampaignMember", "record": record}])
    done = api.ingest("CampaignMember", "update", f"Id,CampaignId\n{member},{campaign}\n")
    assert done.errors[0].startswith("INVALID_FIELD_FOR_INSERT_UPDATE")
