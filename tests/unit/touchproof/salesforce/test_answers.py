"""Reading Salesforce's headers, error texts and results."""

from __future__ import annotations

import pytest

from touchproof.salesforce.answers import (
    Job,
    LimitUsage,
    RowError,
    SalesforceCallError,
    UpsertResult,
    parse_limit_info,
    parse_row_error,
)


@pytest.mark.parametrize(
    "header",
    [
        "api-usage=18/5000",
        "api-usage=18/5000; api-bursts=1/750",
        "api-usage=18/5000; per-app-api-usage=17/250(appName=x)",
        "per-app-api-usage=17/250(appName=x); api-usage=18/5000",
        "something=1/2,api-usage=18/5000",
    ],
)
def test_the_orgs_usage_is_read_wherever_it_stands(header: str) -> None:
    assert parse_limit_info(header) == LimitUsage(used=18, max=5000)


@pytest.mark.parametrize("header", [None, "", "per-app-api-usage=17/250(appName=x)", "api-usage="])
def test_a_header_without_the_orgs_usage_tells_nothing(header: str | None) -> None:
    assert parse_limit_info(header) is None


def test_what_remains_is_never_negative() -> None:
    assert LimitUsage(used=12, max=10).remaining == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ENTITY_IS_DELETED:entity is deleted:--", RowError("ENTITY_IS_DELETED")),
        (
            "REQUIRED_FIELD_MISSING:Required fields are missing: [A, B]:A, B --",
            RowError("REQUIRED_FIELD_MISSING", ("A", "B")),
        ),
        (
            "INVALID_EMAIL_ADDRESS:Email: invalid email address: a:b\nc:Email --",
            RowError("INVALID_EMAIL_ADDRESS", ("Email",)),
        ),
        ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access", RowError("UNABLE_TO_LOCK_ROW")),
        ("something else", RowError("UNKNOWN")),
    ],
)
def test_a_row_error_gives_its_code_and_fields_without_the_message(
    text: str, error: RowError
) -> None:
    assert parse_row_error(text) == error


def test_a_refused_record_of_a_collection_keeps_no_message() -> None:
    answer = {
        "success": False,
        "errors": [
            {"statusCode": "string_too_long", "message": "Ann Doe", "fields": ["FirstName"]}
        ],
    }

    result = UpsertResult.from_answer(answer)

    assert result == UpsertResult(False, errors=(RowError("STRING_TOO_LONG", ("FirstName",)),))


@pytest.mark.parametrize(
    ("state", "is_terminal"),
    [
        ("Open", False),
        ("UploadComplete", False),
        ("InProgress", False),
        ("JobComplete", True),
        ("Failed", True),
        ("Aborted", True),
    ],
)
def test_a_job_knows_whether_it_has_ended(state: str, is_terminal: bool) -> None:
    assert Job.from_answer({"id": "750", "state": state}).is_terminal is is_terminal


@pytest.mark.parametrize(
    ("status", "is_transient", "is_outcome_unknown"),
    [
        (None, True, True),
        (503, True, True),
        (429, True, False),
        (420, True, False),
        (400, False, False),
        (403, False, False),
        (500, True, True),
    ],
)
def test_an_error_knows_whether_to_try_again_and_whether_it_may_have_happened(
    status: int | None, is_transient: bool, is_outcome_unknown: bool
) -> None:
    error = SalesforceCallError("refused", code="X", status=status)

    assert (error.is_transient, error.is_outcome_unknown) == (is_transient, is_outcome_unknown)
    assert error.todo


@pytest.mark.parametrize("member", ["duplicateResult", "duplicateResut"])
def test_a_duplicate_error_names_the_records_that_match(member: str) -> None:
    match = {"attributes": {"type": "Contact", "url": "/x"}, "Id": "003000000000001AAA"}
    found = {
        "allowSave": True,
        "matchResults": [
            {"entityType": "Contact", "matchRecords": [{"record": match}], "size": 1},
            {"entityType": "Lead", "matchRecords": [{"record": {"Id": "00Q000000000001AAA"}}]},
        ],
    }
    error = {"statusCode": "DUPLICATES_DETECTED", "message": "?", "fields": [], member: found}
    result = UpsertResult.from_answer({"success": False, "errors": [error]})
    assert result.matches == (("Contact", "003000000000001AAA"), ("Lead", "00Q000000000001AAA"))
    assert result.errors[0].code == "DUPLICATES_DETECTED"


def test_a_refusal_without_matches_has_none() -> None:
    error = {"statusCode": "DUPLICATES_DETECTED", "message": "?", "fields": []}
    assert UpsertResult.from_answer({"success": False, "errors": [error]}).matches == ()
