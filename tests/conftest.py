"""Fixtures that every test may use: a temporary world and a fixed clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from touchproof.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own TOUCHPROOF_ variables out of the tests."""
    for name in [name for name in os.environ if name.startswith("TOUCHPROOF_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an empty world in a temporary folder."""
    return Settings(data_dir=tmp_path / "data", world="test")


@pytest.fixture
def fixed_clock() -> Callable[[], datetime]:
    """Return a clock that always shows 2026-06-29 05:00 UTC."""
    return lambda: datetime(2026, 6, 29, 5, 0, tzinfo=UTC)
