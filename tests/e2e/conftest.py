"""One Airflow under its real scheduler for all browser tests, on a world with one night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof_airflow.ui import AirflowServer

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


@pytest.fixture(scope="session")
def airflow(world: Settings) -> Iterator[AirflowServer]:
    """Run Airflow as `make ui` does."""
    server = AirflowServer(world)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium without a head."""
    assert Path(CHROMIUM).exists(), "apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()
