"""Rules that every DAG keeps: it loads, it is short, it explains itself, its tasks are bounded."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from touchproof.settings import Settings
from touchproof_airflow import pools
from touchproof_airflow.assets import SOURCES
from touchproof_airflow.cosmos import PRODUCER
from touchproof_airflow.environment import airflow_environment
from touchproof_airflow.settings_file import read_settings_file

DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = sorted(DAGS.glob("*.py"))
SECTIONS = ("Purpose", "Schedule", "Reads", "Writes", "On failure")
MAX_LINES = 100
OWN_POOLS = {*pools.ALL}


def tasks(bag: Any) -> list[tuple[str, Any]]:
    return [(dag_id, task) for dag_id, dag in bag.dags.items() for task in dag.tasks]


def is_watcher(task: Any) -> bool:
    return task.task_id.startswith("transform.") and task.task_id != PRODUCER


def test_every_file_gives_the_dag_of_its_name(bag: Any) -> None:
    assert not bag.import_errors
    assert len(bag.dags) >= 10
    assert {path.stem for path in FILES} == set(bag.dags)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_only_wires(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
    names = {
        (node.module or "").split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert names <= {
        "__future__",
        "airflow",
        "datetime",
        "typing",
        "touchproof",
        "touchproof_airflow",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_docstring_is_the_page_in_the_ui(bag: Any, path: Path) -> None:
    dag = bag.dags[path.stem]
    page = ast.get_docstring(ast.parse(path.read_text()), clean=False)
    assert dag.doc_md == page
    found = re.findall(r"^(\w[\w ]*):", page or "", re.M)
    assert [name for name in found if name in SECTIONS] == list(SECTIONS)


def test_every_dag_has_tags_owner_and_limits(bag: Any) -> None:
    for dag in bag.dags.values():
        assert "touchproof" in dag.tags and len(dag.tags) >= 2, dag.dag_id
        assert dag.max_active_runs == 1 and not dag.catchup, dag.dag_id
        assert dag.dagrun_timeout is not None, dag.dag_id
        assert "night" in dag.params, dag.dag_id
    for dag_id, task in tasks(bag):
        assert task.owner == "touchproof", (dag_id, task.task_id)


def test_every_task_ends_in_time(bag: Any) -> None:
    for dag_id, task in tasks(bag):
        limit = task.execution_timeout
        assert limit is not None and limit <= timedelta(hours=6), (dag_id, task.task_id)


def test_a_build_is_never_repeated_by_a_retry(bag: Any) -> None:
    dag = bag.dags["build_warehouse"]
    never = [task for task in dag.tasks if task.task_id.startswith("transform.")]
    never += [dag.get_task("require_build"), dag.get_task("publish")]
    assert len(never) > 50
    for task in never:
        assert task.retries == 0, task.task_id


def test_what_talks_to_a_source_is_tried_again(bag: Any) -> None:
    extracts = [(d, task) for d, task in tasks(bag) if task.task_id.endswith(".extract")]
    assert len(extracts) == len(SOURCES)
    for dag_id, task in extracts:
        assert task.retries >= 1 and task.pool == pools.SOURCES, dag_id


def test_the_writers_slot_is_taken_by_writers_alone(bag: Any) -> None:
    writers = {task.task_id for _, task in tasks(bag) if task.pool == pools.WAREHOUSE_WRITER}
    assert writers == {"load", "publish", PRODUCER}
    for _, task in tasks(bag):
        if is_watcher(task):
            assert task.pool == pools.DEFAULT, task.task_id


def test_the_lanes_slot_is_taken_by_the_lane_alone(bag: Any) -> None:
    users = {dag_id for dag_id, task in tasks(bag) if task.pool == pools.SALESFORCE_NEW_LEADS}
    assert users == {"push_new_leads"}
    lane = bag.dags["push_new_leads"]
    assert {task.task_id for task in lane.tasks} == {
        "extract_app",
        "extract_web_forms",
        "push",
        "verdict",
    }
    for task in lane.tasks:
        assert task.pool == pools.SALESFORCE_NEW_LEADS, task.task_id
        assert task.retries == 0, task.task_id  # the next run is the retry
    # A task of another DAG weighs as much as it and all that comes behind it together.
    others = [dag for dag in bag.dags.values() if dag is not lane]
    heaviest = max(sum(task.priority_weight for task in dag.tasks) for dag in others)
    assert min(task.priority_weight for task in lane.tasks) > heaviest
    assert {task.task_id for task in lane.leaves} == {"push", "verdict"}
    # And a process is free for the slot, however many tasks run in all others.
    declared = {pool["pool_name"]: int(pool["pool_slot"]) for pool in read_settings_file().pools}
    beside = sum(slots for name, slots in declared.items() if name != pools.SALESFORCE_NEW_LEADS)
    assert {task.pool for _, task in tasks(bag)} <= set(declared)
    assert all(task.pool_slots == 1 for _, task in tasks(bag))
    processes = int(airflow_environment(Settings())["AIRFLOW__CORE__PARALLELISM"])
    assert processes >= beside + declared[pools.SALESFORCE_NEW_LEADS]


def test_the_lane_comes_as_often_as_the_setting_says(bag: Any) -> None:
    assert bag.dags["push_new_leads"].timetable.delta == timedelta(minutes=10)


def test_every_pool_is_declared_in_the_settings_file(bag: Any) -> None:
    declared = {pool["pool_name"]: int(pool["pool_slot"]) for pool in read_settings_file().pools}
    used = {task.pool for _, task in tasks(bag)}
    assert used <= set(declared)
    assert set(declared) >= OWN_POOLS
    assert declared[pools.WAREHOUSE_WRITER] == 1
    assert declared[pools.SALESFORCE_NEW_LEADS] == 1


def test_clock_schedules_follow_the_business_time_zone(bag: Any) -> None:
    timed = {
        dag_id: dag.timetable
        for dag_id, dag in bag.dags.items()
        if hasattr(dag.timetable, "expression")
    }
    assert len(timed) == 9
    for dag_id, timetable in timed.items():
        assert str(timetable.timezone) == "America/New_York", dag_id
    assert timed["check_published_by_deadline"].expression == "0 6 * * *"
