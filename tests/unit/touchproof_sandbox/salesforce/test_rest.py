"""REST: describe, single records, Collections upsert, the allowance."""

from __future__ import annotations

import pytest

from touchproof_sandbox.salesforce.control import Control


def test_describe_tells_types_lengths_and_keys(api) -> None:
    fields = {f["name"]: f for f in api.call("GET", "sobjects/Lead/describe").json()["fields"]}
    names = {o["name"] for o in api.call("GET", "sobjects").json()["sobjects"]}

    assert {"Lead", "Contact", "Account", "Opportunity", "Campaign", "CampaignMember"} <= names
    key = fields["Touchproof_Key__c"]
    assert (key["externalId"], key["unique"], key["custom"]) == (True, True, True)
    assert (fields["LastName"]["nillable"], fields["LastName"]["length"]) == (False, 80)
    assert fields["SystemModstamp"]["updateable"] is False


def test_a_record_is_found_by_its_key_and_updated_by_its_id(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme", Touchproof_Key__c="app:1/2")

    patched = api.call("PATCH", f"sobjects/Lead/{lead}", json={"FirstName": "Ann"})
    found = api.call("GET", "sobjects/Lead/Touchproof_Key__c/app:1%2F2").json()

    assert patched.status_code == 204
    assert (found["Id"], found["FirstName"]) == (lead, "Ann")


def test_a_null_clears_and_a_missing_field_is_left_alone(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme", FirstName="Ann", Phone="1")

    api.call("PATCH", f"sobjects/Lead/{lead}", json={"FirstName": None})

    record = api.record("Lead", lead)
    assert (record["FirstName"], record["Phone"]) == (None, "1")


def test_an_upsert_by_key_creates_once(api) -> None:
    place = "sobjects/Lead/Touchproof_Key__c/app:1"
    body = {"LastName": "Doe", "Company": "Acme"}

    statuses = [api.call("PATCH", place, json=body).status_code for _ in range(2)]

    assert statuses == [201, 200]
    assert len(api.query("SELECT Id FROM Lead")) == 1


def test_a_key_that_matches_several_records_answers_300(api) -> None:
    for name in ("Doe", "Roe"):
        api.create("Contact", LastName=name, App_User_Id__c="u1")

    assert api.call("GET", "sobjects/Contact/App_User_Id__c/u1").status_code == 300
    answer = api.call("PATCH", "sobjects/Contact/App_User_Id__c/u1", json={"FirstName": "A"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (300, "DUPLICATE_EXTERNAL_ID")


def test_a_deleted_record_is_gone(api) -> None:
    lead = api.create("Lead", LastName="Doe", Company="Acme")
    api.call("DELETE", f"sobjects/Lead/{lead}")

    answer = api.call("GET", f"sobjects/Lead/{lead}")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")


def test_an_unknown_field_refuses_the_whole_request(api) -> None:
    body = {"records": [{"LastName": "Doe", "Company": "A", "Colour": "red"}]}

    answer = api.call("PATCH", "composite/sobjects/Lead/Touchproof_Key__c", json=body)

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def collection(api, records: list[dict[str, object]], *, all_or_none: bool = False):
    body = {"allOrNone": all_or_none, "records": records}
    return api.call("PATCH", "composite/sobjects/Lead/Touchproof_Key__c", json=body)


def test_collections_answers_in_request_order_and_is_one_call(api, control: Control) -> None:
    control.reset_counters()
    records = [
        {"Touchproof_Key__c": f"app:{i}", "LastName": f"L{i}", "Company": "A"} for i in range(200)
    ]
    records[3]["Email"] = "nonsense"

    results = collection(api, records).json()

    assert control.counters().calls == 1
    assert [result["success"] for result in results] == [i != 3 for i in range(200)]
    assert results[3]["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert results[3]["errors"][0]["fields"] == ["Email"]
    named = api.query("SELECT LastName FROM Lead WHERE Touchproof_Key__c = 'app:150'")
    assert named[0]["LastName"] == "L150"


def test_collections_takes_at_most_200_records(api) -> None:
    answer = collection(api, [{"Touchproof_Key__c": f"app:{i}"} for i in range(201)])

    assert answer.status_code == 400


def test_all_or_none_takes_back_the_good_records(api) -> None:
    good = {"Touchproof_Key__c": "app:1", "LastName": "Doe", "Company": "A"}
    bad = {"Touchproof_Key__c": "app:2", "LastName": "Roe"}

    results = collection(api, [good, bad], all_or_none=True).json()

    codes = [result["errors"][0]["statusCode"] for result in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert api.query("SELECT Id FROM Lead") == []


# The allowance


def test_every_answer_tells_the_use_and_every_call_counts_refused_ones_too(api, control) -> None:
    control.reset_counters()
    answers = [
        api.call("GET", "limits"),
        api.call("GET", "query", params={"q": "nonsense"}),
        api.call("GET", "sobjects/Nothing/describe"),
        api.call("POST", "jobs/ingest", json={}),
    ]

    used = [answer.headers["Sforce-Limit-Info"] for answer in answers]

    assert used == [f"api-usage={count}/100000" for count in (1, 2, 3, 4)]
    counters = control.counters()
    assert counters.by_client == {"tester": 4}
    assert counters.by_kind == {"limits": 1, "query": 1, "describe": 1, "bulk_ingest": 1}


def test_limits_tells_what_is_left(api, control: Control) -> None:
    control.limits(max=1000, used_by_others=400)
    api.call("GET", "query", params={"q": "SELECT Id FROM Lead"})

    limits = api.call("GET", "limits").json()

    assert limits["DailyApiRequests"] == {"Max": 1000, "Remaining": 599}


def test_a_spent_allowance_refuses_calls_until_a_day_has_passed(api, control: Control) -> None:
    control.limits(max=2)
    statuses = [api.call("GET", "query", params={"q": "SELECT Id FROM Lead"}) for _ in range(3)]
    control.set_clock(control.clock().replace(day=30, hour=3))
    later = api.call("GET", "query", params={"q": "SELECT Id FROM Lead"})

    assert [answer.status_code for answer in statuses] == [200, 200, 403]
    assert statuses[2].json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    assert later.status_code == 200


def test_expired_sessions_are_refused_until_the_next_login(api, control: Control) -> None:
    control.expire_sessions()

    assert api.call("GET", "limits").status_code == 401
    api.http.headers["Authorization"] = f"Bearer {api.token()}"
    assert api.call("GET", "limits").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_unknown_place_answers_as_salesforce_does(api, method: str) -> None:
    answer = api.call(method, "nowhere")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_control_answers_only_requests_to_this_machine(api) -> None:
    answer = api.http.get(
        f"{api.server.url}/_control/calls", headers={"Host": "evil.example"}, timeout=30
    )

    assert answer.status_code == 403
