"""The log of API calls: who calls how often, and that nothing but seed and day decides it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from touchproof_sandbox.salesforce.event_logs import KEPT_DAYS
from touchproof_sandbox.world import api_callers, generate
from touchproof_sandbox.world.api_callers import ALLOWANCE, Behaviour
from touchproof_sandbox.world.api_log import log_csv
from touchproof_sandbox.world.calendar import date_of

QUIET_DAY, STORMY_DAY, FULL_DAY = 44, 40, 101
SEED = 7
SALESFORCE_COLUMNS = [
    "EVENT_TYPE", "TIMESTAMP", "REQUEST_ID", "ORGANIZATION_ID", "USER_ID", "API_FAMILY",
    "API_VERSION", "API_RESOURCE", "CLIENT_NAME", "HTTP_METHOD", "CLIENT_IP",
    "COUNTS_AGAINST_API_LIMIT", "CONNECTED_APP_ID", "ENTITY_NAME", "STATUS_CODE",
    "CONNECTED_APP_NAME", "USER_NAME", "TIMESTAMP_DERIVED",
]  # fmt: skip

Row = dict[str, str]


def rows(day: int, without: frozenset[Behaviour] = frozenset(), seed: int = SEED) -> list[Row]:
    return list(csv.DictReader(io.StringIO(log_csv(seed, day, without).decode())))


def test_a_log_has_the_columns_of_salesforce_and_lies_within_its_day() -> None:
    found = rows(QUIET_DAY)
    assert list(found[0]) == SALESFORCE_COLUMNS
    assert {row["TIMESTAMP_DERIVED"][:10] for row in found} == {str(date_of(QUIET_DAY))}
    moments = [row["TIMESTAMP_DERIVED"] for row in found]
    assert moments == sorted(moments)
    assert len({row["REQUEST_ID"] for row in found}) == len(found)


def test_the_same_seed_and_day_give_the_same_bytes_and_another_seed_others() -> None:
    assert log_csv(SEED, QUIET_DAY) == log_csv(SEED, QUIET_DAY)
    assert log_csv(SEED, QUIET_DAY) != log_csv(SEED + 1, QUIET_DAY)


def test_the_sync_asks_25_times_in_each_of_288_cycles_whether_anything_changed() -> None:
    checks = [
        row
        for row in rows(QUIET_DAY)
        if row["CONNECTED_APP_NAME"] == "Marketo Engage Sync"
        and row["API_RESOURCE"] in {"query", "getUpdated", "getDeleted"}
    ]
    assert len(checks) == 25 * 288


def test_our_calls_name_themselves_and_are_few() -> None:
    ours = [row for row in rows(QUIET_DAY) if row["CLIENT_NAME"] == "touchproof"]
    assert 40 <= len(ours) <= 80


@pytest.mark.parametrize("behaviour", list(Behaviour))
def test_a_behaviour_that_is_switched_off_saves_calls_and_changes_no_other_callers(
    behaviour: Behaviour,
) -> None:
    def of_others(found: list[Row]) -> Counter[tuple[str, ...]]:
        touched = {row["USER_ID"] for row in found if row["API_RESOURCE"] == "retrieve"}
        return Counter(
            tuple(value for name, value in row.items() if name != "REQUEST_ID")
            for row in found
            if row["USER_ID"] not in touched | behaving
        )

    callers = {
        Behaviour.POLLER: api_callers.SCRIPT,
        Behaviour.JOB_POLLS: api_callers.INSIGHT,
        Behaviour.REWRITES: api_callers.LOAN_DESK,
        Behaviour.ERROR_STORM: api_callers.NOTIFIER,
        Behaviour.PUSH: api_callers.TOUCHPROOF,
    }
    behaving = {callers.get(behaviour, api_callers.MARKETO).user_id}
    before, after = rows(STORMY_DAY), rows(STORMY_DAY, frozenset({behaviour}))
    assert len(after) < len(before)
    assert of_others(before) == of_others(after)


def test_after_the_last_allowed_call_everything_is_refused() -> None:
    found = rows(FULL_DAY)
    assert len(found) > ALLOWANCE
    statuses = [row["STATUS_CODE"] for row in found]
    assert "403" not in statuses[:ALLOWANCE]
    assert set(statuses[ALLOWANCE:]) <= {"403", "401"}


def test_calls_grow_slowly() -> None:
    calm = frozenset({Behaviour.ERROR_STORM})
    early, late = (len(rows(day, calm)) for day in (2, 2 + 7 * 16))
    assert 500 < late - early < 1_500


def test_a_world_keeps_the_logs_of_its_last_days_under_their_dates(tmp_path: Path) -> None:
    generate(tmp_path, 20, KEPT_DAYS + 2, SEED)
    names = sorted(path.name for path in (tmp_path / "salesforce" / "logs").iterdir())
    assert [name[:10] for name in names] == [str(date_of(day)) for day in range(2, KEPT_DAYS + 2)]
