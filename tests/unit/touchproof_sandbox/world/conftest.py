"""One small world that the tests of this folder read and never change."""

from __future__ import annotations

from pathlib import Path

import pytest

from touchproof_sandbox.world import generate

CUSTOMERS, DAYS, SEED = 3000, 40, 11


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a generated world of 3,000 people and 40 days."""
    out = tmp_path_factory.mktemp("world") / "sandbox"
    generate(out, CUSTOMERS, DAYS, SEED)
    return out
