"""`make run`: one night of a pretend world through the real DAGs, in one process.

Belongs here: the order of phases, what makes a night finished, the exit code. Doesn't belong here:
choosing the night (planning.py), the pretend world (pretend.py), Airflow (local_airflow.py), what
is shown (console.py, summary.py).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from touchproof.errors import TouchproofError
from touchproof.settings import Settings
from touchproof.world_clock import set_world_clock, world_clock
from touchproof_airflow import environment, planning, preparing, pretend
from touchproof_airflow.console import Progress, chatter_to
from touchproof_airflow.planning import NightPlan, RunRequest, RunState
from touchproof_airflow.pretend import PretendWorld

_EXTRACT = "extract_"
_NOT_OF_THE_NIGHT = (_EXTRACT, "push_new_leads")
"""What a night goes on without: what landed before stands in, the lane's next tick goes on."""
_RUN_HOUR_UTC = time(5, 0)


def run(settings: Settings, request: RunRequest) -> int:
    """Run one night and show its summary.

    Returns:
        0 if every step from build to push succeeded, even where a source was stale; else 1.

    Raises:
        TouchproofError: If the night can't even be started.
    """
    paths = settings.paths
    with _only_run_of(paths.runs):
        log = paths.root / "airflow" / "logs" / "run.log"
        environment.enter(settings)
        os.environ[environment.ONE_PROCESS] = "1"
        os.environ.update(pretend.ORG_SETTINGS)
        began = process_seconds()
        with chatter_to(log) as console:
            progress = Progress(console)
            world = pretend.describe(settings, request)
            with preparing.beside(settings) as prepared:
                plan, state = _begin(settings, world, request, progress)
                _title(console, settings, plan)
                with progress.phase("Airflow") as phase:
                    phase.detail("database, pools, models")
                    prepared()
                    dags = _load(settings)
                    phase.note = f"{len(dags)} DAGs"
            state = _run_dags(dags, plan, state, settings, progress)
            state = _finish(settings, state)
            _summarise(settings, plan, state, console)
            console.print(_closing(state, process_seconds() - began))
            if state.finished_at is None:
                console.print(f"[dim]The whole log of this run: {log}[/dim]")
    return 0 if state.finished_at else 1


def _begin(
    settings: Settings, world: PretendWorld, request: RunRequest, progress: Progress
) -> tuple[NightPlan, RunState]:
    with progress.phase("pretend world") as phase:
        phase.note = pretend.ensure_world(settings, world, phase.detail)
    states = planning.read_states(settings.paths.runs)
    plan = planning.plan_night(
        states,
        pretend.published_nights(settings),
        first_night=pretend.first_night(settings),
        asked=request.night,
        is_quiet=request.is_quiet,
    )
    state = RunState(plan.night.isoformat(), plan.is_quiet, _pretend_now(plan, states).isoformat())
    set_world_clock(settings, datetime.fromisoformat(state.started_at))
    planning.write_state(settings.paths.runs, state)
    with progress.phase("loopback Salesforce") as phase:
        pretend.ensure_days(settings, world, plan)
        phase.note = pretend.ensure_salesforce(settings, plan)
    return plan, state


def _run_dags(
    dags: dict[str, Any], plan: NightPlan, state: RunState, settings: Settings, progress: Progress
) -> RunState:
    from touchproof_airflow.cosmos import release_warehouse
    from touchproof_airflow.due import is_due
    from touchproof_airflow.local_airflow import DagOutcome, run_dag
    from touchproof_airflow.order import assets_of, run_order

    known = {dag_id: assets_of(dag) for dag_id, dag in dags.items()}
    emitted: set[str] = set()
    due = [dag_id for dag_id in run_order(known.values()) if is_due(dags[dag_id], plan.build_night)]
    for dag_id in due:
        missing = known[dag_id].waits_for - emitted
        with progress.phase(dag_id) as phase:
            began = process_seconds()
            if missing:
                outcome = DagOutcome(dag_id, "not started", (), frozenset())
                phase.fail("waits for what a failed DAG didn't deliver")
            else:
                night = plan.night if dag_id.startswith(_EXTRACT) else plan.build_night
                outcome = run_dag(dags[dag_id], night, _detail(phase))
                release_warehouse()
                if not outcome.succeeded:
                    phase.fail("failed: " + ", ".join(outcome.failed_tasks[:3]))
        emitted |= outcome.emitted
        state = state.with_dag(dag_id, outcome.state, process_seconds() - began)
        planning.write_state(settings.paths.runs, state)
    return state


def _load(settings: Settings) -> dict[str, Any]:
    preparing.prepare(settings)
    from touchproof_airflow.local_airflow import load_dags

    return load_dags()


def _detail(phase: Any) -> Any:
    def told(task_id: str, state: str) -> None:
        phase.detail(task_id if state == "running" else f"{task_id}: {state}")

    return told


def _finish(settings: Settings, state: RunState) -> RunState:
    bad = [
        dag
        for dag, how, _ in state.dags
        if how != "success" and not dag.startswith(_NOT_OF_THE_NIGHT)
    ]
    if not bad:
        state = replace(state, finished_at=world_clock(settings)().isoformat())
    planning.write_state(settings.paths.runs, state)
    return state


def _summarise(settings: Settings, plan: NightPlan, state: RunState, console: Console) -> None:
    from touchproof_airflow.night_summary import print_summary

    try:
        print_summary(settings, plan, state, console)
    except TouchproofError as error:
        console.print(f"[red]No summary:[/red] {error}")


def _title(console: Console, settings: Settings, plan: NightPlan) -> None:
    quiet = ", quiet" if plan.is_quiet else ""
    console.print(
        f"\n[bold]Night {plan.night.isoformat()}[/bold] of world {settings.world}"
        f" ({plan.reason}{quiet})\n"
    )


def _pretend_now(plan: NightPlan, states: list[RunState]) -> datetime:
    """Return the pretend moment at which this run starts; never before an earlier run's end."""
    due = datetime.combine(plan.build_night + timedelta(days=1), _RUN_HOUR_UTC, UTC)
    before = [datetime.fromisoformat(s.finished_at or s.started_at) for s in states]
    return max([due, *before])


def process_seconds() -> float:
    """Return seconds on a clock that only measures durations."""
    import time as time_of_process

    return time_of_process.monotonic()


def _closing(state: RunState, seconds: float) -> str:
    took = f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if state.finished_at is None:
        return f"[red]Night {state.night} isn't finished[/red] after {took}."
    red = [dag for dag, how, _ in state.dags if how != "success"]
    but = f"; red: {', '.join(red)}" if red else ""
    return f"[bold]Night {state.night} finished[/bold] in {took}{but}."


@contextmanager
def _only_run_of(runs: Path) -> Iterator[None]:
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TouchproofError(
                "Another `make run` works on this world",
                where=runs.parent.name,
                todo="Wait for it, or end it and run again: it will finish that night.",
            ) from None
        yield
