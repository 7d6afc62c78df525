"""A push that is killed before or after any durable step is made true by the next ones.

A recording run numbers the steps of a night of three objects with two jobs each and 450 leads.
Then the same night is pushed again by a process that dies at one of them, for each of them.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from durable_steps import Moment, Step, at_each, kinds_of, occurrence_of, recorded
from killed_processes import kill_a_push, small_jobs
from night_world import NightWorld

BASE = "/services/data/v64.0"
JOBS = f"{BASE}/jobs/ingest"
ROWS = 300 + 150 + 20 + 20 + 30
"""Opt-outs and creations of leads, opt-outs and stages of contacts, spends of campaigns."""
SAMPLE: list[tuple[str, int, Moment]] = [
    ("commit", 1, "after"),
    (f"send PUT {JOBS}/*/batches", 1, "after"),
    (f"receive PATCH {JOBS}/*", 1, "before"),
    (f"receive GET {JOBS}/*/successfulResults", 4, "before"),
    ("commit", -1, "before"),
]
"""Steps by name and occurrence: what `make test` kills."""


@pytest.fixture(scope="module")
def world(large_night: NightWorld) -> NightWorld:
    """Return the night."""
    return large_night


@pytest.fixture(scope="module")
def steps(world: NightWorld) -> list[Step]:
    """Return the steps of the recording run, in order."""
    begin(world)
    with small_jobs(), recorded() as found:
        assert world.push().status == "ok"
    world.require_truth()
    return found


def begin(world: NightWorld) -> None:
    world.reset()
    world.crm.control.settings(processing_polls=1)


def die_and_recover(world: NightWorld, step: Step, moment: Moment) -> None:
    """Kill a push there, push again and check that nothing tells that it was killed."""
    begin(world)
    kill_a_push(world.crm.settings, world.crm.night, step, moment)
    with small_jobs():
        world.recover()
    world.require_truth()
    assert world.letters() == set()
    assert world.rows_processed() == ROWS  # each row reached the org once


def test_the_recording_run_has_the_workload_and_the_steps(
    world: NightWorld, steps: list[Step]
) -> None:
    jobs = Counter(step.what for step in steps)

    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 60
    assert kinds_of(steps) == {"commit", "send", "receive"}  # a push keeps no file
    assert world.records["Lead"] == 450
    assert world.rows_processed() == ROWS
    assert jobs[f"send POST {JOBS}"] >= 6
    assert jobs[f"send PUT {JOBS}/*/batches"] >= 1


@pytest.mark.parametrize(("what", "occurrence", "moment"), SAMPLE)
def test_a_night_comes_true_after_a_death(
    world: NightWorld, steps: list[Step], what: str, occurrence: int, moment: Moment
) -> None:
    die_and_recover(world, occurrence_of(steps, what, occurrence), moment)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_night_comes_true_after_a_death_at_any_step(
    world: NightWorld, steps: list[Step], moment: Moment
) -> None:
    at_each(steps, moment, partial(die_and_recover, world))
