"""One extract of a source at a time: the night and the lane read the same ones."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from touchproof.errors import LockTimeoutError
from touchproof.landing import Landing
from touchproof.sources.source_lock import source_lock

DAY = "2026-03-01"


def test_a_second_extract_of_a_source_waits_and_another_source_doesnt(tmp_path: Path) -> None:
    order: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with source_lock(tmp_path, "app", timeout_seconds=60):
            inside.set()
            leave.wait(60)
            order.append("first")

    def second() -> None:
        with source_lock(tmp_path, "app", timeout_seconds=60):
            order.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert inside.wait(60)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    with source_lock(tmp_path, "web_forms", timeout_seconds=0):
        order.append("other")
    leave.set()
    for thread in threads:
        thread.join(60)
    assert order == ["other", "first", "second"]


def test_a_lock_that_stays_held_names_the_source(tmp_path: Path) -> None:
    with (
        source_lock(tmp_path, "app", timeout_seconds=0),
        pytest.raises(LockTimeoutError, match="source app"),
        source_lock(tmp_path, "app", timeout_seconds=0),
    ):
        pass


def test_two_extracts_at_once_land_a_file_once(drops: Any) -> None:
    drops.table(DAY, "app", "consents", "consents_20260301.csv.gz", ["c1,u1,,email,opted_in,,app"])
    reports: list[Any] = []
    threads = [
        threading.Thread(target=lambda: reports.append(drops.extract("app", DAY))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(report.batches for report in reports) == [0, 0, 0, 1]
    (batch,) = Landing(drops.settings.paths.landing).newest("app", "consents").values()
    assert (batch.manifest.sequence, batch.window.start) == (1, date.fromisoformat(DAY))
