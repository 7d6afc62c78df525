"""`kill -9` in any step of a night, then `make run`: that night ends with the same marts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nights import World, world

from touchproof.row_hash import LOAD_COLUMNS
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
STEPS = (
    "extract:app",
    "extract:salesforce",
    "gate",
    "land_ledger",
    "load",
    "build",
    "publish",
    "backup",
    "evidence",
)
SIZES = {"customers": 800, "days": 40}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the same night without a kill."""
    with world(tmp_path_factory.mktemp("undisturbed"), **SIZES) as made:
        made.run()
        yield made


def recorded(ledger: Path, step: str) -> bool:
    """Tell whether the ledger holds a step's record; the kill then hits the step after it."""
    if not ledger.exists():
        return False
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=5)
    try:
        found = connection.execute("select 1 from runs where step = ? limit 1", [step]).fetchone()
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return found is not None


def leads(made: World) -> list[tuple[str, ...]]:
    """Return the leads that we made, by key; a doubled one would stand twice."""
    from touchproof.salesforce.client import Client, connection_from_settings

    client = Client(connection_from_settings(made.settings), purpose="extraction")
    found = client.query("SELECT Touchproof_Key__c, Touchproof_Stage__c FROM Lead")
    return sorted(
        (str(lead["Touchproof_Key__c"]), str(lead["Touchproof_Stage__c"]))
        for lead in found
        if lead["Touchproof_Key__c"]
    )


def after(step: str) -> Callable[[World], Callable[[], bool]]:
    return lambda made: lambda: recorded(made.settings.paths.ledger, step)


def during_the_push(made: World) -> Callable[[], bool]:
    """Wait until the org has seen the first ingest job."""

    def reached() -> bool:
        info = lifecycle.find(made.settings.paths.salesforce_server)
        if info is None:
            return False
        return any("ingest" in str(call["path"]) for call in Control(info.url).calls())

    return reached


MOMENTS = {f"after {step}": after(step) for step in STEPS} | {"in the push": during_the_push}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_night_is_finished_with_the_same_marts(
    undisturbed: World, tmp_path: Path, moment: str
) -> None:
    with world(tmp_path, **SIZES) as made:
        assert made.kill_when(MOMENTS[moment](made)), "the night ended before that step"
        made.run()
        assert made.status()["published"]["night"] == undisturbed.status()["published"]["night"]
        assert made.mart_hashes(LOAD_COLUMNS) == undisturbed.mart_hashes(LOAD_COLUMNS)
        assert leads(made) == leads(undisturbed)
        packs = sorted(path.name for path in made.settings.paths.evidence.glob("*/[0-9]*"))
        wanted = sorted(path.name for path in undisturbed.settings.paths.evidence.glob("*/[0-9]*"))
        assert packs == wanted
