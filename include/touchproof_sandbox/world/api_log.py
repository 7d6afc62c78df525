"""The pretend org's log of API calls: one EventLogFile of type ApiTotalUsage a day, as CSV.

Belongs here: the columns of the log, and the calls that an exhausted allowance refuses. Doesn't
belong here: who calls (api_callers.py), keeping and serving the file
(touchproof_sandbox.salesforce.event_logs).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.api_callers import (
    ALLOWANCE,
    NOTIFIER,
    Behaviour,
    Calls,
    Kind,
    Seconds,
    calls_of_day,
)

_ORGANISATION = "00D5e000000TPRF"
_RETRY_SECONDS = 20


def log_csv(seed: int, day: int, without: AbstractSet[Behaviour] = frozenset()) -> bytes:
    """Return the CSV of a day; it depends on seed, day and the behaviours alone."""
    calls = calls_of_day(seed, day, without)
    seconds, numbers = _in_order(calls)
    if len(seconds) > ALLOWANCE and Behaviour.ERROR_STORM not in without:
        # Whoever doesn't understand the refusal asks again and again.
        start = int(seconds[ALLOWANCE])
        refused = Kind(NOTIFIER, "REST", "GET", "/services/data/v60.0/query", "Lead", 403)
        calls.add(refused, np.arange(start, calendar.DAY_SECONDS, _RETRY_SECONDS, dtype=np.int64))
        seconds, numbers = _in_order(calls)
    kinds = list(calls.kinds)
    if len(seconds) > ALLOWANCE:
        # What comes after the last allowed call is refused, and counts all the same.
        half = len(kinds)
        kinds += [kind if kind.status >= 400 else replace(kind, status=403) for kind in kinds]
        numbers[ALLOWANCE:] += half
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(
        _table(day, seconds, _kinds_table(kinds).take(numbers)),
        sink,
        pa_csv.WriteOptions(quoting_style="all_valid"),
    )
    return bytes(sink.getvalue())


def log_file(seed: int, day: int) -> tuple[str, bytes]:
    """Return name and content of the file in which the org keeps a day's log.

    The name tells date and length of the CSV, the content is the CSV compressed by zstd.
    """
    content = log_csv(seed, day)
    name = f"{calendar.date_of(day)}_{len(content)}.csv.zst"
    return name, bytes(pa.compress(content, codec="zstd", asbytes=True))


def _in_order(calls: Calls) -> tuple[Seconds, Seconds]:
    seconds, numbers = np.concatenate(calls.seconds), np.concatenate(calls.numbers)
    order = np.lexsort((numbers, seconds))
    return seconds[order], numbers[order]


def _kinds_table(kinds: list[Kind]) -> pa.Table:
    callers = [kind.caller for kind in kinds]
    return pa.table(
        {
            "USER_ID": [caller.user_id for caller in callers],
            "API_FAMILY": [kind.family for kind in kinds],
            "API_VERSION": ["64.0"] * len(kinds),
            "API_RESOURCE": [kind.resource for kind in kinds],
            "CLIENT_NAME": [caller.client for caller in callers],
            "HTTP_METHOD": [kind.method for kind in kinds],
            "CLIENT_IP": [caller.ip for caller in callers],
            "COUNTS_AGAINST_API_LIMIT": ["1"] * len(kinds),
            "CONNECTED_APP_ID": [caller.connected_app_id for caller in callers],
            "ENTITY_NAME": [kind.object for kind in kinds],
            "STATUS_CODE": [str(kind.status) for kind in kinds],
            "CONNECTED_APP_NAME": [caller.connected_app for caller in callers],
            "USER_NAME": [caller.user_name for caller in callers],
        }
    )


def _table(day: int, seconds: Seconds, calls: pa.Table) -> pa.Table:
    """Return the log's columns in the order of Salesforce."""
    count, date_ = len(seconds), calendar.date_of(day)
    columns: dict[str, Any] = {
        "EVENT_TYPE": ["ApiTotalUsage"] * count,
        "TIMESTAMP": _joined(f"{date_:%Y%m%d}", _clock("").take(seconds), ".000"),
        "REQUEST_ID": _joined(f"4{day:06d}", _numbers().slice(0, count), ""),
        "ORGANIZATION_ID": [_ORGANISATION] * count,
    }
    columns |= {name: calls[name] for name in calls.column_names}
    columns["TIMESTAMP_DERIVED"] = _joined(f"{date_}T", _clock(":").take(seconds), ".000Z")
    return pa.table(columns)


def _joined(before: str, texts: pa.StringArray, after: str) -> pa.StringArray:
    join: Any = pc.binary_join_element_wise  # its stub doesn't know texts among the columns
    joined: pa.StringArray = join(before, texts, after, "")
    return joined


@cache
def _clock(between: str) -> pa.StringArray:
    """Return the time of day of every second."""
    times = [
        between.join((f"{second // 3600:02d}", f"{second // 60 % 60:02d}", f"{second % 60:02d}"))
        for second in range(calendar.DAY_SECONDS)
    ]
    return pa.array(times, pa.string())


@cache
def _numbers() -> pa.StringArray:
    """Return more numbers of eight digits than any day has calls."""
    return pa.array([f"{number:08d}" for number in range(3 * ALLOWANCE)], pa.string())
