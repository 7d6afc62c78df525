"""Fifteen days of the pretend org's API logs as raw tables, for the audit to read.

Belongs here: their raw rows. Doesn't belong here: who calls (touchproof_sandbox.world).
"""

from __future__ import annotations

import io
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
from dbt_planted import NIGHT

from touchproof.sources.salesforce_usage import read_log
from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.api_callers import ALLOWANCE, Behaviour
from touchproof_sandbox.world.api_log import log_csv

SEED = 6
"""Of the small seeds one whose newest day has an error storm and doesn't reach the limit."""

DAYS = 15
NEWEST_DAY = calendar.day_of(NIGHT)


def api_logs() -> dict[str, Any]:
    """Return the raw tables of the logs up to the night, and of the allowance."""
    days = range(NEWEST_DAY - DAYS + 1, NEWEST_DAY + 1)
    return {
        "salesforce__api_usage": pa.concat_tables(_day(day) for day in days),
        "salesforce__api_allowance": [
            {"OBSERVED_DATE": NIGHT.isoformat(), "MAX_CALLS": str(ALLOWANCE)}
        ],
    }


def counted_calls(without: AbstractSet[Behaviour] = frozenset()) -> int:
    """Return how many calls the newest day has when behaviours are switched off."""
    return log_csv(SEED, NEWEST_DAY, without).count(b"\n") - 1


def _day(day: int) -> pa.Table:
    begins = datetime.combine(calendar.date_of(day), time.min, UTC).replace(tzinfo=None)
    table = read_log(io.BytesIO(log_csv(SEED, day)))
    load = {
        "_file": "planted",
        "_row": 1,
        "_batch_id": "planted00000",
        "_window_start": begins.date(),
        "_window_end": begins.date() + timedelta(days=1),
        "_landed_at": begins + timedelta(days=1, hours=2),
    }
    for name, value in load.items():
        table = table.append_column(name, pa.array([value] * table.num_rows))
    return table
