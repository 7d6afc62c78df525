"""What changes after the issue is told by a later pack, once, and issued packs stay as they are."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from touchproof.errors import CheckFailedError
from touchproof.evidence.told import told_claims
from touchproof.evidence.verify import read_chain, verify
from touchproof.ledger import schema
from touchproof.ledger.claims import move, rows_of
from touchproof.ledger.store import Ledger
from touchproof.skips.reconcile import correct_fees

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

LATER = datetime(2026, 7, 1, 5, tzinfo=UTC)


def _lines(pack: Path) -> list[dict[str, str]]:
    content = (pack / "adjustments.csv").read_text()
    return list(csv.DictReader(io.StringIO(content, newline="")))


def _told(pack: Path) -> list[tuple[str, str, str, str]]:
    return [
        (line["change"], line["before"], line["after"], line["fee_change_cents"])
        for line in _lines(pack)
    ]


def _next_month(world: EvidenceWorld, **options: Any) -> list[Any]:
    world.publish(date(2026, 6, 30))
    return world.export(date(2026, 6, 30), clock=lambda: LATER, **options)


def _move(world: EvidenceWorld, place: int, status: str, reason: str) -> None:
    move(
        Ledger.of(world.settings),
        [world.referrals[place]["claim_id"]],
        status,
        clock=lambda: datetime(2026, 6, 29, 12, tzinfo=UTC),
        actor="os:test",
        reason=reason,
    )


def test_a_chain_with_adjustments_is_whole_and_says_what_they_change(
    long_chain: EvidenceWorld,
) -> None:
    report = verify(long_chain.pack(1).parent)
    assert report.ok, report.faults
    assert report.sentence == (
        "Packs 0001 to 0004 of bank_northlake are whole and signed: 13 claims over 980.64 USD, "
        "26 contacts; 3 adjustments change them by -80.30 USD."
    )
    lines = _lines(long_chain.pack(4))
    assert [(line["change"], line["issued_in_pack"]) for line in lines] == [
        ("withdrawn", "1"),
        ("fee_corrected", "1"),
        ("contact_lost", "2"),
    ]
    assert lines[0]["reason"] == "opened by a test account"
    assert lines[0]["changed_at"] == "2026-06-29T12:00:00Z"
    assert (lines[1]["before"], lines[1]["after"]) == ("7531", "7031")
    assert lines[2]["before"].startswith("2026-04-") and lines[2]["after"] == ""
    assert b"per_" not in b"".join(path.read_bytes() for path in long_chain.pack(4).iterdir())


def test_what_was_told_is_told_once(long_chain: EvidenceWorld) -> None:
    before = long_chain.files()
    reports = long_chain.export(
        date(2026, 6, 30), clock=lambda: LATER + timedelta(days=1), adjust_now=True
    )
    assert {report.outcome for report in reports} == {"unchanged"}
    assert long_chain.files() == before


def test_the_ledger_keeps_what_was_told_for_ever(long_chain: EvidenceWorld) -> None:
    ledger, table = Ledger.of(long_chain.settings), schema.pack_adjustments
    with ledger.reading() as connection:
        rows = connection.execute(select(table).order_by(table.c.adjustment_number)).all()
    assert [(row.change, row.fee_change_cents, row.pack_number) for row in rows] == [
        ("withdrawn", -7530, 4),
        ("fee_corrected", -500, 4),
        ("contact_lost", 0, 4),
    ]
    with pytest.raises(IntegrityError), ledger.transaction() as connection:
        connection.execute(table.delete())


def _owed(world: EvidenceWorld, place: int) -> tuple[int, int, int]:
    """Return a claim's fee as issued, what is owed for it and what of that is constrained."""
    claim_id, table = world.referrals[place]["claim_id"], schema.fee_entries
    mine = select(func.sum(table.c.cents)).where(table.c.claim_id == claim_id)
    with Ledger.of(world.settings).reading() as connection:
        row = rows_of(connection, [claim_id])[claim_id]
        constrained = connection.scalar(mine.where(table.c.kind == "constrained"))
    return row.fee_cents, row.owed_cents, int(constrained or 0)


def test_a_corrected_fee_counts_from_its_packs_issue_on_and_a_withdrawal_only_once(
    chain: EvidenceWorld,
) -> None:
    chain.referrals[0]["fee_cents"] = 7000
    chain.referrals[1]["fee_cents"] = 9000
    _move(chain, 1, "withdrawn", "twice")
    assert _owed(chain, 0) == (7530, 7530, 7530), "nothing counts before it is told"
    _next_month(chain)
    assert _owed(chain, 0) == (7530, 7000, 7000)
    assert _owed(chain, 1) == (7531, 7531, 0)
    table = schema.fee_entries
    query = select(table.c.kind, table.c.cents, table.c.entered_at, table.c.booked_date)
    with Ledger.of(chain.settings).reading() as connection:
        later = connection.execute(query.where(table.c.entered_at == LATER)).all()
    assert [tuple(row) for row in later] == [
        ("billed", -530, LATER, None),
        ("constrained", -530, LATER, None),
    ]
    chain.export(date(2026, 6, 30), clock=lambda: LATER + timedelta(days=1), adjust_now=True)
    assert _owed(chain, 0) == (7530, 7000, 7000)


def test_the_reason_of_a_withdrawal_is_told_whatever_was_booked_about_the_claim_since(
    chain: EvidenceWorld,
) -> None:
    _move(chain, 0, "withdrawn", "opened by a test account")
    claim_id = chain.referrals[0]["claim_id"]
    with Ledger.of(chain.settings).transaction() as connection:
        correct_fees(connection, {claim_id: -5}, date(2026, 6, 29), LATER, "os:test", "a pack")
    _next_month(chain)
    assert _lines(chain.pack(4))[0]["reason"] == "opened by a test account"


def test_without_a_claim_a_closed_month_gives_a_pack_of_adjustments_alone(
    chain: EvidenceWorld,
) -> None:
    before = chain.files()
    _move(chain, 0, "withdrawn", "=SUM(1)")
    (new,) = [report for report in _next_month(chain) if report.outcome == "issued"]
    assert (new.pack_number, new.period, new.claims, new.adjustments) == (4, "2026-06", 0, 1)
    after = chain.files()
    assert {name: after[name] for name in before} == before
    assert _lines(chain.pack(4))[0]["reason"] == "'=SUM(1)"
    assert verify(chain.pack(4).parent).ok
    assert verify(chain.pack(4)).sentence.startswith(
        "Pack 0004 of bank_northlake is whole and signed: 0 claims over nothing new"
    )


def test_adjustments_of_an_issued_month_wait_unless_they_are_asked_for(
    chain: EvidenceWorld,
) -> None:
    _move(chain, 0, "withdrawn", "twice")
    assert {report.outcome for report in chain.export()} == {"unchanged"}
    reports = chain.export(adjust_now=True, bank="bank_northlake")
    assert [(one.pack_number, one.period, one.outcome) for one in reports][-1] == (
        4,
        "2026-05",
        "issued",
    )
    assert verify(chain.pack(4).parent).ok


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fee_cents": 7000}, ("fee_corrected", "7530", "7000", "-530")),
        ({"fee_cents": 8000}, ("fee_corrected", "7530", "8000", "470")),
        (
            {
                "eligibility": "refused",
                "ineligible_reason": "existing_customer",
                "fee_cents": None,
            },
            ("no_longer_eligible", "eligible", "refused: existing_customer", "0"),
        ),
        ({"match_method": "name"}, ("facts_corrected", "email", "name", "0")),
        (
            {"opened_at": datetime(2026, 3, 5, 16, 0)},
            ("facts_corrected", "2026-03-05T15:30:00Z", "2026-03-05T16:00:00Z", "0"),
        ),
        ({"clause": "4.9"}, ("facts_corrected", "4.1", "4.9", "0")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_fact_that_changes_is_told_with_before_and_after(
    chain: EvidenceWorld, change: dict[str, object], expected: tuple[str, ...]
) -> None:
    chain.referrals[0].update(change)
    _next_month(chain)
    assert _told(chain.pack(4)) == [expected]
    assert verify(chain.pack(4).parent).ok


def test_a_merged_person_is_told_by_fingerprints_and_only_once(chain: EvidenceWorld) -> None:
    chain.referrals[0]["person_id"] = "per_merged"
    _next_month(chain)
    ((change, before, after, cents),) = _told(chain.pack(4))
    assert (change, cents) == ("person_changed", "0")
    assert before != after and len(before) == len(after) == 12
    reports = chain.export(date(2026, 6, 30), clock=lambda: LATER, adjust_now=True)
    assert {report.outcome for report in reports} == {"unchanged"}


def test_an_opening_that_its_bank_takes_back_is_told_and_so_is_its_return(
    chain: EvidenceWorld,
) -> None:
    gone = chain.referrals.pop(0)
    _next_month(chain)
    assert _told(chain.pack(4)) == [("opening_gone", "reported", "missing", "0")]
    chain.referrals.append(gone)
    chain.publish(date(2026, 7, 1))
    chain.export(date(2026, 7, 1), clock=lambda: LATER, adjust_now=True)
    assert _told(chain.pack(5)) == [("opening_back", "missing", "reported", "0")]
    assert verify(chain.pack(5).parent).ok


def test_a_contact_found_later_is_told_too(chain: EvidenceWorld) -> None:
    claim_id = chain.referrals[0]["claim_id"]
    last = [row for row in chain.trail if row["claim_id"] == claim_id][-1]
    chain.trail.append(
        {
            **last,
            "contact_order": 3,
            "touched_at": last["touched_at"] + timedelta(hours=1),
            "source_event_id": "f" * 32,
        }
    )
    _next_month(chain)
    ((change, before, after, _),) = _told(chain.pack(4))
    assert (change, before) == ("contact_added", "")
    assert after.endswith("f" * 32)


def test_a_claim_that_was_clawed_back_is_told_with_its_fee_and_then_closed(
    chain: EvidenceWorld,
) -> None:
    _move(chain, 0, "accepted", "statement")
    _move(chain, 0, "clawed_back", "closed within 90 days")
    _next_month(chain)
    assert _told(chain.pack(4)) == [("clawed_back", "claimed", "clawed_back", "-7530")]
    chain.referrals[0]["fee_cents"] = 1
    chain.publish(date(2026, 7, 1))
    later = chain.export(date(2026, 7, 1), clock=lambda: LATER, adjust_now=True)
    assert {report.outcome for report in later} == {"unchanged"}


def test_a_banks_own_decisions_are_no_adjustments(chain: EvidenceWorld) -> None:
    _move(chain, 0, "accepted", "statement")
    _move(chain, 1, "rejected", "statement")
    _move(chain, 2, "disputed", "statement")
    assert {report.outcome for report in _next_month(chain)} == {"unchanged"}


FORGED = {
    "a claim that nobody put": ({"claim_id": "cl_x"}, "adjusts a claim that no earlier pack"),
    "another pack": ({"issued_in_pack": "2"}, "says pack 2, the claim was put in 1"),
    "another before": ({"before": "9999"}, "says fee_cents was 9999, the bank was told 7531"),
    "a sum that doesn't follow": ({"fee_change_cents": "-1"}, "which doesn't follow from it"),
    "a fee that is none": ({"after": "x"}, "says a fee that is no whole number"),
    "a closed claim": ({"claim_id": "", "bank_reference": ""}, "no earlier pack holds"),
    "another reference": ({"bank_reference": "R9"}, "has another reference or currency"),
}


@pytest.mark.parametrize("name", FORGED)
def test_an_adjustment_must_follow_from_what_was_told(long_chain: EvidenceWorld, name: str) -> None:
    """Let the maker itself lie, sealed and signed: the chain contradicts it."""
    values, expected = FORGED[name]
    packs = [pack.told for pack in read_chain(long_chain.pack(1).parent)]
    assert told_claims(packs)[1] == []
    lines = [dict(line) for line in packs[3].adjustments]
    lines[1] |= values
    told, faults = told_claims([*packs[:3], replace(packs[3], adjustments=lines)])
    ((number, fault),) = faults
    assert number == 4 and fault.startswith("row 2 ") and expected in fault
    assert len(told) == 13


def test_an_adjustment_that_contradicts_the_chain_is_never_issued(
    chain: EvidenceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from touchproof.evidence import issuer

    honest = issuer.find_adjustments
    monkeypatch.setattr(
        issuer,
        "find_adjustments",
        lambda *given: [replace(line, before="1") for line in honest(*given)],
    )
    chain.referrals[0]["fee_cents"] = 7000
    before = chain.files()
    with pytest.raises(CheckFailedError, match="would be at fault, so it isn't issued"):
        _next_month(chain)
    assert chain.files() == before
