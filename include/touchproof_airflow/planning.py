"""Which night `make run` works on, and the file that remembers how far it came.

Belongs here: the pure choice (an unfinished night first, else the next one) and the run state
`runs/<night>.json`. Doesn't belong here: running it (runner.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from touchproof.durable import write_atomically

WORLD_START = date(2026, 3, 1)


@dataclass(frozen=True)
class RunRequest:
    """Hold what the person asked `make run` for; None means the default."""

    night: date | None = None
    is_quiet: bool = False
    data: Path | None = None
    customers: int | None = None
    days: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class RunState:
    """Remember one night's run of `make run`.

    Args:
        night: The night, ISO date.
        is_quiet: No drops were made and no CRM change applied for it.
        started_at: Pretend or real moment, ISO.
        finished_at: None while it runs, or if it was killed or its build or push failed.
        dags: How each DAG ended: `success`, `failed`, or the seconds it took under `<dag>.seconds`.
    """

    night: str
    is_quiet: bool
    started_at: str
    finished_at: str | None = None
    dags: tuple[tuple[str, str, float], ...] = ()

    @property
    def date(self) -> date:
        return date.fromisoformat(self.night)

    def with_dag(self, dag_id: str, state: str, seconds: float) -> RunState:
        """Return the state with one more DAG done."""
        return replace(self, dags=(*self.dags, (dag_id, state, round(seconds, 1))))


@dataclass(frozen=True)
class NightPlan:
    """Say which night runs, as of which night the build stands, and why.

    `build_night` is later than `night` only where an older night is repeated: its windows are
    extracted again, and the build stays as of the last published night.
    """

    night: date
    build_night: date
    is_quiet: bool
    reason: str


def plan_night(
    states: Iterable[RunState],
    published: Iterable[date],
    *,
    first_night: date,
    asked: date | None = None,
    is_quiet: bool = False,
) -> NightPlan:
    """Choose the night: the one asked for, else an unfinished one, else the next.

    Args:
        states: What earlier runs left behind.
        published: Nights that the ledger has committed.
        first_night: The world's first night.
        asked: `NIGHT=`.
        is_quiet: `QUIET=1`; counts for a new night only.
    """
    known = {state.date: state for state in states}
    committed = sorted(published)
    last = max([*committed, *known], default=None)
    if asked is not None:
        remembered = known.get(asked)
        quiet = remembered.is_quiet if remembered else is_quiet
        build_night = max([asked, *committed])
        return NightPlan(asked, build_night, quiet, "asked for")
    unfinished = [state for state in known.values() if state.finished_at is None]
    if unfinished:
        newest = max(unfinished, key=lambda state: state.date)
        build_night = max([newest.date, *committed])
        return NightPlan(newest.date, build_night, newest.is_quiet, "unfinished, so it runs again")
    if last is None:
        return NightPlan(first_night, first_night, is_quiet, "the first night of this world")
    following = last + timedelta(days=1)
    return NightPlan(following, following, is_quiet, f"follows {last.isoformat()}")


def read_states(runs: Path) -> list[RunState]:
    """Read all run states, oldest night first."""
    states = []
    for path in sorted(runs.glob("????-??-??.json")):
        content = json.loads(path.read_bytes())
        dags = tuple((str(dag), str(state), float(took)) for dag, state, took in content["dags"])
        states.append(RunState(**{**content, "dags": dags}))
    return states


def write_state(runs: Path, state: RunState) -> None:
    """Write a run state so that a killed run leaves the old or the new one."""
    write_atomically(runs / f"{state.night}.json", json.dumps(asdict(state), indent=1).encode())
