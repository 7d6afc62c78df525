"""The files of closed months go with every backup and come back with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from touchproof.durable import sha256_of
from touchproof.errors import LedgerError
from touchproof.ledger.backup import backup, restore
from touchproof.ledger.closed_periods import closed_periods, commit_closings
from touchproof.ledger.records import ClosedPeriod
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

Clock = Callable[[], datetime]
MONTH = date(2026, 5, 1)


def _close(settings: Settings, ledger: Ledger, now: datetime, content: bytes = b"frozen") -> Path:
    """Close a month that consists of one file, and return the file."""
    place = settings.paths.closed_months / "2026-05" / "credits.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    period = ClosedPeriod(MONTH, date(2026, 6, 28), {place.name: sha256_of(place)})
    with ledger.transaction() as connection:
        commit_closings(connection, [period], now)
    return place


def test_a_closed_month_is_read_as_it_was_written_and_never_changes(
    settings: Settings, ledger: Ledger, now: datetime
) -> None:
    place = _close(settings, ledger, now)
    found = closed_periods(ledger)
    assert found == [ClosedPeriod(MONTH, date(2026, 6, 28), {place.name: sha256_of(place)})]
    for statement in ("update closed_periods set files_json = '{}'", "delete from closed_periods"):
        with (
            pytest.raises(IntegrityError, match="a closed month never changes"),
            ledger.transaction() as connection,
        ):
            connection.exec_driver_sql(statement)
    assert closed_periods(ledger) == found


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_restore_brings_the_files_back(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock, fault: str
) -> None:
    place = _close(settings, ledger, now)
    copy = settings.paths.root / backup(settings, night, fixed_clock).path
    if fault == "missing":
        place.unlink()
    else:
        place.write_bytes(b"somebody's edit")
    restore(settings, copy, fixed_clock)
    assert place.read_bytes() == b"frozen"
    assert place.stat().st_mode & 0o777 == 0o600
    kept = {path.read_bytes() for path in settings.paths.ledger_backups.glob("closed/2026-05/*")}
    assert kept == ({b"frozen"} if fault == "missing" else {b"frozen", b"somebody's edit"})


def test_backups_share_one_copy(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    _close(settings, ledger, now)
    for _ in range(3):
        backup(settings, night, fixed_clock)
    assert len(list(settings.paths.ledger_backups.glob("closed/*/*"))) == 1


def test_a_damaged_file_is_never_taken_for_a_copy(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    _close(settings, ledger, now).write_bytes(b"somebody's edit")
    with pytest.raises(LedgerError, match="closed month 2026-05 is missing or damaged"):
        backup(settings, night, fixed_clock)


def test_a_restore_without_the_files_is_refused_and_changes_nothing(
    settings: Settings, ledger: Ledger, night: date, now: datetime, fixed_clock: Clock
) -> None:
    place = _close(settings, ledger, now)
    copy = settings.paths.root / backup(settings, night, fixed_clock).path
    place.unlink()
    for stored in settings.paths.ledger_backups.glob("closed/*/*"):
        stored.unlink()
    ledger.record_run(night, "after", "ok", {}, now)
    with pytest.raises(LedgerError, match="closed month 2026-05 is missing or damaged"):
        restore(settings, copy, fixed_clock)
    assert [run.step for run in Ledger.of(settings).runs()] == ["after"]
