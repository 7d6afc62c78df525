"""A copy of the ledger can be taken at any time and put back in one step."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from touchproof.errors import BadInputError, LedgerError
from touchproof.ledger.backup import KEPT_BACKUPS, backup, backups, restore
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

Clock = Callable[[], datetime]


def _steps(ledger: Ledger) -> list[str]:
    return [run.step for run in ledger.runs()]


def test_what_was_backed_up_comes_back_and_the_replaced_ledger_is_kept(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    ledger.record_run(night, "before", "ok", {}, now)
    report = backup(settings, night, fixed_clock)
    copy = settings.paths.root / report.path
    assert backups(settings) == [copy]
    assert copy.stat().st_mode & 0o777 == 0o600
    ledger.record_run(night, "after", "ok", {}, now)
    done = restore(settings, copy, fixed_clock)
    assert _steps(ledger) == ["before"]
    assert done.replaced is not None
    aside = settings.paths.root / done.replaced
    assert _steps(Ledger(f"sqlite:///{aside}", "test")) == ["before", "after"]
    ledger.record_run(night, "later", "ok", {}, now)
    assert _steps(Ledger.of(settings)) == ["before", "later"]
    assert not list(settings.paths.ledger.parent.glob(".restore*"))


def test_a_lost_ledger_is_restored(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    ledger.record_run(night, "before", "ok", {}, now)
    copy = settings.paths.root / backup(settings, night, fixed_clock).path
    settings.paths.ledger.unlink()
    assert restore(settings, copy, fixed_clock).replaced is None
    assert _steps(Ledger.of(settings)) == ["before"]
    assert settings.paths.ledger.stat().st_mode & 0o777 == 0o600


def test_a_damaged_ledger_is_moved_aside_and_replaced(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    ledger.record_run(night, "before", "ok", {}, now)
    copy = settings.paths.root / backup(settings, night, fixed_clock).path
    damaged = b"not a database" * 1000
    settings.paths.ledger.write_bytes(damaged)
    settings.paths.ledger.with_name("touchproof.sqlite-wal").write_bytes(b"left over")
    done = restore(settings, copy, fixed_clock)
    assert done.replaced is not None
    assert (settings.paths.root / done.replaced).read_bytes() == damaged
    assert _steps(Ledger.of(settings)) == ["before"]


def test_another_worlds_backup_is_refused_and_nothing_changes(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    copy = settings.paths.root / backup(settings, night, fixed_clock).path
    other = Settings(data_dir=settings.data_dir, world="other")
    Ledger.of(other).record_run(night, "mine", "ok", {}, now)
    with pytest.raises(LedgerError, match="belongs to the world test, not to other"):
        restore(other, copy, fixed_clock)
    assert _steps(Ledger.of(other)) == ["mine"]
    assert sorted(path.name for path in other.paths.ledger.parent.iterdir()) == [
        "touchproof.sqlite",
        "touchproof.sqlite.lock",
    ]


def test_another_orgs_backup_is_refused(
    settings: Settings, ledger: Ledger, night: date, fixed_clock: Clock, tmp_path: Path
) -> None:
    ledger.require_org("00D1")
    copy = shutil.copy(settings.paths.root / backup(settings, night, fixed_clock).path, tmp_path)
    settings.paths.ledger.unlink()
    Ledger(settings.ledger_location, "test", "00D2")
    with pytest.raises(LedgerError, match="another Salesforce org"):
        restore(settings, Path(copy), fixed_clock)
    Ledger(settings.ledger_location, "test", "00D2")


@pytest.mark.parametrize("damage", ["truncated", "not gzip", "not a ledger"])
def test_a_damaged_backup_is_refused_and_nothing_changes(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock, damage: str
) -> None:
    copy = settings.paths.root / backup(settings, night, fixed_clock).path
    ledger.record_run(night, "after", "ok", {}, now)
    content = copy.read_bytes()
    copy.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "not gzip": b"x" * 100,
            "not a ledger": gzip.compress(b"SQLite format 3\0" + b"x" * 5000),
        }[damage]
    )
    with pytest.raises(LedgerError, match=r"can't be unpacked|isn't a sound ledger"):
        restore(settings, copy, fixed_clock)
    assert _steps(ledger) == ["after"]


def test_a_missing_backup_is_bad_input(settings: Settings, fixed_clock: Clock) -> None:
    with pytest.raises(BadInputError, match="no such backup"):
        restore(settings, Path("missing.gz"), fixed_clock)


def test_the_last_fourteen_are_kept(
    settings: Settings, ledger: Ledger, night: date, now: datetime
) -> None:
    for hours in range(KEPT_BACKUPS + 3):
        backup(settings, night, lambda hours=hours: now + timedelta(hours=hours))
    kept = backups(settings)
    assert len(kept) == KEPT_BACKUPS
    assert kept[-1].name == "touchproof-20260629T210000Z-night-2026-06-28.sqlite.gz"
    assert kept[0].name == "touchproof-20260629T080000Z-night-2026-06-28.sqlite.gz"


_WRITER = """
import sys
from datetime import UTC, date, datetime
from touchproof.ledger.store import Ledger
ledger = Ledger(sys.argv[1], "test")
print("ready", flush=True)
number = 0
while True:
    ledger.record_run(date(2026, 6, 28), f"step:{number}", "ok", {}, datetime.now(UTC))
    ledger.record_run(date(2026, 6, 28), f"pair:{number}", "ok", {}, datetime.now(UTC))
    number += 1
"""


def test_a_copy_taken_while_another_process_writes_is_whole(
    settings: Settings, ledger: Ledger, night: date, fixed_clock: Clock
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, ledger.url], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        while len(ledger.runs()) < 10:
            pass
        copy = settings.paths.root / backup(settings, night, fixed_clock).path
        written = len(ledger.runs())
        writer.kill()
    restore(settings, copy, fixed_clock)
    steps = _steps(ledger)
    assert 10 <= len(steps) <= written
    pairs = [step.partition(":") for step in steps]
    assert (
        steps
        == [f"{kind}:{index // 2}" for index, kind in enumerate(["step", "pair"] * len(pairs))][
            : len(steps)
        ]
    )
