"""dbt as an Airflow task group, by Cosmos.

Belongs here: how Cosmos runs the dbt project (one `dbt build` that takes the writer's slot, every
model a task), what follows a dbt run in the same process, and the guard behind the group. Doesn't
belong here: SQL (dbt_project), the warehouse lock itself (touchproof.dbt_plugin takes it inside
the dbt process).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule, get_current_context, task

from touchproof.dbt_code import DBT_PROJECT
from touchproof.dbt_settings import PROFILE, TARGET, dbt_environment, dbt_vars
from touchproof.settings import Settings
from touchproof_airflow import pools
from touchproof_airflow.environment import is_one_process
from touchproof_airflow.manifest import MANIFEST

if TYPE_CHECKING:
    from cosmos.airflow.task_group import DbtTaskGroup

GROUP = "transform"
PRODUCER = f"{GROUP}.dbt_producer_watcher"
WATCHERS = rf"{GROUP}\..*(?<!dbt_producer_watcher)"
"""Task ids of the models' tasks, as a pattern."""
_EARLY_EVENTS = frozenset({"NodeStart", "NodeCompiling", "NodeExecuting"})
NIGHT_TEMPLATE = "{{ ti.xcom_pull(task_ids='gate')['night'] }}"


def transform_group() -> DbtTaskGroup:
    """Add the dbt project to the current DAG, every model and its tests as tasks.

    One producer task runs `dbt build` and holds the writer's slot; the models' tasks only watch
    it, so they take no slot and never retry: a failed build is repeated by a new run of the same
    night.
    """
    from cosmos.airflow.task_group import DbtTaskGroup
    from cosmos.config import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import (
        ExecutionMode,
        InvocationMode,
        LoadMode,
        SeedRenderingBehavior,
        TestBehavior,
    )

    settings = Settings()
    group = DbtTaskGroup(
        group_id=GROUP,
        project_config=ProjectConfig(
            dbt_project_path=DBT_PROJECT,
            manifest_path=MANIFEST,
            project_name="touchproof",
            install_dbt_deps=False,
            env_vars=dbt_environment(settings, NIGHT_TEMPLATE),
        ),
        profile_config=ProfileConfig(
            profile_name=PROFILE,
            target_name=TARGET,
            profiles_yml_filepath=DBT_PROJECT / "profiles.yml",
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            invocation_mode=InvocationMode.DBT_RUNNER,
            setup_operator_args={
                "pool": pools.WAREHOUSE_WRITER,
                "retries": 0,
                "execution_timeout": timedelta(hours=4),
                "callback": after_dbt,
                "dbt_runner_callbacks": [thin_out],
            },
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            # Seeds and tests run in the producer's build; as tasks of their own they would more
            # than double the processes that a night starts, and show nothing more.
            test_behavior=TestBehavior.NONE,
            seed_rendering_behavior=SeedRenderingBehavior.NONE,
            emit_datasets=False,
        ),
        operator_args={
            "vars": dbt_vars(settings),
            "append_env": True,
            "emit_datasets": False,
            "retries": 0,
            "poke_interval": 2,
            # Cosmos adds models, seeds and snapshots; unit tests stay out.
            "dbt_cmd_flags": ["--resource-type", "test"],
            # Cosmos logs the events that it is told of; dbt's own lines it would only filter out.
            "dbt_cmd_global_flags": [
                *("--log-level", "none"),
                *("--log-level-file", "none"),
                "--no-send-anonymous-usage-stats",
            ],
        },
    )
    for part in group.iter_tasks():
        part.retries = 0  # Cosmos's own closing task doesn't take the group's arguments
        part.on_failure_callback = []  # `require_build` tells of them all at once
    if is_one_process():
        _watch_afterwards(group)
    return group


def _watch_afterwards(group: DbtTaskGroup) -> None:
    """Let the models' tasks run after the producer: alone in a process, they'd wait for ever.

    Under a scheduler they start beside it and each ends when its model does.
    """
    watchers = [task for task in group.iter_tasks() if hasattr(task, "producer_task_id")]
    producer = next(task for task in group.iter_tasks() if task.task_id == PRODUCER)
    for watcher in watchers:
        producer >> watcher


@task(task_id="require_build", trigger_rule=TriggerRule.ALL_DONE, retries=0)
def require_build() -> None:
    """Fail unless the dbt producer itself succeeded.

    A cleared producer is skipped and the models' tasks then run one by one outside the writer's
    slot; that mustn't count as a build.
    """
    from airflow.sdk.exceptions import AirflowFailException

    context: Any = get_current_context()
    run_id = context["dag_run"].run_id
    states = context["ti"].get_task_states(
        dag_id=context["dag"].dag_id, task_ids=[PRODUCER], run_ids=[run_id]
    )
    state = states.get(run_id, {}).get(PRODUCER)
    if state != "success":
        raise AirflowFailException(
            f"dbt build didn't succeed (its task is {state}): {_failed_nodes(context)}. What was "
            "published before stays. Read the log of the producer, mend the cause and start a new "
            "run of this DAG for the same night; clearing tasks doesn't repeat a build."
        )


def _failed_nodes(context: Any) -> str:
    """Name what the build's recorded report says has failed."""
    from touchproof.ledger.store import Ledger
    from touchproof_airflow.connections import settings_for_task
    from touchproof_airflow.nights import night_of_run

    settings = settings_for_task()
    night = night_of_run(dict(context), settings)
    reports = [run.report for run in Ledger.of(settings).runs(night, step="build")]
    failed = reports[-1].get("failed", []) if reports else []
    shown = ", ".join(node.removeprefix("model.touchproof.") for node in failed[:5])
    return shown or "it ended before its first model"


def thin_out(event: Any) -> None:
    """Keep Cosmos from writing an XCom for events that nobody reads.

    It writes one for each event that it knows by name, several a node and each a call to the API
    server: with hundreds of tests that takes longer than the build. Only a model's last event is
    shown by its task, and errors are kept; a test's result goes to its task by another key. In one
    process no task watches at all: there Cosmos finds neither a name nor a node. It reads the same
    message after us, so both are taken away.
    """
    name = event.info.name
    if is_one_process():
        event.info.name = ""
        event.ClearField("data")
    elif name in _EARLY_EVENTS or (
        name == "NodeFinished" and event.data.node_info.resource_type == "test"
    ):
        event.info.name = ""


def after_dbt(project_dir: str, **kwargs: Any) -> None:
    """Record the build's report and let go of the warehouse, also after a failed build."""
    from touchproof.steps import record
    from touchproof.world_clock import world_clock
    from touchproof_airflow.connections import settings_for_task
    from touchproof_airflow.nights import parse_night

    release_warehouse()
    context = kwargs["context"]
    night = context["ti"].xcom_pull(task_ids="gate")["night"]
    report = build_report(Path(project_dir) / "target" / "run_results.json")
    status = "failed" if report["failed"] else "ok"
    settings = settings_for_task()
    record(settings, parse_night(night), "build", status, report, world_clock(settings))


def build_report(run_results: Path) -> dict[str, Any]:
    """Summarise dbt's run results: counts by status and the names of what failed.

    Messages are left out, since dbt's and DuckDB's own quote values.
    """
    if not run_results.exists():
        return {"counts": {}, "failed": ["dbt ended before its first model"], "seconds": None}
    content = json.loads(run_results.read_bytes())
    results = content["results"]
    return {
        "counts": dict(sorted(Counter(result["status"] for result in results).items())),
        "failed": sorted(
            result["unique_id"] for result in results if result["status"] in ("error", "fail")
        ),
        "seconds": round(content["elapsed_time"], 1),
    }


def release_warehouse() -> None:
    """Close dbt's connections and free the warehouse lock that dbt took in this process, if any.

    Under a scheduler each task is a process of its own and the lock ends with it; `make run` and
    `dag.test()` run all tasks in one.
    """
    plugin = sys.modules.get("touchproof.dbt_plugin")
    if plugin is not None:
        plugin.release_warehouse()
