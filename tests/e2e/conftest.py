"""One Airflow under its real scheduler for all browser tests, on a world with one night."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

NIGHT = date(2026, 6, 28)
CHROMIUM = "/usr/bin/chromium"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a world in which one night was published and one source failed."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("e2e"), world="shown")
    ledger = Ledger.of(settings)
    moment = datetime(2026, 6, 29, 5, 0, tzinfo=UTC)
    ledger.record_run(NIGHT, "extract:ga4", "ok", {"rows": 3, "seconds": 1.5}, moment)
    ledger.record_run(NIGHT, "extract:media", "failed", {"error": HOSTILE}, moment)
    ledger.commit_night(
        NIGHT,
        published_at=moment,
        published_sha256="ab" * 32,
        handoff_hashes={},
        mart_hashes={},
        ledger_batch={},
    )
    return settings


@dataclass(frozen=True)
class Ui:
    """Hold the process that `make ui` is, and what it told about its Airflow."""

    process: subprocess.Popen[str]
    url: str
    password: str


@pytest.fixture(scope="session")
def ui(world: Settings) -> Iterator[Ui]:
    """Run what `make ui` runs; a test may kill it."""
    kept = {name: value for name, value in os.environ.items() if "TOUCHPROOF_" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "touchproof_airflow", "ui"],
        env=kept | {"TOUCHPROOF_DATA_DIR": str(world.data_dir), "TOUCHPROOF_WORLD": world.world},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told: dict[str, str] = {}
    for line in process.stdout:
        name, _, value = line.strip().partition(" ")
        told[name] = value.strip()
        if name == "password":
            break
    try:
        yield Ui(process, told["Airflow"], told["password"])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium without a head."""
    assert Path(CHROMIUM).exists(), "apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()
