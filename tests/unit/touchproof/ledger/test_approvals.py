"""Above the amount, preparer, reviewer and issuer are three; automation is nobody's second hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pyarrow as pa
import pytest
from sqlalchemy import select

from touchproof.errors import BadInputError
from touchproof.ledger import schema
from touchproof.ledger.actors import acting_as, acting_user, is_person
from touchproof.ledger.approvals import approve
from touchproof.ledger.claims import (
    claims_by_status,
    events_of,
    move,
    plan_into_pack,
    register_candidates,
)
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

Clock = Callable[[], datetime]
SYSTEM = "system:export_evidence"


@pytest.fixture
def strict(settings: Settings) -> Ledger:
    """Return a ledger whose claims of 75.00 are above the amount of 50.00."""
    return Ledger(settings.ledger_location, settings.world, four_eyes_cents=5000)


@pytest.fixture
def held(strict: Ledger, referrals: pa.Table, fixed_clock: Clock) -> str:
    """Return one of the claims that automation prepared and that wait in review."""
    register_candidates(strict, referrals, fixed_clock, SYSTEM)
    return str(referrals["claim_id"][0].as_py())


def _plan(ledger: Ledger, claim_id: str, issuer: str, clock: Clock) -> None:
    with ledger.transaction() as connection:
        connection.execute(
            schema.packs.insert().values(
                bank_id="bank_northlake",
                pack_number=1,
                period="2026-05",
                state="planned",
                night=date(2026, 6, 28),
                head_sha256="h",
                claims=1,
                plan_json="{}",
                actor=issuer,
                issued_at=clock(),
            )
        )
        plan_into_pack(connection, [claim_id], "bank_northlake", 1)


def test_a_fee_at_the_amount_needs_one_hand_and_a_cent_more_needs_three(
    settings: Settings, referrals: pa.Table, fixed_clock: Clock
) -> None:
    at = Ledger(settings.ledger_location, settings.world, four_eyes_cents=7500)
    register_candidates(at, referrals.slice(0, 1), fixed_clock, SYSTEM)
    below = Ledger(settings.ledger_location, settings.world, four_eyes_cents=7499)
    register_candidates(below, referrals.slice(1, 1), fixed_clock, SYSTEM)
    assert claims_by_status(below) == {"candidate": 1, "review": 1}


def test_the_system_prepares_a_person_reviews_another_releases_and_the_system_packs(
    strict: Ledger, held: str, fixed_clock: Clock
) -> None:
    assert approve(strict, held, clock=fixed_clock, actor="os:ann", reason="trail read") == (
        "reviewed"
    )
    assert claims_by_status(strict)["review"] == 3
    assert approve(strict, held, clock=fixed_clock, actor="airflow:bob", reason="agreed") == (
        "released"
    )
    _plan(strict, held, SYSTEM, fixed_clock)
    told = [(event.actor, event.to_status, event.reason) for event in events_of(strict, held)]
    assert [actor for actor, _, _ in told] == [SYSTEM, SYSTEM, "os:ann", "airflow:bob"]
    assert told[2][1:] == ("review", "reviewed: trail read")


@pytest.mark.parametrize(
    ("reviewer", "releaser", "named"),
    [
        (SYSTEM, "os:bob", "Automation can't"),
        ("os:ann", "os:ann", "os:ann reviewed this claim"),
        ("os:ann", SYSTEM, "Automation can't"),
    ],
)
def test_the_same_hand_or_automation_is_refused_in_one_sentence(
    strict: Ledger, held: str, fixed_clock: Clock, reviewer: str, releaser: str, named: str
) -> None:
    with pytest.raises(BadInputError, match=named):
        for actor in (reviewer, releaser):
            approve(strict, held, clock=fixed_clock, actor=actor, reason="r")
    assert "candidate" not in claims_by_status(strict)


def test_who_prepared_a_claim_by_hand_can_neither_review_nor_release_it(
    strict: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(strict, referrals, fixed_clock, "os:ann")
    claim_id = referrals["claim_id"][0].as_py()
    with pytest.raises(BadInputError, match="os:ann prepared this claim"):
        approve(strict, claim_id, clock=fixed_clock, actor="os:ann", reason="r")
    approve(strict, claim_id, clock=fixed_clock, actor="os:bob", reason="r")
    with pytest.raises(BadInputError, match="os:ann prepared this claim"):
        approve(strict, claim_id, clock=fixed_clock, actor="os:ann", reason="r")


def test_the_reviewer_cannot_issue_by_hand_but_who_released_can(
    strict: Ledger, held: str, fixed_clock: Clock
) -> None:
    for actor in ("os:ann", "os:bob"):
        approve(strict, held, clock=fixed_clock, actor=actor, reason="r")
    with pytest.raises(BadInputError, match="os:ann prepared or reviewed"):
        _plan(strict, held, "os:ann", fixed_clock)
    _plan(strict, held, "os:bob", fixed_clock)


def test_a_claim_that_nobody_released_is_never_packed(
    strict: Ledger, held: str, fixed_clock: Clock
) -> None:
    with pytest.raises(BadInputError, match="wasn't reviewed and released"):
        _plan(strict, held, SYSTEM, fixed_clock)


def test_a_changed_fee_sends_a_released_claim_back_to_review(
    strict: Ledger, held: str, referrals: pa.Table, fixed_clock: Clock
) -> None:
    for actor in ("os:ann", "os:bob"):
        approve(strict, held, clock=fixed_clock, actor=actor, reason="r")
    rows = referrals.to_pylist()
    rows[0]["fee_cents"] = 8000
    register_candidates(strict, pa.Table.from_pylist(rows), fixed_clock, SYSTEM)
    assert claims_by_status(strict) == {"review": 3}
    with strict.reading() as connection:
        query = select(schema.claim_controls).where(schema.claim_controls.c.claim_id == held)
        row = connection.execute(query).one()
    assert (row.prepared_by, row.reviewed_by, row.released_by) == (SYSTEM, None, None)


def test_a_claim_put_into_review_by_a_person_comes_back_by_one_person(
    ledger: Ledger, referrals: pa.Table, fixed_clock: Clock
) -> None:
    register_candidates(ledger, referrals, fixed_clock, SYSTEM)
    claim_id = referrals["claim_id"][0].as_py()
    move(ledger, [claim_id], "review", clock=fixed_clock, actor="os:ann", reason="odd address")
    approve(ledger, claim_id, clock=fixed_clock, actor="os:ann", reason="it is the same person")
    assert claims_by_status(ledger) == {"candidate": 3}


def test_an_approval_needs_a_reason_and_a_claim_in_review(
    strict: Ledger, held: str, fixed_clock: Clock
) -> None:
    with pytest.raises(BadInputError, match="needs a reason"):
        approve(strict, held, clock=fixed_clock, actor="os:ann", reason=" ")
    with pytest.raises(BadInputError, match="no such claim"):
        approve(strict, "clm_x", clock=fixed_clock, actor="os:ann", reason="r")
    move(strict, [held], "withdrawn", clock=fixed_clock, actor="os:ann", reason="r")
    with pytest.raises(BadInputError, match="withdrawn doesn't wait"):
        approve(strict, held, clock=fixed_clock, actor="os:ann", reason="r")


def test_who_acts_is_the_computers_user_unless_the_edge_says_otherwise() -> None:
    assert acting_user().startswith("os:") and is_person(acting_user())
    with acting_as("system:export_evidence"):
        assert acting_user() == "system:export_evidence"
        assert not is_person(acting_user())
    assert acting_user().startswith("os:")
