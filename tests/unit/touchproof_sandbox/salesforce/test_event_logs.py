"""EventLogFile: which daily logs the org shows, and their content."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from touchproof_sandbox.salesforce.event_logs import KEPT_DAYS
from touchproof_sandbox.salesforce.lifecycle import ServerInfo
from touchproof_sandbox.world.api_log import log_csv, log_file
from touchproof_sandbox.world.calendar import date_of, day_of

if TYPE_CHECKING:
    from conftest import Api  # the fixture's type

QUERY = (
    "SELECT Id, LogDate, LogFileLength FROM EventLogFile"
    " WHERE EventType = 'ApiTotalUsage' AND Interval = 'Daily' ORDER BY LogDate"
)
TODAY = date(2026, 6, 29)
"""By the clock of the org of these tests."""

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def logs(server: ServerInfo) -> Iterator[Path]:
    """Return the folder of the org's logs, gone afterwards."""
    folder = Path(server.private_key_file).parent / "logs"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def keep(folder: Path, day: date) -> None:
    name, content = log_file(7, day_of(day))
    (folder / name).write_bytes(content)


def test_an_org_without_event_logs_says_that_there_is_no_such_object(api: Api) -> None:
    answer = api.call("GET", "query", params={"q": QUERY})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_TYPE")


def test_a_log_is_listed_with_its_date_and_length_and_answered_as_csv(api: Api, logs: Path) -> None:
    keep(logs, YESTERDAY)

    (row,) = api.query(QUERY)
    answer = api.call("GET", f"sobjects/EventLogFile/{row['Id']}/LogFile")

    assert row["LogDate"] == f"{YESTERDAY}T00:00:00.000+0000"
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content == log_csv(7, day_of(YESTERDAY))
    assert row["LogFileLength"] == len(answer.content)


def test_only_days_that_are_over_and_not_too_old_are_listed(api: Api, logs: Path) -> None:
    oldest = YESTERDAY - timedelta(days=KEPT_DAYS - 1)
    for day in (oldest - timedelta(days=1), oldest, YESTERDAY, TODAY):
        keep(logs, day)
    assert [row["LogDate"][:10] for row in api.query(QUERY)] == [str(oldest), str(YESTERDAY)]


def test_an_unknown_log_is_not_found(api: Api, logs: Path) -> None:
    keep(logs, date_of(0))
    answer = api.call("GET", "sobjects/EventLogFile/0AT000000000000AAA/LogFile")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_nobody_writes_a_log(api: Api, logs: Path) -> None:
    answer = api.call("POST", "sobjects/EventLogFile", json={"EventType": "ApiTotalUsage"})
    assert answer.status_code >= 400
