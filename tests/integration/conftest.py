"""The nights that several tests look at, run once: first, second, quiet, and that one again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from nights import World, world


@dataclass(frozen=True)
class Seen:
    """Hold what one night left behind."""

    printed: str
    status: dict[str, Any]
    hashes: dict[str, str]

    @property
    def push(self) -> dict[str, Any]:
        nightly = [push for push in self.status["push"] if push["lane"] == "nightly"]
        assert len(nightly) == 1
        return dict(nightly[0])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("nights")) as made:
        yield made


def see(demo: World, *flags: str) -> Seen:
    printed = demo.run(*flags)
    return Seen(printed, demo.status(), demo.mart_hashes())


@pytest.fixture(scope="session")
def nights(demo: World) -> dict[str, Seen]:
    """Run the first night, the second, a quiet one, and that one again."""
    seen = {"first": see(demo), "second": see(demo), "quiet": see(demo, "--quiet")}
    night = seen["quiet"].status["published"]["night"]
    seen["repeated"] = see(demo, "--night", night)
    return seen
