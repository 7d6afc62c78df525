"""What a push will cost is known before its first call."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from small_crm import kept

from touchproof.salesforce.answers import LimitUsage
from touchproof.salesforce.budget import (
    PollPolicy,
    cost_by_object,
    cost_of,
    estimate_cost,
    has_room,
    is_small,
    total_cost,
)
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.perform import JITTER_SHARE, Waiting
from touchproof.salesforce.wire import JobSize
from touchproof.settings import Settings


def group_of(rows: int, kind: str = "values", name: str = "Lead") -> PlanGroup:
    ids = [f"00Q{number:015d}" for number in range(rows)]
    table = pa.table(
        {
            "record": ids,
            "record_key": pa.nulls(rows, pa.string()),
            "salesforce_id": ids,
            "Stage__c": ["engaged"] * rows,
            "Score__c": ["1", *[None] * (rows - 1)],
        }
    )
    return PlanGroup(name, "update", kind, ("Stage__c", "Score__c"), kept(table))  # type: ignore[arg-type]


def test_an_empty_plan_costs_nothing() -> None:
    assert estimate_cost([]).calls == 0


def test_only_cells_that_say_something_are_counted_as_fields() -> None:
    estimate = estimate_cost([group_of(3)])
    assert (estimate.rows, estimate.fields, estimate.jobs, estimate.batches) == (3, 4, 1, 1)


def test_a_job_too_large_for_one_call_costs_two_calls_more() -> None:
    assert estimate_cost([group_of(10_001)]).calls == estimate_cost([group_of(3)]).calls + 2
    assert estimate_cost([group_of(10_001)]).batches == 2


def test_marketo_pulls_a_record_once_however_many_jobs_touch_it() -> None:
    estimate = estimate_cost([group_of(1_000), group_of(1_000, "consent")])
    assert (estimate.marketo_calls, estimate.marketo_delay_hours) == (5, 0.1)


def test_storage_is_what_salesforce_counts_for_a_record_of_each_object() -> None:
    groups = [
        group_of(100, "creation", "Lead"),
        group_of(100, "creation", "CampaignMember"),
        group_of(100, "creation", "Campaign"),
        group_of(100, "values", "Contact"),
    ]
    estimate = estimate_cost(groups)
    assert (estimate.new_records, estimate.storage_kilobytes) == (300, 200 + 100 + 800)


def test_the_costs_of_objects_add_up_to_the_plans() -> None:
    names = ("Lead", "Contact", "Touchproof_Profile__c")
    costs = [cost_of(group_of(300, kind, name)) for kind in ("consent", "values") for name in names]
    objects = cost_by_object(costs)
    total = total_cost(costs)
    assert [one.object for one in objects] == [*names]
    for field in ("rows", "fields", "jobs", "batches", "calls", "marketo_calls"):
        assert sum(getattr(one.cost, field) for one in objects) == getattr(total, field)
    assert [one.cost.marketo_calls for one in objects] == [2, 2, 0]


def test_the_reserve_is_left_to_others() -> None:
    usage = LimitUsage(used=880, max=1000)
    assert has_room(usage, 20, 0.10)
    assert not has_room(usage, 21, 0.10)


def test_small_is_counted_in_characters() -> None:
    assert is_small(JobSize(rows=1, bytes=200_000, characters=100_000))
    assert not is_small(JobSize(rows=1, bytes=100_001, characters=100_001))


def test_waits_grow_and_ten_thousand_rows_in_twenty_seconds_take_at_most_two_looks(
    settings: Settings,
) -> None:
    policy = Waiting.of(settings, lambda seconds: None, lambda: 0.0).policy
    waits = list(policy.waits(10_000))
    assert all(later >= earlier for earlier, later in pairwise(waits))
    shortest = 1 - JITTER_SHARE
    assert shortest * sum(waits[:2]) >= 20
    assert sum(waits) >= policy.give_up_seconds


@given(st.floats(0, 8_000))
def test_a_job_that_was_waited_for_is_waited_for_no_longer_and_no_more_often(waited: float) -> None:
    policy = PollPolicy(first_seconds=1, rows_per_second=1_000)
    all_waits = list(policy.waits(500))
    left = list(policy.waits(500, waited))
    assert left == all_waits[len(all_waits) - len(left) :]
    assert sum(all_waits) - sum(left) >= min(waited, policy.give_up_seconds)
    assert (left == []) == (waited > sum(all_waits[:-1]))


def test_a_job_that_shows_its_pace_is_looked_at_when_it_should_be_over() -> None:
    policy = PollPolicy(first_seconds=1, rows_per_second=1_000, longest_seconds=100)
    assert policy.left_seconds(rows=1_000, processed=0, waited=20) == 0
    assert policy.left_seconds(rows=1_000, processed=250, waited=20) == 60
    assert policy.left_seconds(rows=1_000, processed=10, waited=20) == 100
