"""The clock of a world: the system's, or the pretend world's own time.

Belongs here: the file `sandbox/clock.json` that a pretend world's runner sets to the morning after
the night it runs, and the clock that goes on from there. Doesn't belong here: nights (clock.py),
or any decision taken from the time.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from touchproof.clock import Clock, system_clock
from touchproof.durable import write_atomically
from touchproof.errors import BadInputError
from touchproof.settings import Settings


def world_clock(settings: Settings) -> Clock:
    """Return the clock of a world; without a pretend time it is the system's."""
    if settings.is_production:
        return system_clock
    try:
        start = datetime.fromisoformat(json.loads(_file(settings).read_bytes())["now"])
    except FileNotFoundError:
        return system_clock
    begun = _first_read(start)
    return lambda: start + timedelta(seconds=time.monotonic() - begun)


def set_world_clock(settings: Settings, now: datetime) -> None:
    """Set a pretend world's time; it never goes back.

    Args:
        settings: A pretend world.
        now: Timezone-aware moment.

    Raises:
        BadInputError: For the production world.
    """
    if settings.is_production:
        raise BadInputError("The production world has no time of its own", where=settings.world)
    moment = max(now, world_clock(settings)()) if _file(settings).exists() else now
    content = json.dumps({"now": moment.astimezone(UTC).isoformat()})
    write_atomically(_file(settings), content.encode())


def is_pretend(settings: Settings) -> bool:
    """Tell whether the world has a time of its own."""
    return not settings.is_production and _file(settings).exists()


@cache
def _first_read(start: datetime) -> float:
    """Return when this process first met this pretend time, so that its clocks agree."""
    return time.monotonic()


def _file(settings: Settings) -> Path:
    return settings.paths.sandbox / "clock.json"
