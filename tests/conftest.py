"""Fixtures that every test may use: a temporary world and a fixed clock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from touchproof.ledger.engine import migrate, open_engine
from touchproof.settings import Settings

# What a test takes depends on what else the machine does; nothing here asserts a time.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=50)
hypothesis.settings.load_profile("untimed")

SHARED_WORLDS = {
    f"tests/{folder}/test_{name}.py": world
    for world, folder, names in [
        ("nights", "integration", ("nights", "bad_day", "docs")),
        (
            "built",
            "dbt",
            (
                "api_audit",
                "build",
                "exact_credits",
                "exact_months",
                "explain",
                "generic_tests",
                "insights",
                "lane_agrees",
            ),
        ),
    ]
    for name in names
}
"""Which files look at one world that takes a minute or more to make."""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own TOUCHPROOF_ variables out of the tests."""
    for name in [name for name in os.environ if name.startswith("TOUCHPROOF_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an empty world in a temporary folder."""
    return Settings(data_dir=tmp_path / "data", world="test")


@pytest.fixture(scope="session")
def new_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ledger that nobody owns yet: its migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def settings_with_ledger(settings: Settings, new_ledger: Path) -> Settings:
    """Return the settings of a world that has a ledger and nothing else."""
    settings.paths.ledger.parent.mkdir(parents=True)
    shutil.copyfile(new_ledger, settings.paths.ledger)
    return settings


@pytest.fixture
def fixed_clock() -> Callable[[], datetime]:
    """Return a clock that always shows 2026-06-29 05:00 UTC."""
    return lambda: datetime(2026, 6, 29, 5, 0, tzinfo=UTC)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker, and all files of one shared world."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWorld(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return SHARED_WORLDS.get(file, file)

    return ByWorld(config, log)
