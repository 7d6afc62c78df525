"""Which DAGs have their hour after a night.

Belongs here: reading a DAG's clock schedule, so that `make run` starts a monthly DAG once a month.
Doesn't belong here: the order of DAGs (order.py); under a scheduler Airflow itself does this.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter


def is_due(dag: Any, night: date) -> bool:
    """Tell whether a DAG starts on the morning after a night.

    A DAG that assets start is due whenever they are there; one that the clock starts, if its hour
    comes on the business day after the night.
    """
    expression = getattr(dag.timetable, "expression", None)
    if expression is None:
        return True
    morning = datetime.combine(
        night + timedelta(days=1), time(), ZoneInfo(str(dag.timetable.timezone))
    )
    return bool(
        croniter.match_range(expression, morning, morning + timedelta(hours=23, minutes=59))
    )
