"""What every DAG has in common: owner, tags, retries, timeouts, alerts, start date, param `night`.

Belongs here: defaults that the policy test checks. Doesn't belong here: a single DAG's schedule
or tasks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable, DeltaTriggerTimetable, Param

from touchproof_airflow.alerts import alert_failure
from touchproof_airflow.environment import is_one_process

OWNER = "touchproof"
TAG = "touchproof"


def business_timezone() -> str:
    """Return the time zone of all schedules, an IANA name."""
    return os.environ.get("TOUCHPROOF_BUSINESS_TIMEZONE", "America/New_York")


def business_cron(expression: str) -> CronTriggerTimetable:
    """Return a schedule in the business time zone.

    Args:
        expression: Five cron fields, read on the business clock.
    """
    return CronTriggerTimetable(expression, timezone=business_timezone())


def every(seconds: int) -> DeltaTriggerTimetable:
    """Return a schedule that starts a run every so many seconds.

    Args:
        seconds: From one start to the next.
    """
    return DeltaTriggerTimetable(timedelta(seconds=seconds))


def default_args(**overrides: Any) -> dict[str, Any]:
    """Return the arguments that every task gets unless its DAG says otherwise."""
    return {
        "owner": OWNER,
        "retries": 0 if is_one_process() else 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": alert_failure,
        **overrides,
    }


def dag_options(
    doc: str | None,
    *tags: str,
    params: Mapping[str, Param] | None = None,
    **default_overrides: Any,
) -> dict[str, Any]:
    """Return the keyword arguments that every DAG passes to `DAG(...)`.

    Args:
        doc: The DAG module's docstring; it becomes the DAG's page in the UI.
        tags: Further tags beside `touchproof`.
        params: Further params beside `night`.
        default_overrides: Task defaults that this DAG changes.
    """
    return {
        "doc_md": doc,
        "description": (doc or "").strip().splitlines()[0],
        "tags": [TAG, *tags],
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=6),
        "start_date": datetime(2026, 3, 1, tzinfo=ZoneInfo(business_timezone())),
        "default_args": default_args(**default_overrides),
        "render_template_as_native_obj": False,
        "params": {
            "night": Param(
                default=None,
                type=["null", "string"],
                format="date",
                description="The night to run (YYYY-MM-DD); empty: the night that is due.",
            ),
            **(params or {}),
        },
    }
