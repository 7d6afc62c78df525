"""Raise the alarm when the night isn't published by the deadline.

Purpose: tell ops before the day begins that dashboards, push and packs still show the night
before.

Schedule: every day at 06:00 business time (TOUCHPROOF_PUBLISH_DEADLINE is checked against it).

Reads: the ledger's `published_nights` and runs.

Writes: nothing; the failed task and its alert are the message.

On failure: the alert names the night, the last step that succeeded and the first that failed, and
what to do next. Readers keep the last published night meanwhile.
"""

from __future__ import annotations

from airflow.sdk import DAG, task

from touchproof_airflow.defaults import business_cron, dag_options


@task(task_id="check_published", retries=0)
def check_published() -> str:
    """Fail with what to do if the night isn't published."""
    from touchproof.deadline import require_published
    from touchproof_airflow.connections import settings_for_task
    from touchproof_airflow.steps import current_night

    settings = settings_for_task()
    return require_published(settings, current_night(settings))


with DAG(
    "check_published_by_deadline",
    schedule=business_cron("0 6 * * *"),
    **dag_options(__doc__, "alert"),
):
    check_published()
