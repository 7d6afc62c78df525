"""Push opt-outs and new leads of today to Salesforce, all day long.

Purpose: let an opt-out reach every lead and contact of its person, and a registration or web form
become a lead, within minutes instead of after the next night.

Schedule: every ten minutes (TOUCHPROOF_LANE_PERIOD_SECONDS), one run at a time.

Reads: the drops of the app and of the website, landing/, the last committed handoff/<night>/sync/,
the ledger's acknowledged values. Never the warehouse, so no build delays it.

Writes: landing/app/, landing/web_forms/, Salesforce (the org of the connection
`touchproof_salesforce`), the ledger's outbox, `lane_leads`, acknowledged values, dead letters and
run `push:new-leads`.

On failure: the next run goes on where this one ended, so a single red run needs nobody; the third
in a row sends an alert. The log of `push` then says what Salesforce answers; refused records are
listed by `touchproof push dead-letters`. `verdict` is red if a source couldn't be read: the push
went on with what had landed before. Whatever the lane misses, the nightly push sends.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from touchproof.settings import Settings
from touchproof_airflow import pools
from touchproof_airflow.alerts import alert_when_repeated
from touchproof_airflow.defaults import dag_options, every
from touchproof_airflow.steps import run_recorded_for_last_night

SOURCES = ("web_forms", "app")
PUSH = "push:new-leads"


def land(source: str) -> Any:
    """Add the task that lands what a source has by now."""

    step = f"lane_extract:{source}"

    @task(
        task_id=f"extract_{source}",
        trigger_rule=TriggerRule.ALL_DONE,
        on_failure_callback=alert_when_repeated(step),
    )
    def extract() -> dict[str, Any]:
        from touchproof.salesforce.lane import extract_for_lane

        return run_recorded_for_last_night(
            step, lambda settings, _, clock: extract_for_lane(source, settings, clock)
        )

    return extract()


@task(
    task_id="push",
    trigger_rule=TriggerRule.ALL_DONE,
    on_failure_callback=alert_when_repeated(PUSH),
)
def push() -> dict[str, Any]:
    """Send opt-outs, then new leads."""
    from touchproof.salesforce.lane import run_lane

    return run_recorded_for_last_night(PUSH, lambda settings, _, clock: run_lane(settings, clock))


@task(task_id="verdict", trigger_rule=TriggerRule.ALL_DONE, on_failure_callback=None)
def verdict() -> str:
    """Turn red if a source couldn't be read: only an extract that succeeded leaves a report."""
    instance = get_current_context()["ti"]
    if any(instance.xcom_pull(task_ids=f"extract_{source}") is None for source in SOURCES):
        raise AirflowFailException(
            "A source of the lane couldn't be read; the logs of the extracts say which and why."
        )
    return "landed"


with DAG(
    "push_new_leads",
    schedule=every(Settings().lane_period_seconds),
    **dag_options(
        __doc__,
        "salesforce",
        "push",
        pool=pools.SALESFORCE_NEW_LEADS,
        priority_weight=1000,  # a night's tasks wait for a free process, the lane's don't
        weight_rule="absolute",
        retries=0,
        execution_timeout=timedelta(minutes=20),
    ),
):
    extracts = [land(source) for source in SOURCES]
    chain(*extracts, push())
    extracts >> verdict()
