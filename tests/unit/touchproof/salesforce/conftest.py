"""One loopback server for all tests here, and an empty org on it for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from lane_day import LaneDay
from night_world import NightWorld
from small_crm import Crm, acknowledged_table, kept, model_table, planned, rules_seed

from touchproof.settings import Settings
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control


@pytest.fixture(scope="session")
def tables() -> SimpleNamespace:
    """Return the makers of small sync models, acknowledged values, field rules and plans."""
    return SimpleNamespace(
        model=model_table,
        acknowledged=acknowledged_table,
        rules=rules_seed,
        kept=kept,
        plan=planned,
    )


@pytest.fixture(scope="session")
def crm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run one server for all tests and return its folder."""
    folder = tmp_path_factory.mktemp("crm")
    lifecycle.start(folder)
    yield folder
    lifecycle.stop(folder)


@pytest.fixture(scope="session")
def night_world(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> NightWorld:
    """Return a small night of two objects and three jobs; reset it before each use."""
    folder = tmp_path_factory.mktemp("night")
    crm = _crm(folder / "data", crm_server)
    return NightWorld.make(crm, folder / "template", leads=16, creations=8, contacts=0, campaigns=6)


@pytest.fixture(scope="session")
def reading_night(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> NightWorld:
    """Return a small night before whose push the org is read; reset it before each use."""
    folder = tmp_path_factory.mktemp("reading_night")
    crm = _crm(folder / "data", crm_server)
    sizes = {"leads": 4, "creations": 2, "contacts": 0, "campaigns": 3, "statuses": 2}
    return NightWorld.make(crm, folder / "template", **sizes, is_checked=False)


@pytest.fixture(scope="session")
def large_night(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> NightWorld:
    """Return a night of three objects, two jobs each; reset it before each use."""
    folder = tmp_path_factory.mktemp("large_night")
    crm = _crm(folder / "data", crm_server)
    return NightWorld.make(
        crm, folder / "template", leads=300, creations=150, contacts=20, campaigns=30
    )


@pytest.fixture(scope="session")
def few_leads(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> NightWorld:
    """Return a night of five leads; reset it before each use."""
    folder = tmp_path_factory.mktemp("few_leads")
    crm = _crm(folder / "data", crm_server)
    return NightWorld.make(crm, folder / "template", leads=5, creations=0, contacts=0, campaigns=0)


@pytest.fixture(scope="session")
def lane_day(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> LaneDay:
    """Return a small day of opt-outs and new leads; reset it before each use."""
    folder = tmp_path_factory.mktemp("lane_day")
    crm = _crm(folder / "data", crm_server)
    return LaneDay.begin(crm, folder / "template", new=5, leads=3, contacts=2, converted=1)


@pytest.fixture(scope="session")
def large_day(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> LaneDay:
    """Return a day of opt-outs and two calls of new leads; reset it before each use."""
    folder = tmp_path_factory.mktemp("large_day")
    crm = _crm(folder / "data", crm_server)
    return LaneDay.begin(crm, folder / "template", new=206, leads=4, contacts=3, converted=1)


@pytest.fixture(scope="session")
def quiet_day(tmp_path_factory: pytest.TempPathFactory, crm_server: Path) -> LaneDay:
    """Return a day on which nobody has said a word yet; reset it before each use."""
    folder = tmp_path_factory.mktemp("quiet_day")
    crm = _crm(folder / "data", crm_server)
    return LaneDay.begin(crm, folder / "template", leads=2, contacts=1, converted=1, is_quiet=True)


@pytest.fixture
def crm(tmp_path: Path, crm_server: Path, new_ledger: Path) -> Crm:
    """Return an empty org, and a world of its own that pushes to it."""
    made = _crm(tmp_path / "data", crm_server)
    made.settings.paths.ledger.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(new_ledger, made.settings.paths.ledger)
    return made


def _crm(data_dir: Path, crm_server: Path) -> Crm:
    settings = Settings(data_dir=data_dir, world="test", max_changed_share=1.0)
    link = settings.paths.salesforce_server
    link.parent.mkdir(parents=True)
    link.symlink_to(crm_server)
    info = lifecycle.find(link)
    assert info is not None
    made = Crm(settings, Control(info.url))
    made.control.wipe()
    made.control.set_clock(made.clock())
    return made
