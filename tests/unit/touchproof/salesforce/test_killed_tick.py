"""A tick of the lane that is killed before or after any durable step is made true by the next ones.

A recording run numbers the steps of an extract and of the tick after it, with opt-outs of leads and
contacts, one of them routed to the contact of a lead that was converted, and two calls of new
leads. Then the same is run again by a process that dies at one of them, for each of them.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from durable_steps import Moment, Step, at_each, kinds_of, occurrence_of, recorded
from killed_processes import kill_a_tick
from lane_day import LaneDay

OPT_OUTS, CONTACTS, NEW = (
    f"PATCH /services/data/v64.0/composite/sobjects/{path}"
    for path in ("Lead/Id", "Contact/Id", "Lead/Touchproof_Key__c")
)
LEADS = 205
SAMPLE: list[tuple[str, int, Moment]] = [
    ("rename to _manifest.json", 2, "before"),
    (f"receive {OPT_OUTS}", 1, "after"),
    (f"receive {CONTACTS}", 2, "before"),
    (f"receive {NEW}", 1, "after"),
    ("commit", -1, "before"),
]
"""Steps by name and occurrence: what `make test` kills."""


@pytest.fixture(scope="module")
def steps(large_day: LaneDay) -> list[Step]:
    """Return the steps of the recording run, in order."""
    begin(large_day)
    with recorded() as found:
        large_day.world.extract()
        assert large_day.tick().status == "ok"
    large_day.require_truth()
    return found


def begin(day: LaneDay) -> None:
    day.reset()
    day.forget_landing()


def die_and_recover(day: LaneDay, step: Step, moment: Moment) -> None:
    """Kill a tick there, tick again and check that nothing tells that it was killed."""
    begin(day)
    kill_a_tick(day.world.settings, day.world.now, step, moment)
    day.world.extract()
    day.recover()
    day.require_truth()
    assert day.letters() == set()


def test_the_recording_run_has_the_workload_and_the_steps(
    large_day: LaneDay, steps: list[Step]
) -> None:
    calls = Counter(step.what for step in steps)

    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 30
    assert kinds_of(steps) == {"commit", "rename", "send", "receive"}
    assert calls["rename to _manifest.json"] == 2  # of registrations and of consents
    assert (calls[f"send {OPT_OUTS}"], calls[f"send {CONTACTS}"], calls[f"send {NEW}"]) == (1, 2, 2)
    assert len(large_day.leads()) == LEADS


@pytest.mark.parametrize(("what", "occurrence", "moment"), SAMPLE)
def test_a_day_comes_true_after_a_death(
    large_day: LaneDay, steps: list[Step], what: str, occurrence: int, moment: Moment
) -> None:
    die_and_recover(large_day, occurrence_of(steps, what, occurrence), moment)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_day_comes_true_after_a_death_at_any_step(
    large_day: LaneDay, steps: list[Step], moment: Moment
) -> None:
    at_each(steps, moment, partial(die_and_recover, large_day))
