"""Push calls are counted to the call: lost answers count, calls that never arrived don't."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.call_journal import (
    LedgerJournal,
    Standing,
    count_push_calls,
    never_arrived,
)
from touchproof.settings import Settings

NIGHT = date(2026, 6, 28)


NOW = datetime(2026, 6, 29, 2, tzinfo=UTC)


def journal(
    settings: Settings, lane: str = "nightly", clock: Callable[[], datetime] = lambda: NOW
) -> LedgerJournal:
    return LedgerJournal(Ledger.of(settings), lane, NIGHT, clock)


def usage(used: int) -> LimitUsage:
    return LimitUsage(used, 100_000)


@pytest.mark.parametrize(
    ("standing", "used", "struck"),
    [
        (Standing(10, 0, (7,)), 11, (7,)),  # only the answered call was added
        (Standing(10, 0, (7,)), 12, ()),  # ours arrived too, or somebody else's
        (Standing(10, 0, (7, 8)), 12, (8,)),  # one of two arrived
        (Standing(10, 2, (7,)), 13, (7,)),  # two were answered without telling the use
        (Standing(10, 0, (7,)), 30, ()),  # others call: nothing can be told
        (Standing(10, 0, (7,)), 4, ()),  # yesterday's calls fell out of the count
        (Standing(None, 0, (7,)), 11, ()),  # nothing was known before
        (Standing(10, 0, ()), 11, ()),
    ],
)
def test_a_call_is_struck_out_only_where_the_orgs_count_has_no_room_for_it(
    standing: Standing, used: int, struck: tuple[int, ...]
) -> None:
    assert never_arrived(standing, used) == struck


def test_a_killed_runs_last_call_counts_if_the_org_counted_it(settings: Settings) -> None:
    first = journal(settings)
    first.answered(first.sent("GET limits"), usage(1))
    first.sent("POST jobs/ingest")  # and dies: neither call has its answer in the ledger

    second = journal(settings)
    second.answered(second.sent("GET jobs/ingest"), usage(3))
    second.close()

    assert count_push_calls(Ledger.of(settings)) == 3
    assert second.calls == 1


def test_a_killed_runs_last_call_is_struck_out_if_the_org_did_not_count_it(
    settings: Settings,
) -> None:
    first = journal(settings)
    first.answered(first.sent("GET limits"), usage(1))
    first.sent("POST jobs/ingest")

    second = journal(settings)
    second.answered(second.sent("GET jobs/ingest"), usage(2))
    second.close()

    assert count_push_calls(Ledger.of(settings)) == 2


@pytest.mark.parametrize(("used", "counted"), [(4, 4), (5, 5)])
def test_calls_of_the_other_lane_leave_no_doubt_about_ours(
    settings: Settings, used: int, counted: int
) -> None:
    calls, others = journal(settings, "new-leads"), journal(settings)
    calls.answered(calls.sent("GET limits"), usage(1))
    calls.unanswered(calls.sent("PATCH composite"), is_unsent=False)
    others.answered(others.sent("GET limits"), usage(used - 2))
    others.answered(others.sent("GET limits"), usage(used - 1))
    others.close()
    calls.answered(calls.sent("GET limits"), usage(used))
    calls.close()

    assert count_push_calls(Ledger.of(settings)) == counted


def test_a_request_that_never_left_does_not_count(settings: Settings) -> None:
    calls = journal(settings)
    calls.unanswered(calls.sent("GET limits"), is_unsent=True)
    calls.close()

    assert (calls.calls, count_push_calls(Ledger.of(settings), NIGHT)) == (0, 0)


def test_a_lost_answer_counts_until_the_org_says_otherwise(settings: Settings) -> None:
    calls = journal(settings)
    calls.answered(calls.sent("GET limits"), usage(5))
    calls.unanswered(calls.sent("GET limits"), is_unsent=False)
    before = calls.calls
    calls.answered(calls.sent("GET limits"), usage(6))

    assert (before, calls.calls) == (2, 2)


@pytest.mark.parametrize(("arrived", "counted"), [(True, 5), (False, 4)])
def test_a_call_of_yesterday_that_leaves_the_orgs_count_hides_no_lost_one(
    settings: Settings, arrived: bool, counted: int
) -> None:
    moment = NOW - timedelta(hours=24)
    kept = journal(settings, clock=lambda: moment)
    kept.answered(kept.sent("GET limits"), usage(1))
    moment = NOW - timedelta(minutes=10)
    kept.answered(kept.sent("GET limits"), usage(2))
    moment = NOW - timedelta(minutes=1)
    kept.answered(kept.sent("GET limits"), usage(3))
    kept.unanswered(kept.sent("POST jobs/ingest"), is_unsent=False)
    moment = NOW
    # Yesterday's call isn't in the org's count any more.
    kept.answered(kept.sent("GET limits"), usage(4 if arrived else 3))
    kept.close()
    assert count_push_calls(Ledger.of(settings)) == counted
