"""The nights that several tests look at, run once and in a row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from bad_day import BadDay, plant
from nights import Seen, World, see, world

from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("nights")) as made:
        yield made


@pytest.fixture(scope="session")
def first_night(demo: World) -> Seen:
    return see(demo)


@pytest.fixture(scope="session")
def bad_day(demo: World, first_night: Seen) -> BadDay:
    """Spoil the day that follows the first night."""
    night = date.fromisoformat(first_night.status["published"]["night"])
    return plant(demo, night + timedelta(days=1))


@pytest.fixture(scope="session")
def nights(demo: World, first_night: Seen, bad_day: BadDay) -> dict[str, Seen]:
    """Run the first night, the bad day's, and that one again.

    The campaign that Salesforce refuses on the bad day is welcome when its night is repeated.
    """
    seen = {"first": first_night, "bad": see(demo)}
    Control(lifecycle.ensure(demo.settings.paths.salesforce_server).url).stop_refusing()
    seen["repeated"] = see(demo, "--night", bad_day.day.isoformat())
    return seen
