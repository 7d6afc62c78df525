"""Packs are issued whole or not at all, once, with exactly what their bank may see."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence.verify import verify
from touchproof.ledger import schema
from touchproof.ledger.backup import backup, restore
from touchproof.ledger.claims import claims_by_status, events_of, move
from touchproof.ledger.store import Ledger

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

NORTHLAKE, MAPLE = "bank_northlake", "bank_maple"
FILES = 7
STEPS = ("staged", "planned", "renamed", "issued")


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def _pack_states(world: EvidenceWorld) -> list[tuple[str, int, str]]:
    with Ledger.of(world.settings).reading() as connection:
        table = schema.packs
        rows = connection.execute(select(table.c.bank_id, table.c.pack_number, table.c.state))
        return [tuple(row) for row in rows]


def test_the_closed_months_of_each_bank_are_issued_in_order(chain: EvidenceWorld) -> None:
    reports = chain.export()
    assert [(report.bank_id, report.pack_number, report.period) for report in reports] == [
        (MAPLE, 1, "2026-05"),
        (NORTHLAKE, 1, "2026-03"),
        (NORTHLAKE, 2, "2026-04"),
        (NORTHLAKE, 3, "2026-05"),
    ]
    first = reports[1]
    assert first.path == "evidence/bank_northlake/0001"
    assert (first.claims, first.touches) == (4, 8)
    assert first.fees == {"USD": 4 * 7500 + 30 + 31 + 32 + 33}
    assert claims_by_status(Ledger.of(chain.settings)) == {"issued": 13}
    for bank in (NORTHLAKE, MAPLE):
        report = verify(chain.settings.paths.evidence / bank)
        assert report.ok, report.faults


def test_a_repeated_export_changes_no_byte(chain: EvidenceWorld) -> None:
    before = chain.files()
    later = chain.export(clock=lambda: datetime(2026, 7, 9, tzinfo=UTC))
    assert {report.outcome for report in later} == {"unchanged"}
    assert chain.files() == before
    assert len(before) == 4 * FILES


def test_a_pack_shows_what_its_bank_needs_and_nothing_else(chain: EvidenceWorld) -> None:
    folder = chain.pack(1, MAPLE)
    (claim,) = _rows((folder / "claims.csv").read_bytes())
    assert claim == {
        "claim_id": chain.referrals[-1]["claim_id"],
        "bank_reference": "R00001",
        "product_line": "savings",
        "fee_kind": "opening",
        "contract_version": "2025-1",
        "clause": "4.1",
        "referral_window_days": "90",
        "opened_date": "2026-05-02",
        "opened_at": "2026-05-02T15:30:00Z",
        "is_date_only": "false",
        "first_touched_at": "2026-04-29T15:29:00Z",
        "match_method": "email",
        "touches": "3",
        "fee_cents": "7501",
        "currency": "CAD",
    }
    touches = _rows((folder / "touches.csv").read_bytes())
    assert [touch["touch_number"] for touch in touches] == ["1", "2", "3"]
    assert touches[0]["batch"] == "abababababab"
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"northlake" not in content
    assert b"per_" not in content
    assert b"bank_maple:" not in content


def test_the_manifest_says_what_the_pack_rests_on(chain: EvidenceWorld) -> None:
    manifest = json.loads((chain.pack(2) / "manifest.json").read_bytes())
    assert manifest["issued_at"] == "2026-06-29T05:00:00Z"
    assert manifest["landed_batches"] == [{"batch": "ab" * 6, "content_sha256": "ab" * 32}]
    assert manifest["totals"] == [
        {"currency": "USD", "claims": 4, "fee_cents": 4 * 7500 + 40 + 41 + 42 + 43}
    ]
    assert manifest["previous_manifest_sha256"] == verify(chain.pack(1)).head_sha256
    assert {file["name"]: file["rows"] for file in manifest["files"]} == {
        "adjustments.csv": 0,
        "claims.csv": 4,
        "evidence.pdf": 4,
        "summary.xlsx": 4,
        "touches.csv": 8,
    }
    assert (manifest["kind"], manifest["is_sandbox"]) == ("claims", True)
    assert manifest["signing_key"]["key_id"].startswith("sandbox-")
    assert [line["clause"] for line in manifest["terms"]] == ["4.1"]
    assert len(manifest["code"]["queries"]) == 4


def test_a_late_opening_goes_into_the_next_pack_and_no_issued_one_changes(
    chain: EvidenceWorld,
) -> None:
    before = chain.files()
    late = chain.skip(99, date(2026, 3, 20))
    june = chain.skip(98, date(2026, 6, 30))
    chain.publish(date(2026, 6, 29))
    assert {report.outcome for report in chain.export(date(2026, 6, 29))} == {"unchanged"}
    chain.publish(date(2026, 6, 30))
    new = [r for r in chain.export(date(2026, 6, 30)) if r.outcome == "issued"]
    assert [(report.pack_number, report.period) for report in new] == [(4, "2026-06")]
    rows = _rows((chain.pack(4) / "claims.csv").read_bytes())
    assert [row["claim_id"] for row in rows] == [late, june]
    after = chain.files()
    assert {name: after[name] for name in before} == before
    assert verify(chain.pack(4).parent).ok


def test_what_isnt_eligible_any_more_isnt_issued(world: EvidenceWorld) -> None:
    kept = world.skip(1, date(2026, 6, 3))
    dropped = world.skip(2, date(2026, 6, 4))
    world.publish()
    assert world.export() == []
    world.referrals[1]["eligibility"] = "ineligible"
    withdrawn = world.skip(3, date(2026, 6, 5))
    world.publish(date(2026, 6, 29))
    world.export(date(2026, 6, 29))
    ledger = Ledger.of(world.settings)
    move(
        ledger,
        [withdrawn],
        "withdrawn",
        clock=lambda: datetime(2026, 6, 29, tzinfo=UTC),
        actor="os:test",
        reason="a duplicate",
    )
    world.publish(date(2026, 6, 30))
    (report,) = world.export(date(2026, 6, 30))
    assert report.claims == 1
    assert [event.to_status for event in events_of(ledger, kept)] == ["candidate", "issued"]
    assert [event.to_status for event in events_of(ledger, dropped)] == ["candidate"]


def test_an_export_up_to_a_month_stops_there(world: EvidenceWorld) -> None:
    for month in (3, 4, 5):
        world.skip(month, date(2026, month, 9))
    world.publish()
    assert [report.period for report in world.export(period="2026-04")] == ["2026-03", "2026-04"]
    assert [report.period for report in world.export()][-1] == "2026-05"


def test_an_export_of_one_bank_leaves_the_others(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9))
    world.skip(2, date(2026, 5, 9), bank=MAPLE)
    world.publish()
    assert [report.bank_id for report in world.export(bank=MAPLE)] == [MAPLE]
    assert not world.pack(1).exists()
    with pytest.raises(BadInputError, match="no such bank"):
        world.export(bank="bank_nowhere")


def test_an_open_month_a_wrong_month_and_a_world_without_a_night_are_bad_input(
    world: EvidenceWorld,
) -> None:
    with pytest.raises(BadInputError, match="Nothing has been published"):
        world.export()
    world.skip(1, date(2026, 6, 9))
    world.publish()
    with pytest.raises(BadInputError, match="isn't closed yet"):
        world.export(period="2026-06")
    with pytest.raises(BadInputError, match="YYYY-MM"):
        world.export(period="June")
    assert world.files() == {}


@pytest.mark.parametrize(
    ("fault", "touch"),
    [
        ("no contact", None),
        ("isn't before the opening", {"touched_at": datetime(2026, 5, 9, 15, 30)}),
        ("another first contact", {"touched_at": datetime(2026, 5, 1)}),
        ("numbered", {"contact_order": 2}),
        ("no landed_at", {"landed_at": None}),
    ],
)
def test_a_claim_that_its_trail_doesnt_prove_stops_the_pack(
    world: EvidenceWorld, fault: str, touch: dict[str, Any] | None
) -> None:
    world.skip(1, date(2026, 5, 9), touches=1)
    if touch is None:
        world.trail.clear()
    else:
        world.trail[0].update(touch)
        if touch.get("touched_at") == datetime(2026, 5, 9, 15, 30):
            world.referrals[0]["first_touched_at"] = touch["touched_at"]
    world.publish()
    with pytest.raises(CheckFailedError, match=fault):
        world.export()
    assert world.files() == {}
    assert _pack_states(world) == []


def test_another_banks_line_in_the_trail_stops_the_pack(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9))
    world.trail[1]["bank_id"] = MAPLE
    world.publish()
    with pytest.raises(CheckFailedError, match="exactly this bank's claims"):
        world.export()
    assert world.files() == {}


def test_a_changed_handoff_stops_the_export(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    versions = world.settings.paths.handoff(date(2026, 6, 28)).parent / ".versions"
    (file,) = versions.glob("*/evidence/mart_commission_evidence.parquet")
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(CheckFailedError, match="missing or changed"):
        world.export()
    assert world.files() == {}


def test_a_bank_reference_that_is_a_formula_is_only_text_in_the_pack(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9), bank_opening_id=f'{NORTHLAKE}:=HYPERLINK("http://x")')
    world.skip(2, date(2026, 5, 9), bank_opening_id=f"{NORTHLAKE}:-12345")
    world.publish()
    world.export()
    rows = _rows((world.pack(1) / "claims.csv").read_bytes())
    assert sorted(row["bank_reference"] for row in rows) == [
        '\'=HYPERLINK("http://x")',
        "-12345",
    ]
    assert verify(world.pack(1)).ok


def test_a_bank_that_could_name_another_folder_is_refused(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9), bank="../outside")
    world.publish()
    with pytest.raises(BadInputError, match="can't name a folder"):
        world.export()
    assert not (world.settings.paths.root / "outside").exists()


@pytest.mark.parametrize("change", ["byte", "folder", "extra", "unknown pack"])
def test_a_changed_issued_pack_stops_every_later_export(chain: EvidenceWorld, change: str) -> None:
    folder = chain.pack(2)
    if change == "byte":
        file = folder / "claims.csv"
        file.chmod(0o644)
        file.write_bytes(file.read_bytes().replace(b"7540", b"9540"))
    elif change == "folder":
        shutil.rmtree(folder)
    elif change == "extra":
        (folder / "note.txt").write_text("x")
    else:
        shutil.copytree(folder, chain.pack(4))
    with pytest.raises(CheckFailedError):
        chain.export()


def test_a_ledger_restored_from_before_the_issue_never_overwrites_the_pack(
    world: EvidenceWorld,
) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    ledger = Ledger.of(world.settings)
    report = backup(world.settings, date(2026, 6, 28), lambda: datetime(2026, 6, 29, tzinfo=UTC))
    world.export()
    before = world.files()
    assert len(before) == FILES
    restore(
        world.settings,
        world.settings.paths.root / report.path,
        lambda: datetime(2026, 6, 30, tzinfo=UTC),
    )
    with pytest.raises(CheckFailedError, match="the ledger doesn't know"):
        world.export(clock=lambda: datetime(2026, 6, 30, tzinfo=UTC))
    assert world.files() == before
    assert claims_by_status(ledger) == {"candidate": 1}


def test_the_row_of_an_issued_pack_refuses_to_change(chain: EvidenceWorld) -> None:
    ledger = Ledger.of(chain.settings)
    for statement in (
        schema.packs.update().values(head_sha256="0" * 64),
        schema.packs.delete(),
    ):
        with pytest.raises(IntegrityError), ledger.transaction() as connection:
            connection.execute(statement)
    assert {report.outcome for report in chain.export()} == {"unchanged"}


def test_two_exports_at_once_issue_each_pack_once(world: EvidenceWorld) -> None:
    for month in (3, 4, 5):
        world.skip(month, date(2026, month, 9))
    world.publish()
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.extend(r.outcome for r in world.export()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["issued"] * 3 + ["unchanged"] * 3
    assert verify(world.pack(1).parent).packs == 3


_KILLED = """
import os, signal, sys
from datetime import UTC, date, datetime
from pathlib import Path
from touchproof.evidence.export import export_packs
from touchproof.settings import Settings
data_dir, step, number = sys.argv[1:]
seen = []
def on_step(name):
    seen.append(name)
    if name == step and seen.count(step) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(data_dir=Path(data_dir), world="test")
clock = lambda: datetime(2026, 6, 29, 5, tzinfo=UTC)
export_packs(settings, date(2026, 6, 28), clock, actor="os:test", on_step=on_step)
"""


def _kill_at(world: EvidenceWorld, step: str, number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(world.settings.data_dir), step, str(number)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_whole_packs_and_the_next_run_finishes(
    world: EvidenceWorld, step: str, number: int
) -> None:
    for month in (3, 4, 5):
        for skip in range(3):
            world.skip(month * 10 + skip, date(2026, month, 9))
    world.publish()
    _kill_at(world, step, number)
    placed = world.files()
    whole = STEPS.index(step) >= STEPS.index("renamed")
    assert len(placed) == FILES * (number if whole else number - 1)
    if placed:
        assert verify(world.pack(1).parent).ok
    # another night is published meanwhile, with another batch and another fee
    for row in world.referrals:
        row["fee_cents"] += 1
    for row in world.trail:
        row["landed_at"] += timedelta(hours=1)
    planned = {row[1] for row in _pack_states(world)}
    world.publish(date(2026, 6, 29))
    reports = world.export(date(2026, 6, 29), clock=lambda: datetime(2026, 6, 30, 5, tzinfo=UTC))
    after = world.files()
    assert {name: after[name] for name in placed} == placed
    assert len(after) == 3 * FILES
    assert verify(world.pack(1).parent).ok
    assert claims_by_status(Ledger.of(world.settings)) == {"issued": 9}
    assert {row[2] for row in _pack_states(world)} == {"issued"}
    for report in reports:
        is_old = report.pack_number in planned
        assert report.issued_at == datetime(2026, 6, 29 if is_old else 30, 5, tzinfo=UTC)
        cents = 3 * 7500 + sum(10 * (report.pack_number + 2) + skip for skip in range(3))
        assert report.fees == {"USD": cents if is_old else cents + 3}


def test_a_planned_pack_whose_files_were_lost_is_made_again_as_it_was(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    _kill_at(world, "planned", 1)
    (staged,) = (world.settings.paths.evidence / ".staging").iterdir()
    expected = {path.name: path.read_bytes() for path in staged.iterdir()}
    shutil.rmtree(staged)
    (report,) = world.export(clock=lambda: datetime(2026, 7, 1, tzinfo=UTC))
    assert report.outcome == "finished"
    assert {path.name: path.read_bytes() for path in world.pack(1).iterdir()} == expected


def test_nobody_moves_a_claim_whose_pack_is_half_issued(world: EvidenceWorld) -> None:
    claim_id = world.skip(1, date(2026, 5, 9))
    world.publish()
    _kill_at(world, "planned", 1)
    ledger = Ledger.of(world.settings)
    with pytest.raises(BadInputError, match="being issued"):
        move(
            ledger,
            [claim_id],
            "withdrawn",
            clock=lambda: datetime(2026, 6, 29, tzinfo=UTC),
            actor="os:test",
            reason="too late",
        )
    assert [report.outcome for report in world.export()] == ["finished"]


def test_a_clock_that_goes_back_never_dates_a_pack_before_its_predecessor(
    chain: EvidenceWorld,
) -> None:
    chain.skip(77, date(2026, 6, 3))
    chain.publish(date(2026, 6, 30))
    reports = chain.export(date(2026, 6, 30), clock=lambda: datetime(2026, 6, 1, tzinfo=UTC))
    assert reports[-1].outcome == "issued"
    assert reports[-1].issued_at == reports[-2].issued_at
