"""The logs of API calls: what lands of them, when, and an org that shows none."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from crm_world import NIGHT, Crm

from touchproof.landing import Window
from touchproof.sources.salesforce_usage import USAGE, UnreadableLogError, read_log
from touchproof_sandbox.salesforce.lifecycle import ServerInfo

HEADER = (
    "EVENT_TYPE,TIMESTAMP,REQUEST_ID,ORGANIZATION_ID,USER_ID,API_FAMILY,API_VERSION,API_RESOURCE,"
    "CLIENT_NAME,HTTP_METHOD,CLIENT_IP,COUNTS_AGAINST_API_LIMIT,CONNECTED_APP_ID,ENTITY_NAME,"
    "STATUS_CODE,CONNECTED_APP_NAME,USER_NAME,TIMESTAMP_DERIVED\n"
)


def call(moment: str, *, status: str = "200", app: str = "Poller") -> str:
    return (
        f'ApiTotalUsage,20260628,4,00D,005A,REST,64.0,/services/data/v64.0/query,"","GET",'
        f'203.0.113.9,1,0H4,"Lead","{status}","{app}",jo@example.com,{moment}\n'
    )


DAY = HEADER + call("2026-06-28T13:05:12.345Z") * 3 + call("2026-06-28T14:00:00.000Z", status="401")


@pytest.fixture
def logs(server: ServerInfo) -> Iterator[Path]:
    """Return the folder of the org's logs, gone afterwards."""
    folder = Path(server.private_key_file).parent / "logs"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def keep(folder: Path, day: date, text: str = DAY) -> None:
    content = text.encode()
    compressed = pa.compress(content, codec="zstd", asbytes=True)
    (folder / f"{day}_{len(content)}.csv.zst").write_bytes(compressed)


def window(day: date) -> Window:
    return Window(day, day + timedelta(days=1))


def test_equal_calls_of_an_hour_land_as_one_row_with_their_number(crm: Crm, logs: Path) -> None:
    keep(logs, NIGHT)

    report = crm.extract()

    assert report.left_out == ()
    rows = crm.rows("api_usage", window(NIGHT))
    assert [(row["CALL_HOUR"], row["STATUS_CODE"], row["CALLS"]) for row in rows] == [
        ("2026-06-28T13:00:00Z", "200", "3"),
        ("2026-06-28T14:00:00Z", "401", "1"),
    ]
    assert (rows[0]["CLIENT_NAME"], rows[0]["CONNECTED_APP_NAME"]) == (None, "Poller")


def test_names_and_addresses_of_users_do_not_land(crm: Crm, logs: Path) -> None:
    keep(logs, NIGHT)
    crm.extract()

    (batch,) = crm.batches("api_usage").values()
    landed = b"".join(path.read_bytes() for path in batch.part_paths)
    assert b"jo@example.com" not in landed
    assert b"203.0.113.9" not in landed


def test_each_night_lands_the_days_that_are_not_landed_yet(crm: Crm, logs: Path) -> None:
    for days in range(3):
        keep(logs, NIGHT - timedelta(days=days))
    crm.extract(NIGHT - timedelta(days=1))
    first = list(crm.batches("api_usage"))
    crm.control.reset_counters()
    report = crm.extract(NIGHT)

    assert first == [window(NIGHT - timedelta(days=days)) for days in (2, 1)]
    assert list(crm.batches("api_usage")) == [*first, window(NIGHT)]
    kinds = crm.control.counters().by_kind
    assert (kinds["query"], kinds["log_file"]) == (1, 1)
    assert report.calls == sum(kinds.values())


def test_a_log_of_a_day_that_is_not_over_waits(crm: Crm, logs: Path) -> None:
    keep(logs, NIGHT + timedelta(days=1))
    crm.extract()
    assert crm.batches("api_usage") == {}


def test_an_org_that_shows_no_logs_is_one_sentence_and_the_crm_lands_all_the_same(
    crm: Crm,
) -> None:
    crm.lead()
    report = crm.extract()

    (sentence,) = report.left_out
    assert "View Event Log Files" in sentence
    assert report.status == "fresh"
    assert len(crm.leads()) == 1


def test_a_log_with_other_columns_is_told_by_its_day_and_the_others_land(
    crm: Crm, logs: Path
) -> None:
    keep(logs, NIGHT - timedelta(days=1), "WHO,WHAT\njo@example.com,all\n")
    keep(logs, NIGHT)
    report = crm.extract()

    (sentence,) = report.left_out
    assert "2026-06-27" in sentence
    assert "jo@example.com" not in sentence
    assert list(crm.batches("api_usage")) == [window(NIGHT)]


def test_the_allowance_that_answers_tell_lands_without_a_call(crm: Crm) -> None:
    crm.control.limits(max=20_000)
    crm.extract()
    (row,) = crm.rows("api_allowance", window(NIGHT))
    assert (row["OBSERVED_DATE"], row["MAX_CALLS"]) == ("2026-06-28", "20000")


def test_a_call_without_a_moment_lands_without_an_hour_for_the_gate_to_refuse() -> None:
    table = read_log(io.BytesIO((HEADER + call("")).encode()))
    assert table.column("CALL_HOUR").to_pylist() == [None]
    assert table.schema == USAGE.schema


def test_a_log_without_calls_is_an_empty_day() -> None:
    assert read_log(io.BytesIO(HEADER.encode())).num_rows == 0


def test_what_is_no_csv_is_unreadable() -> None:
    with pytest.raises(UnreadableLogError):
        read_log(io.BytesIO(b""))
