"""The nights that several tests look at, run once and in a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from bad_day import BadDay, plant
from nights import World, world

from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control


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


def see(demo: World, *flags: str, **environment: str) -> Seen:
    printed = demo.run(*flags, **environment)
    return Seen(printed, demo.status(), demo.mart_hashes())


@pytest.fixture(scope="session")
def first_night(demo: World) -> Seen:
    return see(demo)


@pytest.fixture(scope="session")
def bad_day(demo: World, first_night: Seen) -> BadDay:
    """Spoil the day that follows the first night."""
    night = date.fromisoformat(first_night.status["published"]["night"])
    return plant(demo, night + timedelta(days=1))


@pytest.fixture(scope="session")
def nights(
    demo: World, first_night: Seen, bad_day: BadDay, tmp_path_factory: Any
) -> dict[str, Seen]:
    """Run the nights in a row.

    The second is the bad day's; on the dark one no file source answers; then come a quiet one and
    that one again.
    """
    seen = {"first": first_night, "bad": see(demo)}
    Control(lifecycle.ensure(demo.settings.paths.salesforce_server).url).stop_refusing()
    nowhere = str(tmp_path_factory.mktemp("nowhere") / "unmounted")
    seen["dark"] = see(demo, "--quiet", TOUCHPROOF_DROPS_DIR=nowhere)
    seen["quiet"] = see(demo, "--quiet")
    night = seen["quiet"].status["published"]["night"]
    seen["repeated"] = see(demo, "--night", night)
    return seen
