"""The replay of a day's log: what each change saves, with the numbers, and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from touchproof.api_audit.changes import Change, first_two, possible_changes
from touchproof.api_audit.logged_day import ErrorStorm, LoggedDay, PullSpike, UsageRow

EMPTY = LoggedDay((), (), (), 28, frozenset())


def row(calls: int = 1, **values: Any) -> UsageRow:
    usual = UsageRow(13, "app", "Lead", "GET", "query", "other", 200, calls, 0)
    return replace(usual, **values)


def all_day(calls: int, **values: Any) -> list[UsageRow]:
    return [row(calls, hour_of_day=hour, **values) for hour in range(24)]


def changes(usage: Sequence[UsageRow] = (), **values: Any) -> dict[str, Change]:
    found = possible_changes(replace(EMPTY, usage=tuple(usage), **values))
    return {change.kind: change for change in found}


def test_a_day_without_waste_asks_for_no_change() -> None:
    assert changes([row(500), row(40, call_kind="pull")]) == {}


def test_a_poller_keeps_twelve_polls_an_hour() -> None:
    change = changes(all_day(120, call_kind="poll"))["poll_less"]
    assert change.saved_calls == 24 * (120 - 12)
    assert "2,880 polls − 288" in change.estimate


def test_a_sync_whose_cycle_is_not_ours_to_set_is_no_poller() -> None:
    usage = [
        one for name in ("Lead", "Contact", "Task") for one in all_day(36, call_kind="poll",
                                                                       object_name=name)
    ]  # fmt: skip
    assert "poll_less" not in changes(usage)


def test_polls_of_an_object_that_nobody_uses_end_when_it_is_hidden() -> None:
    usage = [*all_day(36, call_kind="poll", object_name="Old__c"), *all_day(36, call_kind="poll")]
    unused = frozenset({("app", "Old__c")})
    assert changes(usage, unused=unused)["hide_objects"].saved_calls == 24 * 36
    assert "hide_objects" not in changes(usage, unused=unused, days_of_logs=13)


@pytest.mark.parametrize(
    ("an_hour", "left"),
    [(12, 12), (13, 12), (2_400, 12), (2_401, 13), (4_000, 20)],
)
def test_single_writes_become_a_batch_a_cycle_of_200_records_each(an_hour: int, left: int) -> None:
    usage = all_day(an_hour, call_kind="record_write", http_method="POST")
    found = changes(usage).get("write_in_batches")
    assert (found.saved_calls if found else 0) == 24 * (an_hour - left)


def test_a_repeat_is_saved_once_with_its_pulls_by_every_sync() -> None:
    usage = [
        row(1_000, call_kind="record_write", http_method="PATCH", repeated_writes=900),
        row(5, application="sync", call_kind="pull"),
        row(5, application="other sync", call_kind="pull", object_name="Contact"),
    ]
    found = changes(usage)
    assert found["stop_rewrites"].saved_calls == 900 + round(900 / 200)
    assert found["write_in_batches"].saved_calls == 100 - 12
    assert "1,000 writes of 100 records" in found["stop_rewrites"].estimate


def test_jobs_that_are_looked_at_too_often_keep_ten_looks_each() -> None:
    usage = [
        row(54, http_method="POST", api_resource="jobs/query", call_kind="job_creation"),
        row(1_700, call_kind="job_poll", api_resource="jobs/query/job"),
    ]
    assert changes(usage)["wait_for_jobs"].saved_calls == 1_700 - 540


def test_looks_at_jobs_that_others_created_are_left_alone() -> None:
    assert changes([row(1_700, call_kind="job_poll", api_resource="jobs/query/job")]) == {}


def test_refused_calls_are_saved_by_the_end_of_their_storm_alone() -> None:
    storm = ErrorStorm("app", 13, 2, 401, 2_880)
    found = changes(all_day(120, call_kind="poll", status_code=401), storms=(storm,))
    assert list(found) == ["end_error_storm"]
    assert found["end_error_storm"].saved_calls == 2_880
    assert not found["end_error_storm"].is_every_day


def test_where_the_allowance_is_spent_only_calls_beyond_the_usual_are_a_storm() -> None:
    usual = [row(450, application=app, hour_of_day=hour) for app in "ab" for hour in range(23)]
    usual += [
        row(455, application="a", hour_of_day=23, status_code=403),
        row(1_200, application="b", hour_of_day=23, status_code=403),
    ]
    storms = (ErrorStorm("a", 23, 1, 403, 455), ErrorStorm("b", 23, 1, 403, 1_200))
    found = possible_changes(replace(EMPTY, usage=tuple(usual), storms=storms))
    assert [(one.application, one.saved_calls) for one in found] == [("b", 1_200 - 450)]


def test_spikes_after_our_push_and_from_inside_the_org_are_told_apart() -> None:
    spikes = (
        PullSpike(2, "sync", "Lead", 20, 17, "our_push"),
        PullSpike(6, "sync", "Contact", 60, 58, "inside_the_org"),
        PullSpike(15, "sync", "Lead", 60, 58, "another_application"),
    )
    found = changes([row(500)], spikes=spikes)
    saved = {kind: change.saved_calls for kind, change in found.items()}
    assert saved == {"hide_recalculated_fields": 58, "shield_pushes": 17}


def test_pushes_in_busy_hours_move_to_the_quietest_and_save_nothing() -> None:
    ours = row(30, application="touchproof", call_kind="batch_write", hour_of_day=14)
    usage = [row(1_000, hour_of_day=14), row(900, hour_of_day=15), row(1, hour_of_day=3), ours]
    change = changes(usage)["move_pushes"]
    assert change.saved_calls == 0
    assert change.title == "Push at 00:00 UTC, the day's quietest hour"
    assert "move_pushes" not in changes([*usage[:3], replace(ours, hour_of_day=3)])


def test_changes_come_by_what_they_save_and_the_first_two_save_something() -> None:
    usage = [
        *all_day(120, call_kind="poll"),
        *all_day(200, application="b", call_kind="record_write", http_method="POST"),
        row(30, application="touchproof", call_kind="batch_write", hour_of_day=14),
        row(50_000, hour_of_day=14),
    ]
    found = possible_changes(replace(EMPTY, usage=tuple(usage)))
    assert [change.kind for change in found] == ["write_in_batches", "poll_less", "move_pushes"]
    assert first_two(found) == found[:2]
    assert first_two(found[1:]) == found[1:2]


def test_what_would_save_fewer_than_ten_calls_is_not_told() -> None:
    assert changes([row(21, call_kind="record_write")]) == {}
    assert list(changes([row(22, call_kind="record_write")])) == ["write_in_batches"]
