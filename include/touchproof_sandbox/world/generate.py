"""Making a pretend world and adding days to it.

Belongs here: `world.json` and what may be written over what. Doesn't belong here: the files
themselves (writing.py).
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from touchproof.errors import BadInputError
from touchproof_sandbox.world import calendar, files
from touchproof_sandbox.world.writing import GenerationReport, Progress, World

WORLD_FILE = "world.json"


def generate(
    out: Path,
    customers: int,
    days: int,
    seed: int,
    *,
    is_hostile: bool = False,
    progress: Progress | None = None,
) -> GenerationReport:
    """Write a new world: `days` days of drops, the truth and the CRM on the last evening.

    The same arguments give the same bytes. Writing a world again over itself is allowed.

    Args:
        out: The world's sandbox folder (`data/<world>/sandbox`).
        customers: How many people there are.
        days: How many days of drops, at least 1.
        seed: The world's seed, at least 0.
        is_hostile: Whether the banks' records of people differ from ours as much as they can.
        progress: Called with the number of days lived and of all days.

    Raises:
        BadInputError: If a number is out of range or another world lies in `out`.
    """
    if days < 1:
        raise BadInputError("A world needs at least one day", where=f"days {days}")
    last = days - 1
    generated = days
    if (out / WORLD_FILE).exists():
        content = read_world(out)
        _require_same(content, seed, customers, out)
        if content.get("is_hostile", False) != is_hostile:
            raise BadInputError(
                "Another world lies there: one of the two is hostile",
                where=str(out / WORLD_FILE),
                todo="Use the same setting, or another folder.",
            )
        if content["first_night"] != calendar.date_of(last).isoformat():
            raise BadInputError(
                "Another world lies there: its first night differs",
                where=str(out / WORLD_FILE),
                todo="Use its number of days, or another folder.",
            )
        generated = max(days, content["days_generated"])
    world = World(seed, customers, is_hostile=is_hostile)
    report = world.write(out, 0, last, seed_day=last, truth_day=generated - 1, progress=progress)
    _write_world(out, seed, customers, generated, calendar.date_of(last), is_hostile)
    return report


def generate_days(
    out: Path,
    customers: int,
    seed: int,
    first_day: date,
    last_day: date,
    *,
    progress: Progress | None = None,
) -> GenerationReport:
    """Add the drops and CRM changes of later days to a world; repeating it changes nothing.

    Args:
        out: The world's sandbox folder.
        customers: The number that the world was generated with.
        seed: The seed that the world was generated with.
        first_day: First date to write.
        last_day: Last date to write, not before the first.
        progress: Called with the number of days lived and of all days.

    Raises:
        BadInputError: If there is no such world in `out` or the dates make no sense.
    """
    content = read_world(out)
    _require_same(content, seed, customers, out)
    first, last = calendar.day_of(first_day), calendar.day_of(last_day)
    if not 0 <= first <= last:
        raise BadInputError(
            f"The days {first_day} to {last_day} can't be made",
            where=str(out),
            todo=f"Give dates from {calendar.START} on, the first one first.",
        )
    seed_as_of = date.fromisoformat(content["crm_seed_as_of"])
    generated = max(content["days_generated"], last + 1)
    is_hostile = content.get("is_hostile", False)
    report = World(seed, customers, is_hostile=is_hostile).write(
        out,
        first,
        last,
        seed_day=calendar.day_of(seed_as_of),
        truth_day=generated - 1,
        progress=progress,
    )
    _write_world(out, seed, customers, generated, seed_as_of, is_hostile)
    return report


def read_world(out: Path) -> dict[str, Any]:
    """Return the content of `world.json`.

    Raises:
        BadInputError: If the folder holds no world.
    """
    path = out / WORLD_FILE
    if not path.exists():
        raise BadInputError("There is no pretend world", where=str(out), todo="Generate one first.")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _require_same(content: dict[str, Any], seed: int, customers: int, out: Path) -> None:
    if content.get("seed") != seed or content.get("customers") != customers:
        raise BadInputError(
            "Another world lies there: seed or number of customers differ",
            where=str(out / WORLD_FILE),
            todo="Use its seed and customers, or another folder.",
        )


def _write_world(
    out: Path, seed: int, customers: int, days: int, seed_as_of: date, is_hostile: bool
) -> None:
    content = {
        "kind": "pretend",
        "seed": seed,
        "customers": customers,
        "is_hostile": is_hostile,
        "days_generated": days,
        "start_date": calendar.START.isoformat(),
        "first_night": seed_as_of.isoformat(),
        "crm_seed_as_of": seed_as_of.isoformat(),
    }
    files.write_bytes(out / WORLD_FILE, files.json_bytes(content, indent=1) + b"\n")
