"""The same inputs give the same bytes, wherever and whenever; a pack rests on gates that passed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from touchproof.cli import app
from touchproof.errors import CheckFailedError, GateFailedError
from touchproof.evidence.drift import against_warehouse
from touchproof.evidence.verify import verify
from touchproof.handoff import CODE
from touchproof.landing import VERDICT
from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

_EXPORT = """
import hashlib, json, locale, os, signal, sys, time
from datetime import UTC, date, datetime
from pathlib import Path
from touchproof.evidence.export import export_packs
from touchproof.settings import Settings
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
time.tzset()
data_dir, step, night = sys.argv[1:]
def on_step(name):
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(data_dir=Path(data_dir), world="test")
clock = lambda: datetime(2026, 7, 1, 5, tzinfo=UTC)
export_packs(
    settings, date.fromisoformat(night), clock, actor="os:test", adjust_now=True, on_step=on_step
)
root = settings.paths.evidence
print(json.dumps({
    path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(root.rglob("*")) if path.is_file() and path.name != ".lock"
}))
"""


def _export(
    data_dir: Path, step: str = "", night: str = "2026-06-30", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _EXPORT, str(data_dir), step, night],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _changed(world: EvidenceWorld) -> None:
    """Let June bring a claim, and two earlier ones change."""
    for month in (4, 5):
        for number in range(3):
            world.skip(month * 10 + number, date(2026, month, 9))
    world.publish()
    world.export()
    world.referrals[0]["fee_cents"] += 100
    world.referrals[1]["person_id"] = "per_other"
    world.skip(61, date(2026, 6, 3), bank_opening_id="bank_northlake:Žluťoučký 中")
    world.publish(date(2026, 6, 30))


def test_hash_seed_time_zone_and_language_change_no_byte(
    world: EvidenceWorld, tmp_path: Path
) -> None:
    _changed(world)
    found = []
    for place, environment in enumerate(
        (
            {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8"},
            {"PYTHONHASHSEED": "2", "TZ": "America/Los_Angeles", "LC_ALL": "de_DE.UTF-8"},
        )
    ):
        copy = tmp_path / f"copy{place}"
        shutil.copytree(world.settings.data_dir, copy, symlinks=True)
        done = _export(copy, **environment)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert sum(name.startswith("bank_northlake/0003/") for name in found[0]) == 7


def test_a_workbook_holds_no_formula_and_no_moment_of_its_making(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9), bank_opening_id='bank_northlake:=HYPERLINK("http://x")')
    world.publish()
    world.export()
    with zipfile.ZipFile(world.pack(1) / "summary.xlsx") as book:
        assert {item.date_time for item in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        text = "".join(book.read(name).decode() for name in book.namelist())
    assert "<f>" not in text and "=HYPERLINK" in text
    assert "hyperlink" not in text
    assert text.count("SANDBOX: a pretend world") >= 1
    assert '<dcterms:created xsi:type="dcterms:W3CDTF">2000-01-01' in text


@pytest.mark.parametrize(
    "step",
    [
        "staged",
        "renamed",
        *(pytest.param(step, marks=pytest.mark.long) for step in ("key", "planned", "issued")),
    ],
)
def test_a_kill_while_adjustments_are_told_leaves_whole_packs_and_is_finished(
    world: EvidenceWorld, tmp_path: Path, step: str
) -> None:
    _changed(world)
    straight = tmp_path / "straight"
    shutil.copytree(world.settings.data_dir, straight, symlinks=True)
    expected = json.loads(_export(straight).stdout)
    killed = _export(world.settings.data_dir, step)
    assert killed.returncode == -9, killed.stderr
    assert verify(world.pack(1).parent).ok
    done = _export(world.settings.data_dir)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
    report = verify(world.pack(1).parent)
    assert (report.packs, report.adjustments) == (3, 2)
    corrected = world.referrals[0]["claim_id"]
    booked = _entries(world.settings, corrected)
    assert booked == _entries(Settings(data_dir=straight, world="test"), corrected)
    assert [cents for _, cents, _ in booked] == [7540, 7540, 100, 100]


def _entries(settings: Settings, claim_id: str) -> list[tuple[str, int, datetime]]:
    table = schema.fee_entries
    query = select(table.c.kind, table.c.cents, table.c.entered_at).order_by(table.c.id)
    with Ledger.of(settings).reading() as connection:
        found = connection.execute(query.where(table.c.claim_id == claim_id)).all()
    return [(row.kind, row.cents, row.entered_at) for row in found]


def test_a_planned_pack_needs_its_own_key_if_its_files_are_lost(world: EvidenceWorld) -> None:
    _changed(world)
    assert _export(world.settings.data_dir, "planned").returncode == -9
    shutil.rmtree(world.settings.paths.evidence / ".staging")
    world.settings.paths.sandbox_evidence_key.unlink()
    with pytest.raises(CheckFailedError, match="only the key sandbox-"):
        world.export(date(2026, 6, 30))


@pytest.mark.parametrize("gate", ["gate", "load", "build", "publish"])
def test_no_pack_is_issued_if_a_gate_of_its_night_failed(world: EvidenceWorld, gate: str) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    at = datetime(2026, 6, 29, 6, tzinfo=UTC)
    night = date(2026, 6, 28)
    Ledger.of(world.settings).record_run(night, gate, "failed", {}, at)
    with pytest.raises(GateFailedError, match=f"step {gate} of night 2026-06-28"):
        world.export()
    assert world.files() == {}
    Ledger.of(world.settings).record_run(night, gate, "ok", {}, at)
    assert [report.outcome for report in world.export()] == ["issued"]


@pytest.mark.parametrize("verdict", [None, '{"status": "refused"}'])
def test_no_pack_is_issued_on_a_batch_that_the_landing_gate_refused(
    world: EvidenceWorld, verdict: str | None
) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    (file,) = world.settings.paths.landing.rglob(VERDICT)
    file.unlink()
    if verdict is not None:
        file.write_text(verdict)
    with pytest.raises(GateFailedError, match="didn't pass the landing gate"):
        world.export()
    assert world.files() == {}


def test_the_manifest_names_the_code_that_built_the_night(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    world.export()
    import pyarrow.parquet as pq

    (handoff,) = (world.settings.paths.root / "handoff" / ".versions").iterdir()
    rows = pq.read_table(handoff / CODE).to_pylist()
    lines = "".join(f"{row['sha256']}  {row['path']}\n" for row in rows)
    code = json.loads((world.pack(1) / "manifest.json").read_bytes())["code"]
    assert code["dbt_project_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    for path, text in code["queries"].items():
        recorded = next(row for row in rows if row["path"] == path)
        assert hashlib.sha256(text.encode()).hexdigest() == recorded["sha256"]


def test_drift_is_shown_and_told_drift_is_gone(
    world: EvidenceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    _changed(world)
    bank = world.pack(1).parent
    drift = against_warehouse(world.settings, bank)
    assert (drift.claims, drift.faults) == (2, ())
    assert [line.change for line in drift.lines] == ["fee_corrected", "person_changed"]
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(world.settings.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", "test")
    shown = CliRunner().invoke(app, ["evidence", "verify", str(bank), "--against-warehouse"])
    assert shown.exit_code == 0, shown.output
    assert "2 claims differ from what was told, as of night 2026-06-30" in shown.output
    world.export(date(2026, 6, 30))
    assert against_warehouse(world.settings, bank).lines == ()
    shutil.rmtree(world.pack(3))
    missing = CliRunner().invoke(app, ["evidence", "verify", str(bank), "--against-warehouse"])
    assert missing.exit_code == 1
    assert "0003: the ledger has issued it, but it isn't here" in missing.output
