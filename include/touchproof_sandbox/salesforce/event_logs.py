"""EventLogFile of the loopback org: which daily logs it has, and their content.

Belongs here: the object's rows, which follow from the files in the folder `logs`, and the route
that answers a file. Doesn't belong here: making the files, which whoever runs the server does.

An org shows a day's log when the day is over, and keeps it for a while. Without the folder the org
is one whose user may not see event logs: for it the object doesn't exist.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.org import Org
from touchproof_sandbox.salesforce.routing import call
from touchproof_sandbox.salesforce.schema import OBJECTS, long_id
from touchproof_sandbox.salesforce.storage import Record, Storage, format_moment

OBJECT = "EventLogFile"
KEPT_DAYS = 28
"""How long this org keeps its logs; a real one without Event Monitoring keeps a day."""


def log_routes(org: Org) -> list[Route]:
    """Return the route of a log's content."""
    return [call(org, f"/sobjects/{OBJECT}/{{id}}/LogFile", ["GET"], "log_file", _log_file)]


def refresh(storage: Storage) -> None:
    """Make the object's rows those of the logs that the org has at its present moment.

    Raises:
        ApiError: 400 INVALID_TYPE, if it has none to show.
    """
    folder = storage.folder / "logs"
    if not folder.is_dir():
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{OBJECT}' is not supported.")
    first = storage.now - timedelta(days=KEPT_DAYS + 1)
    records: list[Record] = []
    for path in sorted(folder.glob("*.csv.zst")):
        begins, length = _date_and_length(path)
        over = begins + timedelta(days=1)
        if begins < first or over > storage.now:
            continue
        records.append(
            {
                "Id": _id_of(path),
                "IsDeleted": "false",
                "CreatedDate": format_moment(over),
                "SystemModstamp": format_moment(over),
                "EventType": "ApiTotalUsage",
                "LogDate": format_moment(begins),
                "LogFileLength": str(length),
                "Interval": "Daily",
            }
        )
    with storage.transaction():
        storage.db.execute(f'delete from "{OBJECT}"')  # noqa: S608  a name of ours
        storage.write(OBJECTS[OBJECT], records)


async def _log_file(org: Org, request: Request) -> Response:
    refresh(org.storage)
    wanted = long_id(request.path_params["id"])
    if not org.storage.find(OBJECTS[OBJECT], "Id", [wanted]):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    paths = (org.storage.folder / "logs").glob("*.csv.zst")
    path = next(one for one in paths if _id_of(one) == wanted)
    length = _date_and_length(path)[1]
    content = pa.decompress(path.read_bytes(), length, codec="zstd", asbytes=True)
    return Response(content, media_type="text/csv")


def _date_and_length(path: Path) -> tuple[datetime, int]:
    day, _, length = path.name.partition(".")[0].partition("_")
    midnight = datetime.combine(datetime.fromisoformat(day), time.min, UTC)
    return midnight, int(length)


def _id_of(path: Path) -> str:
    """Return the record's id; it follows from the day, so that a restart doesn't change it."""
    day = path.name.partition("_")[0]
    return long_id(f"0AT{hashlib.sha256(day.encode()).hexdigest()[:12].upper()}")
