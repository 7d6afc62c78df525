"""The tasks of an extract DAG: extract, then the leaves `announce` and `verdict`.

Belongs here: wiring that all extract DAGs share. Doesn't belong here: how a source is read
(touchproof.sources).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import TriggerRule, get_current_context, task, task_group

from touchproof_airflow import pools
from touchproof_airflow.assets import LANDED


def extract_source(source: str) -> Any:
    """Add the tasks of one source to the current DAG.

    `announce` always emits the source's asset, so that the build starts on what there is and says
    what is stale; `verdict` is red if the extract was, so that a dead source shows red.

    Args:
        source: A key of `touchproof.sources.registry.SOURCES`.
    """

    @task(task_id="extract", pool=pools.SOURCES)
    def extract() -> dict[str, Any]:
        from touchproof.sources.extract import extract as extract_one
        from touchproof_airflow.steps import run_recorded

        return run_recorded(
            f"extract:{source}",
            lambda settings, night, clock: extract_one(source, night, settings, clock),
        )

    @task(
        task_id="announce", trigger_rule=TriggerRule.ALL_DONE, outlets=[LANDED[source]], retries=0
    )
    def announce(*, outlet_events: Any = None) -> str:
        from touchproof_airflow.connections import settings_for_task
        from touchproof_airflow.steps import current_night

        status = "fresh" if _landed() else "stale"
        night = current_night(settings_for_task())
        outlet_events[LANDED[source]].extra = {"night": night.isoformat(), "status": status}
        return status

    # `extract` has told why.
    @task(task_id="verdict", trigger_rule=TriggerRule.ALL_DONE, retries=0, on_failure_callback=None)
    def verdict() -> str:
        from airflow.sdk.exceptions import AirflowFailException

        if not _landed():
            raise AirflowFailException(
                f"The extract of {source} failed; the log of its task `extract` says why. The "
                "build goes on with what landed earlier and calls the source stale. Run this DAG "
                "again when the source answers."
            )
        return "landed"

    @task_group(group_id=source)
    def tasks() -> None:
        extract() >> [announce(), verdict()]

    return tasks()


def _landed() -> bool:
    """Tell whether the sibling task `extract` succeeded: only then it left a report."""
    instance = get_current_context()["ti"]
    group = instance.task_id.rpartition(".")[0]
    return instance.xcom_pull(task_ids=f"{group}.extract") is not None
