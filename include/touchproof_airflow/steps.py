"""The one wrapper through which a task calls the library.

Belongs here: settings from the connection, the run's night, the clock, who acts, and recording the
step's report in the ledger. Doesn't belong here: what a step does (touchproof).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from airflow.sdk import get_current_context

from touchproof.clock import Clock
from touchproof.ledger.actors import SYSTEM, acting_as
from touchproof.settings import Settings
from touchproof_airflow.environment import is_one_process

Action = Callable[[Settings, date, Clock], Any]


def run_recorded(
    step: str, action: Action, *, night: date | None = None, signs: bool = False
) -> dict[str, Any]:
    """Run one step of the current DAG run's night and record how it went.

    Args:
        step: The step's name in the ledger, e.g. `load` or `extract:ga4`.
        action: Called with settings, night and clock; returns a frozen dataclass report.
        night: The night if it isn't the run's own.
        signs: Whether the step signs packs, so that it needs the signing key.

    Returns:
        A small XCom: night, status and the counts of the report (numbers only).
    """
    from touchproof.steps import as_json, run_step
    from touchproof.world_clock import world_clock
    from touchproof_airflow.connections import settings_for_task, settings_with_evidence_key

    settings = settings_with_evidence_key() if signs else settings_for_task()
    clock = world_clock(settings)
    due = night or current_night(settings)
    with acting_as(actor_of_run()):
        report = run_step(settings, due, step, clock, lambda: action(settings, due, clock))
    counts = {key: value for key, value in as_json(report).items() if isinstance(value, int)}
    status = getattr(report, "status", None) or "ok"
    return {"night": due.isoformat(), "status": str(status), **counts}


def run_recorded_for_last_night(step: str, action: Action) -> dict[str, Any]:
    """Run a step that works by day, and record it with the last committed night.

    The night that a clock would say hasn't begun yet, and its steps aren't to be shown before.
    """
    from touchproof.handoff import committed_handoff
    from touchproof_airflow.connections import settings_for_task

    handoff = committed_handoff(settings_for_task())
    return run_recorded(step, action, night=None if handoff is None else handoff.night)


def current_param(name: str) -> Any:
    """Return a param of the DAG run that executes now; an empty one is None."""
    return dict(get_current_context().get("params") or {}).get(name) or None


def current_night(settings: Settings) -> date:
    """Return the night of the DAG run that executes now."""
    from touchproof_airflow.nights import night_of_run

    return night_of_run(dict(get_current_context()), settings)


def actor_of_run() -> str:
    """Name who acts in the current DAG run: the login that started it, else automation.

    `make run` starts all DAGs for their schedule, so there it is always automation.
    """
    run: Any = dict(get_current_context())["dag_run"]
    login = getattr(run, "triggering_user_name", None)
    by_hand = str(getattr(run, "run_type", "")).rpartition(".")[2].lower() == "manual"
    if login and by_hand and not is_one_process():
        return f"airflow:{login}"
    return f"{SYSTEM}{run.dag_id}"
