"""What Salesforce's API was used for: its daily logs ApiTotalUsage, and the allowance.

Belongs here: which logs a night lands, which of their columns, and the allowance that answers tell
in passing. Doesn't belong here: the six objects (salesforce.py), what the calls mean (dbt).

An org keeps its logs for a month or for a single day, so each night lands every day's log that
isn't landed yet, a day a window. Equal calls of one hour are landed as one row with their number:
a log has one row a call, which would be most rows of the warehouse. User names and addresses don't
land; the user's id tells who called.

Whether we may see the logs is the administrator's decision, and they are no part of the CRM: what
can't be had is a sentence of the report, and the next night asks again.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO, Any, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from touchproof.clock import Clock
from touchproof.landing import Landing, PartTable, Window
from touchproof.salesforce.answers import LimitUsage, SalesforceCallError
from touchproof.sources.definition import EntityDefinition, text_schema

logger = logging.getLogger(__name__)

EVENT_TYPE = "ApiTotalUsage"
_MOMENT = "TIMESTAMP_DERIVED"
_KEPT = (
    "USER_ID",
    "API_FAMILY",
    "API_RESOURCE",
    "CLIENT_NAME",
    "HTTP_METHOD",
    "COUNTS_AGAINST_API_LIMIT",
    "ENTITY_NAME",
    "STATUS_CODE",
    "CONNECTED_APP_NAME",
)
"""The columns of the log that land, under Salesforce's names."""

_HOUR_CHARACTERS = len("2026-06-28T13")
_SPOOL_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 1 << 20
_DESCRIBED_CODES = frozenset({"INVALID_TYPE", "INSUFFICIENT_ACCESS", "API_DISABLED_FOR_ORG"})

USAGE = EntityDefinition(
    "salesforce",
    "api_usage",
    text_schema("CALL_HOUR", *_KEPT, "CALLS"),
    key=("CALL_HOUR", "USER_ID"),
)
ALLOWANCE = EntityDefinition(
    "salesforce",
    "api_allowance",
    text_schema("OBSERVED_DATE", "MAX_CALLS"),
    key=("OBSERVED_DATE",),
)
USAGE_ENTITIES = (USAGE, ALLOWANCE)


@dataclass(frozen=True)
class UsageLanded:
    """Count the days' logs that were landed, their rows, and say what couldn't be had."""

    batches: int
    rows: int
    left_out: tuple[str, ...] = ()


class _Org(Protocol):
    """What this needs of a client."""

    def query(self, soql: str) -> list[dict[str, Any]]: ...

    def download_log(self, log_id: str, target: IO[bytes]) -> None: ...


class UnreadableLogError(Exception):
    """Report a log without the columns that we read."""


def land_usage(
    client: _Org, landing: Landing, night: date, clock: Clock, from_: date | None = None
) -> UsageLanded:
    """Land the daily logs up to a night that aren't landed yet.

    Args:
        client: The org.
        landing: Where to.
        night: The night; later days' logs wait for theirs.
        clock: Tells the moment of landing.
        from_: First day whose log is read again though it is landed.
    """
    landed = set(landing.newest(USAGE.source, USAGE.entity))
    batches = rows = 0
    left_out = []
    try:
        for day, log_id in _listed(client, night):
            window = Window(day, day + timedelta(days=1))
            if window in landed and (from_ is None or day < from_):
                continue
            try:
                table, content_sha256 = _read(client, log_id)
            except UnreadableLogError:
                left_out.append(
                    f"Salesforce's log of API calls of {day} has other columns than those that we"
                    " read, and isn't landed."
                )
                continue
            batch, is_new = landing.write(
                USAGE.source,
                USAGE.entity,
                window,
                [PartTable(EVENT_TYPE, table)],
                content_sha256=content_sha256,
                landed_at=clock(),
            )
            batches += is_new
            rows += batch.manifest.rows if is_new else 0
    except SalesforceCallError as error:
        left_out.append(_sentence(error))
    for sentence in left_out:
        logger.warning("%s", sentence)
    return UsageLanded(batches, rows, tuple(left_out))


def land_allowance(limit: LimitUsage | None, landing: Landing, night: date, clock: Clock) -> int:
    """Land how many calls the org allows, as the answers told it; return the new batches."""
    if limit is None:
        return 0
    row = {"OBSERVED_DATE": night.isoformat(), "MAX_CALLS": str(limit.max)}
    _, is_new = landing.write(
        ALLOWANCE.source,
        ALLOWANCE.entity,
        Window(night, night + timedelta(days=1)),
        [PartTable("Sforce-Limit-Info", pa.Table.from_pylist([row], schema=ALLOWANCE.schema))],
        content_sha256=hashlib.sha256(str(row).encode()).hexdigest(),
        landed_at=clock(),
    )
    return int(is_new)


def _listed(client: _Org, night: date) -> list[tuple[date, str]]:
    """Return day and id of the daily logs up to the night, the oldest first."""
    after = night + timedelta(days=1)
    found = client.query(
        "SELECT Id, LogDate FROM EventLogFile"  # noqa: S608  names of ours
        f" WHERE EventType = '{EVENT_TYPE}' AND Interval = 'Daily'"
        f" AND LogDate < {after.isoformat()}T00:00:00Z ORDER BY LogDate"
    )
    return [(date.fromisoformat(one["LogDate"][:10]), str(one["Id"])) for one in found]


def _read(client: _Org, log_id: str) -> tuple[pa.Table, str]:
    """Return a log's counted calls and the digest of its bytes."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        file = cast(IO[bytes], spool)
        client.download_log(log_id, file)
        file.seek(0)
        digest = hashlib.sha256()
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
        file.seek(0)
        return read_log(file), digest.hexdigest()


def read_log(file: IO[bytes]) -> pa.Table:
    """Return the calls of a log, counted by hour and kept columns; all columns text.

    Raises:
        UnreadableLogError: If it is no CSV, or one without the columns that we read.
    """
    try:
        calls = pa_csv.read_csv(
            file,
            read_options=pa_csv.ReadOptions(use_threads=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=text_schema(_MOMENT, *_KEPT),
                include_columns=[_MOMENT, *_KEPT],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        raise UnreadableLogError from None
    return _counted(calls)


def _counted(calls: pa.Table) -> pa.Table:
    join: Any = pc.binary_join_element_wise  # its stub doesn't know texts among the columns
    hour = join(pc.utf8_slice_codeunits(calls[_MOMENT], 0, _HOUR_CHARACTERS), ":00:00Z", "")
    columns = ["CALL_HOUR", *_KEPT]
    counted = (
        calls.select(_KEPT)
        .append_column("CALL_HOUR", hour)
        .group_by(columns, use_threads=False)
        .aggregate([([], "count_all")])
    )
    counted = counted.append_column("CALLS", counted["count_all"].cast(pa.string()))
    order = pc.sort_indices(counted, sort_keys=[(name, "ascending") for name in columns])
    return counted.select(USAGE.schema.names).take(order).cast(USAGE.schema).combine_chunks()


def _sentence(error: SalesforceCallError) -> str:
    if error.code in _DESCRIBED_CODES:
        return (
            "Salesforce shows us no log of API calls, so nobody can tell who spends the allowance."
            ' Give the integration user "View Event Log Files" and "API Enabled".'
        )
    return f"Salesforce's log of API calls can't be read now: {error.what}. The next night asks."
