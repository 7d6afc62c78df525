"""The pretend world behind `make run`: its drops, its days, its loopback Salesforce.

Belongs here: making what is missing, each thing exactly once. Doesn't belong here: how the world
is made or how the server answers (touchproof_sandbox), which night runs (planning.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from touchproof.errors import BadInputError
from touchproof.settings import Settings

if TYPE_CHECKING:
    from touchproof_airflow.planning import NightPlan, RunRequest
    from touchproof_sandbox.salesforce.control import Control

CUSTOMERS, DAYS, SEED = 20_000, 120, 7
HILLSTROM = "hillstrom"
WORLD_FILE = "world.json"
ORG_SETTINGS = {
    # Its first plan is known; a real org's waits to be confirmed.
    "TOUCHPROOF_CONFIRM_FIRST_PLAN": "true",
    # It processes a job before it answers.
    "TOUCHPROOF_SALESFORCE_FIRST_LOOK_SECONDS": "0.05",
    "TOUCHPROOF_SALESFORCE_ROWS_PER_SECOND": "100000",
}
"""How a pretend org differs from a real one, as environment variables."""
_CRM_HOUR_UTC = time(2, 0)
Detail = Callable[[str], None]


@dataclass(frozen=True)
class PretendWorld:
    """Name what a world is made of; `data` is the file of the world `hillstrom`."""

    customers: int
    days: int
    seed: int
    data: Path | None = None


def describe(settings: Settings, request: RunRequest) -> PretendWorld:
    """Return what the world is, or is to be, made of.

    Raises:
        BadInputError: For production, a missing data file, or other numbers than the world has.
    """
    if settings.is_production:
        raise BadInputError(
            "make run works on pretend worlds only",
            where=f"world {settings.world}",
            todo="The production world runs under Airflow's scheduler.",
        )
    if settings.world == HILLSTROM or request.data is not None:
        return _hillstrom(settings, request)
    made = _made(settings)
    asked = PretendWorld(
        request.customers or made.get("customers", CUSTOMERS),
        request.days or (made["first_days"] if made else DAYS),
        request.seed if request.seed is not None else made.get("seed", SEED),
    )
    if made and (asked.customers, asked.days, asked.seed) != (
        made["customers"],
        made["first_days"],
        made["seed"],
    ):
        raise BadInputError(
            f"World {settings.world} is made of {made['customers']:,} people, "
            f"{made['first_days']} days and seed {made['seed']}",
            todo=f"Remove it (make clean WORLD={settings.world}) or choose another WORLD=.",
        )
    return asked


def ensure_world(settings: Settings, world: PretendWorld, detail: Detail) -> str:
    """Make the world's drops, truth and CRM unless they are there; return a note."""
    sandbox = settings.paths.sandbox
    if _made(settings):
        return _note(world, "was there")
    detail("people, journeys, files")
    if world.data is not None:
        from touchproof_sandbox.hillstrom import convert

        sandbox.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(world.data, experiment_file(settings))
        convert(experiment_file(settings), sandbox)
    else:
        from touchproof_sandbox.world import generate

        generate(
            sandbox,
            world.customers,
            world.days,
            world.seed,
            progress=lambda done, of: detail(f"day {done} of {of}"),
        )
    return _note(world, "made")


def is_made(settings: Settings) -> bool:
    """Tell whether this is a pretend world that has been made."""
    return bool(_made(settings))


def start_salesforce(settings: Settings) -> None:
    """Find or start the world's loopback Salesforce, as the last night left it."""
    from touchproof_sandbox.salesforce.lifecycle import ensure

    ensure(settings.paths.salesforce_server)


def experiment_file(settings: Settings) -> Path:
    """Return the world's own copy of the data file that it was made from, if it was."""
    return settings.paths.sandbox / "experiment.csv"


def first_night(settings: Settings) -> date:
    """Return the world's first night: the last day it was made with."""
    return date.fromisoformat(_made(settings)["first_night"])


def ensure_days(settings: Settings, world: PretendWorld, plan: NightPlan) -> None:
    """Make the drops and CRM changes of the days up to the night that aren't made yet.

    In a quiet night nothing arrives; what that day holds arrives late, with the next night that
    isn't quiet.

    Args:
        settings: The world's settings.
        world: What it is made of.
        plan: The night.
    """
    if world.data is not None or plan.is_quiet:
        return
    from touchproof_sandbox.world import generate_days
    from touchproof_sandbox.world.bank_replies import write_replies

    day = first_night(settings) + timedelta(days=1)
    while day <= plan.night:
        # A day's changes are the last file written for it.
        if not _changes_of(settings, day).exists():
            # The banks read our packs; what else happens on a day doesn't depend on us.
            write_replies(settings.paths.drops, settings.paths.evidence, world.seed, day)
            generate_days(settings.paths.sandbox, world.customers, world.seed, day, day)
        day += timedelta(days=1)


def ensure_salesforce(settings: Settings, plan: NightPlan) -> str:
    """Find or start the loopback Salesforce and bring its CRM up to the night; return a note.

    CRM users' changes of each day are applied once: the server remembers the day's name. They
    come before the clock moves to the morning after, so that a late day's changes are made late.
    """
    from touchproof_sandbox.salesforce.control import Control
    from touchproof_sandbox.salesforce.lifecycle import ensure
    from touchproof_sandbox.world.api_callers import ALLOWANCE

    folder = settings.paths.salesforce_server
    info = ensure(folder)
    control = Control(info.url)
    start = datetime.combine(first_night(settings), _CRM_HOUR_UTC, UTC) + timedelta(days=1)
    seed = folder / "seed"
    counts = control.seed(seed) if seed.is_dir() else {}
    if counts:
        control.set_clock(start)
        control.limits(max=ALLOWANCE)
    changes = 0
    for path in sorted((folder / "changes").glob("????-??-??.json")):
        day = date.fromisoformat(path.stem)
        if day <= plan.night:
            changes += len(control.apply(json.loads(path.read_bytes()), key=path.stem))
            _advance(control, day)
    _advance(control, plan.build_night)
    records = f"{sum(counts.values()):,} records loaded, " if counts else ""
    return f"{records}{changes:,} changes applied, {info.url}"


def published_nights(settings: Settings) -> list[date]:
    """Return the nights that the ledger has committed."""
    from touchproof.ledger.store import Ledger

    if settings.ledger_url is None and not settings.paths.ledger.exists():
        return []
    return [night.night for night in Ledger.of(settings).published_nights()]


def _advance(control: Control, night: date) -> None:
    """Set the org's clock to the morning after a night; it never goes back."""
    morning = datetime.combine(night + timedelta(days=1), _CRM_HOUR_UTC, UTC)
    if control.clock() < morning:
        control.set_clock(morning)


def _hillstrom(settings: Settings, request: RunRequest) -> PretendWorld:
    data = request.data
    if data is None and not _made(settings):
        raise BadInputError(
            "The world hillstrom is made from a data file", todo="Give it: DATA=path/to/file.csv."
        )
    if data is not None and not data.is_file():
        raise BadInputError("There is no such data file", where=str(data), todo="Check DATA=.")
    return PretendWorld(0, 0, 0, data or experiment_file(settings))


def _made(settings: Settings) -> dict[str, Any]:
    try:
        content = json.loads((settings.paths.sandbox / WORLD_FILE).read_bytes())
    except FileNotFoundError:
        return {}
    started = content.get("start_date")
    if started:
        first = date.fromisoformat(content["first_night"]) - date.fromisoformat(started)
        content["first_days"] = first.days + 1
    return dict(content)


def _changes_of(settings: Settings, day: date) -> Path:
    return settings.paths.salesforce_server / "changes" / f"{day.isoformat()}.json"


def _note(world: PretendWorld, how: str) -> str:
    if world.data is not None:
        return f"{how}, from the real data set"
    return f"{how}: {world.customers:,} people, {world.days} days, seed {world.seed}"
