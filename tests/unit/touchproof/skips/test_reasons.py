"""A person's reason names no person, and what a bank needs to know gets through."""

from __future__ import annotations

import pytest

from touchproof.errors import BadInputError
from touchproof.skips.reasons import MAX_LENGTH, require_reason


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("ann.lee+x@example.co.uk", "an e-mail address"),
        ("+1 (555) 019-9871", "a phone number"),
        ("per_3f9a01", "a person's identifier"),
        ("app:R-1001", "a person's identifier"),
        ("00Q5e000001AbCdEAK", "a person's identifier"),
        ("0035e000001AbCd", "a person's identifier"),
    ],
)
def test_what_names_a_person_is_refused_and_not_repeated(value: str, named: str) -> None:
    with pytest.raises(BadInputError, match=f"holds {named}") as raised:
        require_reason(f"asked by {value}, twice", "clm_1")
    assert value not in str(raised.value)


@pytest.mark.parametrize(
    "reason",
    [
        "Opened by a test account; see clause 4.1 of 2025-1.",
        "by letter of 2026-05-01, reference 0034-555",
        "claim clm_3f9a01 of pack 0003 was put twice: NL-10023",
        "12 % too much; the web form and the app say 2026-05-02",
    ],
)
def test_dates_clauses_packs_claims_and_references_are_no_persons(reason: str) -> None:
    require_reason(reason, "clm_1")


@pytest.mark.parametrize("reason", ["", "  ", "x" * (MAX_LENGTH + 1)])
def test_a_reason_is_there_and_short(reason: str) -> None:
    with pytest.raises(BadInputError):
        require_reason(reason, "clm_1")
