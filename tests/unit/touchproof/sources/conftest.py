"""A running loopback org and a world that is extracted from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crm_world import Crm

from touchproof.settings import Settings
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.lifecycle import ServerInfo


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerInfo]:
    """Run one server for the tests of this folder."""
    folder = tmp_path_factory.mktemp("extract") / "salesforce"
    yield lifecycle.ensure(folder)
    lifecycle.stop(folder)


@pytest.fixture
def crm(settings: Settings, server: ServerInfo) -> Crm:
    """Return an empty world and org."""
    folder = settings.paths.salesforce_server
    folder.mkdir(parents=True)
    place = Path(server.private_key_file).parent / "server.json"
    (folder / "server.json").write_bytes(place.read_bytes())
    control = Control(server.url)
    control.wipe()
    control.set_clock(datetime(2026, 6, 28, 12, tzinfo=UTC))
    return Crm(settings, control, folder)
