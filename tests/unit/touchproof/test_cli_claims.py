"""The commands about claims, on a ledger of issued claims and a published journal."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from bank_cases import FEE, new_bank

from touchproof.cli import run
from touchproof.ledger.actors import acting_user
from touchproof.ledger.claims import claims_by_status, events_of
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.skips.journal import JournalLine, journal_csv, require_balanced
from touchproof.warehouse import connect_warehouse
from touchproof.world_clock import set_world_clock


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Point the command at a world with three claims issued to a bank."""
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", settings.world)
    set_world_clock(settings, datetime(2026, 7, 29, 5, tzinfo=UTC))
    new_bank(Ledger.of(settings))
    return settings


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_decision_is_logged_with_the_user_and_the_reason(
    world: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    done = told(capsys, "claims", "decide", "clm_1", "clm_2", "--to", "accepted",
                "--reason", "by letter", "--accepted-cents", "4000")  # fmt: skip
    assert [row["done"] for row in done] == ["accepted", "accepted"]
    ledger = Ledger.of(world)
    assert claims_by_status(ledger) == {"issued": 1, "accepted": 2}
    event = events_of(ledger, "clm_1")[-1]
    assert (event.actor, event.reason) == (acting_user(), "by letter")
    [row] = [one for one in told(capsys, "claims", "list") if one["claim_id"] == "clm_1"]
    assert (row["status"], row["accepted_cents"], row["fee_cents"]) == ("accepted", 4000, FEE)


def test_a_reason_that_names_a_person_is_refused_without_repeating_it(
    world: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["claims", "decide", "clm_1", "--to", "withdrawn", "--reason"]
    assert run([*asked, "ann@example.com asked us to"]) == 2
    said = capsys.readouterr().err
    assert "holds an e-mail address (clm_1)" in said and "ann@" not in said
    assert claims_by_status(Ledger.of(world)) == {"issued": 3}
    assert run([*asked, "opened by a test account"]) == 0
    assert "its next pack tells it this reason as written" in capsys.readouterr().out


def test_one_wrong_claim_stops_a_decision_about_several(
    world: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["claims", "decide", "clm_1", "clm_x", "--to", "rejected", "--reason", "r"]) == 2
    assert "There is no such claim (claim clm_x)" in capsys.readouterr().err
    assert claims_by_status(Ledger.of(world)) == {"issued": 3}
    assert run(["claims", "decide", "clm_1", "--to", "accepted", "--reason", "r",
                "--accepted-cents", "5001"]) == 2  # fmt: skip
    assert "at most what it owes" in capsys.readouterr().err


def test_ageing_open_items_and_reconcile_answer_on_a_quiet_world(
    world: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    [aged] = told(capsys, "claims", "ageing")
    assert (aged["age_bucket"], aged["claims"], aged["open_cents"]) == ("0-30", 3, 3 * FEE)
    assert told(capsys, "claims", "open-items") == []
    assert told(capsys, "claims", "list", "--overdue") == [], "no terms are published yet"
    report = told(capsys, "claims", "reconcile")
    assert (report["files"], report["lines_applied"]) == (0, 0)


def test_the_journal_is_written_as_balanced_csv(
    world: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    connection = connect_warehouse(world.paths.published)
    connection.execute("create schema marts")
    connection.execute(
        "create table marts.mart_fee_journal as select date '2026-06-01' as month,"
        " null::date as adjusts_month, 'north' as bank_id, 'USD' as currency,"
        " 'earned' as entry_kind, number as account_number, name as account_name,"
        " debit as debit_cents, credit as credit_cents from (values"
        " ('1200', 'Receivable', 700005, 0), ('4100', '=Revenue', 0, 700005))"
        " as lines(number, name, debit, credit)"
    )
    connection.close()
    out = tmp_path / "journal.csv"
    assert run(["claims", "journal", "--period", "2026-06", "--out", str(out)]) == 0
    capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out.read_text(), newline="")))
    assert [(row["debit"], row["credit"]) for row in rows] == [
        ("7000.05", "0.00"),
        ("0.00", "7000.05"),
    ]
    assert not any(row["account_name"].startswith("=") for row in rows)
    assert run(["claims", "journal", "--period", "2026-05"]) == 2
    assert "Nothing was booked in this month" in capsys.readouterr().err


def test_a_journal_that_does_not_balance_is_never_written() -> None:
    line = JournalLine(date(2026, 6, 1), date(2026, 5, 1), "north", "USD", "earned", "1", "A", 1, 0)
    with pytest.raises(Exception, match="1 cents debit, 0 credit"):
        require_balanced([line], "2026-06")
    assert b"2026-06,2026-05,north,USD,earned,1,A,0.01,0.00" in journal_csv([line])
