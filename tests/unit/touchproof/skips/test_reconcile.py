"""The step `reconcile` applies what landed and passed the gate, once, and survives being killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bank_cases import FEE, NIGHT, Bank, new_bank
from sqlalchemy import select

from touchproof.errors import BadInputError
from touchproof.ledger import schema
from touchproof.ledger.claims import claims_by_status, events_of, register_candidates
from touchproof.ledger.store import Ledger
from touchproof.quality.gate import run_gate
from touchproof.settings import Settings
from touchproof.skips.decide import Decision, decide
from touchproof.skips.reconcile import reconcile
from touchproof.skips.terms import Terms, TermsBook
from touchproof.skips.waiting import aged_claims, count_open_items, open_items, overdue_claims
from touchproof.sources.extract import extract

Clock = Callable[[], datetime]
STATEMENT = "statement_id,line,statement_date,claim_id,reference,status,amount,reason\n"
REMITTANCE = "payment_id,line,value_date,claim_id,reference,amount,payment_total\n"
FIRST, SECOND = date(2026, 6, 26), date(2026, 6, 27)


def drop(settings: Settings, name: str, text: str, arrives: date) -> None:
    folder = settings.drops / arrives.isoformat() / "bank_northlake"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def land(settings: Settings, night: date, clock: Clock) -> None:
    extract("bank_northlake", night, settings, clock)
    run_gate(settings, night, clock)


@pytest.fixture
def world(settings: Settings, fixed_clock: Clock) -> Settings:
    """Return a world whose Northlake answered three issued claims on two days."""
    new_bank(Ledger.of(settings), bank_id="northlake")
    drop(settings, "statement_20260626.csv", STATEMENT
         + "S1,1,2026-06-26,clm_1,N1,ACC,50.00,\nS1,2,2026-06-26,clm_2,N2,ACC,40.00,\n"
         + "S1,3,2026-06-26,,N99,ACC,25.00,\n", FIRST)  # fmt: skip
    drop(settings, "remittance_20260627.csv", REMITTANCE
         + "P1,1,2026-06-27,clm_1,N1,50.00,100.00\nP1,2,2026-06-27,clm_2,N2,50.00,100.00\n",
         SECOND)  # fmt: skip
    land(settings, NIGHT, fixed_clock)
    return settings


def found(settings: Settings) -> tuple[object, ...]:
    """Return all that reconciling changes, without the moments at which it did."""
    bank = Bank(Ledger.of(settings))
    with bank.ledger.reading() as connection:
        events = [
            (row.claim_id, row.from_status, row.to_status, row.reason)
            for row in connection.execute(
                select(schema.claim_events).order_by(schema.claim_events.c.id)
            )
        ]
    claims = [bank.claim(f"clm_{number}") for number in (1, 2, 3)]
    return claims, dict(bank.cents()), bank.entries(), events, count_open_items(bank.ledger)


def test_what_landed_moves_the_claims_and_a_second_run_changes_nothing(
    world: Settings, fixed_clock: Clock
) -> None:
    report = reconcile(world, NIGHT, fixed_clock, "system:test")
    assert (report.files, report.lines_applied, report.open_items) == (2, 5, 2)
    before = found(world)
    assert before[0] == [("paid", FEE, FEE), ("paid", 4000, 4000), ("issued", None, None)]
    assert before[1] == {"billed": 15000, "constrained": 5000, "earned": 9000, "received": 10000,
                         "applied": 9000, "on_account": 1000}  # fmt: skip
    again = reconcile(world, NIGHT, fixed_clock, "system:test")
    assert again.lines_applied == 0
    assert found(world) == before


def test_a_corrected_file_of_a_later_day_supersedes_the_first(
    world: Settings, fixed_clock: Clock
) -> None:
    reconcile(world, NIGHT, fixed_clock, "system:test")
    drop(world, "statement_20260626.csv", STATEMENT
         + "S1,1,2026-06-26,clm_1,N1,ACC,50.00,\nS1,2,2026-06-26,clm_2,N2,ACC,45.00,\n"
         + "S1,3,2026-06-26,clm_3,N3,REJ,,R02\n", NIGHT)  # fmt: skip
    land(world, NIGHT, fixed_clock)
    report = reconcile(world, NIGHT, fixed_clock, "system:test")
    assert (report.lines_applied, report.open_items) == (2, 1)
    assert found(world)[0] == [("paid", FEE, FEE), ("paid", 4500, 4500), ("rejected", None, None)]
    [event] = [e for e in events_of(Ledger.of(world), "clm_3") if e.to_status == "rejected"]
    assert event.reason == "statement S1, line 3: rejected (duplicate)"


def test_a_file_of_a_later_night_does_not_count_yet(world: Settings, fixed_clock: Clock) -> None:
    report = reconcile(world, FIRST, fixed_clock, "system:test")
    assert (report.files, found(world)[0][0]) == (1, ("accepted", FEE, None))


def test_a_line_that_the_gate_refused_is_never_applied(
    settings: Settings, fixed_clock: Clock
) -> None:
    new_bank(Ledger.of(settings), bank_id="northlake")
    drop(settings, "statement_20260626.csv", STATEMENT
         + "S1,1,2026-06-26,clm_1,N1,PERHAPS,50.00,\n", FIRST)  # fmt: skip
    land(settings, NIGHT, fixed_clock)
    assert reconcile(settings, NIGHT, fixed_clock, "system:test").lines_applied == 0
    assert found(settings)[0][0] == ("issued", None, None)


KILLED = """
import os, sys
from datetime import date, datetime, UTC
from touchproof.settings import Settings
from touchproof.skips import settling
from touchproof.skips.reconcile import reconcile

countdown = [int(sys.argv[1])]
original = settling.Settler._write

def write(self, row):
    original(self, row)
    countdown[0] -= 1
    if countdown[0] == 0:
        os.kill(os.getpid(), 9)

settling.Settler._write = write
now = datetime(2026, 6, 29, 5, tzinfo=UTC)
reconcile(Settings(), date(2026, 6, 28), lambda: now, "system:test")
"""


@pytest.mark.parametrize("line", [1, 2, 3, 4, 5])
def test_a_run_killed_at_any_line_leaves_whole_files_and_the_next_run_ends_the_same(
    world: Settings, fixed_clock: Clock, tmp_path: Path, line: int
) -> None:
    environment = {
        **os.environ,
        "TOUCHPROOF_DATA_DIR": str(world.data_dir),
        "TOUCHPROOF_WORLD": world.world,
    }
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(line)], env=environment, check=False, timeout=120
    )
    assert ended.returncode == -9
    bank = Bank(Ledger.of(world))
    with bank.ledger.reading() as connection:
        lines = len(connection.execute(select(schema.bank_lines)).all())
    assert lines == (0 if line <= 3 else 3), "a file is applied whole or not at all"
    reconcile(world, NIGHT, fixed_clock, "system:test")
    claims, cents, entries, events, items = found(world)
    assert claims == [("paid", FEE, FEE), ("paid", 4000, 4000), ("issued", None, None)]
    assert (cents["received"], cents["applied"], cents["on_account"]) == (10000, 9000, 1000)
    assert (entries, items) == (15, 2)
    assert len(events) == 3 + 3 + 2 + 2


# Deadlines

TERMS = Terms("northlake", "savings", "referral", date(2026, 1, 1), None, 57, 30, 10, 90)
BOOK = TermsBook([TERMS])


def test_a_claim_that_was_not_issued_in_time_expires_by_rule_with_an_event(
    settings: Settings, fixed_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.of(settings)
    rows = [
        {
            "claim_id": f"clm_{day}",
            "bank_id": "northlake",
            "bank_opening_id": f"northlake:{day}",
            "fee_kind": "referral",
            "person_id": "per",
            "product_line": "savings",
            "opened_at": datetime(2026, 5, day),
            "opened_date": date(2026, 5, day),
            "fee_cents": FEE,
            "currency": "USD",
            "eligibility": "eligible",
        }
        for day in (1, 2)
    ]
    register_candidates(ledger, pa.Table.from_pylist(rows), fixed_clock, "system:test")
    monkeypatch.setattr("touchproof.skips.reconcile.committed_terms", lambda _settings: BOOK)
    for _ in range(2):
        reconcile(settings, NIGHT, fixed_clock, "system:test")
    assert claims_by_status(ledger) == {"candidate": 1, "expired": 1}
    event = events_of(ledger, "clm_1")[-1]
    assert event.reason == "not put to the bank by 2026-06-27, the terms' deadline"


def test_a_bank_that_does_not_answer_in_time_is_overdue(settings: Settings) -> None:
    ledger = new_bank(Ledger.of(settings), bank_id="northlake").ledger
    issued = date(2026, 6, 29)
    assert overdue_claims(ledger, BOOK, issued + timedelta(days=30)) == []
    late = overdue_claims(ledger, BOOK, issued + timedelta(days=31))
    assert [(one.claim_id, one.days_overdue, one.waits_for) for one in late] == [
        (f"clm_{number}", 1, "answer") for number in (1, 2, 3)
    ]
    assert overdue_claims(ledger, TermsBook(()), date(2030, 1, 1)) == []


def _decide(settings: Settings, status: str, today: date, clock: Clock) -> None:
    decide(
        Ledger.of(settings),
        ["clm_1"],
        Decision(status, "they sent papers"),
        terms=BOOK,
        today=today,
        clock=clock,
        actor="os:ann",
    )


def test_a_rejection_may_be_disputed_until_the_terms_say_no_more(
    settings: Settings, fixed_clock: Clock
) -> None:
    bank = new_bank(Ledger.of(settings), bank_id="northlake")
    _decide(settings, "rejected", NIGHT, fixed_clock)
    rejected = fixed_clock().date()
    with pytest.raises(BadInputError, match="time to dispute this rejection ended"):
        _decide(settings, "disputed", rejected + timedelta(days=11), fixed_clock)
    _decide(settings, "disputed", rejected + timedelta(days=10), fixed_clock)
    assert bank.claim()[0] == "disputed"
    late = overdue_claims(bank.ledger, BOOK, rejected + timedelta(days=11))
    assert [one.waits_for for one in late] == ["end of the dispute"]


@pytest.mark.parametrize(
    ("status", "named"),
    [("issued", "issued by its pack"), ("paid", "not decided by a person"),
     ("part_paid", "not decided"), ("expired", "not decided")],
)  # fmt: skip
def test_neither_issue_nor_payment_is_a_persons_decision(
    settings: Settings, fixed_clock: Clock, status: str, named: str
) -> None:
    new_bank(Ledger.of(settings), bank_id="northlake")
    with pytest.raises(BadInputError, match=named):
        _decide(settings, status, NIGHT, fixed_clock)


def test_a_claw_back_is_late_so_many_days_after_the_payment() -> None:
    claim = {"bank_id": "northlake", "product_line": "savings", "fee_kind": "referral",
             "opened_date": date(2026, 5, 1), "status": "paid",
             "status_at": datetime(2026, 6, 1)}  # fmt: skip
    assert not BOOK.is_claw_back_late(claim, date(2026, 8, 30))
    assert BOOK.is_claw_back_late(claim, date(2026, 8, 31))
    assert not BOOK.is_claw_back_late({**claim, "status": "accepted"}, date(2027, 1, 1))
    assert BOOK.of({**claim, "opened_date": date(2025, 12, 31)}) is None


def test_open_items_and_ages_are_told_as_the_ledger_has_them(
    world: Settings, fixed_clock: Clock
) -> None:
    reconcile(world, NIGHT, fixed_clock, "system:test")
    ledger = Ledger.of(world)
    assert [(item.document_id, item.outcome, item.cents) for item in open_items(ledger)] == [
        ("S1", "unknown_reference", 2500),
        ("P1", "over_payment", 5000),
    ]
    assert open_items(ledger, "maple") == []
    for days, bucket in ((30, "0-30"), (31, "31-60"), (61, "61-90"), (91, "90+")):
        [aged] = aged_claims(ledger, date(2026, 6, 29) + timedelta(days=days))
        assert (aged.age_bucket, aged.claims, aged.open_cents) == (bucket, 1, FEE)
        assert aged.waits_for == "unanswered"


def test_landed_parts_keep_the_banks_rows(world: Settings) -> None:
    [part] = world.paths.landing.glob("bank_northlake/statements/*/*/part-*.parquet")
    assert pq.read_table(part, partitioning=None)["status"].to_pylist() == ["accepted"] * 3
