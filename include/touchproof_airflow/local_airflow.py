"""Airflow in this process: its database, its DAGs, and running one of them to its end.

Belongs here: what `make run` and the tests need of Airflow itself. Doesn't belong here: the order
of DAGs (order.py), the night (planning.py). Import it only after environment.enter.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from touchproof.errors import ConfigurationError
from touchproof.settings import PROJECT_ROOT

OnTask = Callable[[str, str], None]
_SYNCED: set[str] = set()


@dataclass(frozen=True)
class DagOutcome:
    """Say how a DAG run ended: state, tasks that failed themselves, URIs of emitted assets."""

    dag_id: str
    state: str
    failed_tasks: tuple[str, ...]
    emitted: frozenset[str]

    @property
    def succeeded(self) -> bool:
        return self.state == "success"


def prepare_database() -> None:
    """Make or migrate Airflow's database, load its settings file, end what a killed run left."""
    from airflow.utils.db import initdb

    from touchproof_airflow.settings_file import load_settings_file

    initdb()
    load_settings_file()
    _end_abandoned_runs()


def load_dags() -> dict[str, Any]:
    """Load every DAG.

    Raises:
        ConfigurationError: If one can't be loaded, or there is none.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(PROJECT_ROOT / "dags"))
    if bag.import_errors or not bag.dags:
        broken = ", ".join(sorted(path.rsplit("/", 1)[-1] for path in bag.import_errors))
        raise ConfigurationError(
            "Some DAGs can't be loaded" if broken else "There are no DAGs",
            where=broken or "dags/",
            todo="The log file of this run has the traceback.",
        )
    return dict(bag.dags)


def run_dag(dag: Any, night: date, on_task: OnTask | None = None) -> DagOutcome:
    """Run one DAG for a night, task after task in this process.

    The models' tasks are marked with the producer's success instead of run: they come after it
    here (`cosmos.transform_group`) and would only read, one by one, that it succeeded.

    Args:
        dag: From `load_dags`.
        night: Given to the run as its param `night`.
        on_task: Called with (task id, state) as tasks begin and end.
    """
    from touchproof_airflow import cosmos

    with _listening(on_task), _synced_once(dag.dag_id):
        run = dag.test(run_conf={"night": night.isoformat()}, mark_success_pattern=cosmos.WATCHERS)
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    emitted = frozenset(
        outlet.uri
        for task_id, state in states.items()
        if state == "success"
        for outlet in dag.get_task(task_id).outlets
        if hasattr(outlet, "uri")
    )
    failed = tuple(sorted(task_id for task_id, state in states.items() if state == "failed"))
    return DagOutcome(dag.dag_id, str(run.state.value), failed, emitted)


@contextmanager
def _synced_once(dag_id: str) -> Any:
    """Spare a DAG that this process has synced: dag.test() parses all of dags/ again each time."""
    from unittest.mock import patch

    if _SYNCED:
        with (
            patch("airflow.dag_processing.dagbag.BundleDagBag"),
            patch("airflow.dag_processing.dagbag.sync_bag_to_db"),
        ):
            yield
    else:
        yield
    _SYNCED.add(dag_id)


@contextmanager
def _listening(on_task: OnTask | None) -> Any:
    if on_task is None:
        yield
        return
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    told: OnTask = on_task

    class Listener:
        @hookimpl
        def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
            told(task_instance.task_id, "running")

        @hookimpl
        def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
            told(task_instance.task_id, "success")

        @hookimpl
        def on_task_instance_failed(
            self, previous_state: Any, task_instance: Any, error: Any
        ) -> None:
            told(task_instance.task_id, "failed")

    manager = get_listener_manager()
    listener = Listener()
    manager.add_listener(listener)  # type: ignore[no-untyped-call]  # Airflow's is untyped
    try:
        yield
    finally:
        manager.pm.unregister(listener)


def _end_abandoned_runs() -> None:
    """Mark runs that a killed process left running as failed, so that no scheduler revives them."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from sqlalchemy import select, update

    with create_session() as session:
        abandoned = session.scalars(
            select(DagRun.run_id).where(
                DagRun.state == DagRunState.RUNNING, DagRun.triggered_by == "TEST"
            )
        ).all()
        if not abandoned:
            return
        session.execute(
            update(TaskInstance)
            .where(
                TaskInstance.run_id.in_(abandoned),
                TaskInstance.state.not_in(["success", "failed", "skipped", "upstream_failed"])
                | TaskInstance.state.is_(None),
            )
            .values(state=TaskInstanceState.FAILED)
        )
        session.execute(
            update(DagRun).where(DagRun.run_id.in_(abandoned)).values(state=DagRunState.FAILED)
        )
