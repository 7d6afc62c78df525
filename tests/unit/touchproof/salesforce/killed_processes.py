"""Push or tick in a process of its own and die before or after one durable step, by `kill -9`.

Belongs here: the processes, the server's death at a step of ours, and the limits by which a few
rows make many jobs. The processes are forked from one that has only imported what a push needs, so
that a death costs no start.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from unittest import mock

from beginning import Beginning
from durable_steps import Moment, Step, numbered
from lane_world import LANE_SOURCES

from touchproof.salesforce import budget, perform
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.lane import extract_for_lane, run_lane
from touchproof.salesforce.push import run_push
from touchproof.salesforce.wire import MAX_JOB_BYTES, Chunk, job_chunks
from touchproof.settings import Settings
from touchproof_sandbox.salesforce import lifecycle

MULTIPART_CHARACTERS = 6_000
CAMPAIGN_JOB_BYTES = 500

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(  # it knows no path of the tests
    ["touchproof.salesforce.lane", "touchproof.salesforce.push"]
)


@contextmanager
def small_jobs() -> Iterator[None]:
    """Let jobs be small: some go by one call, some by upload, and a group may need several."""
    with (
        mock.patch.object(budget, "MULTIPART_MAX_CHARACTERS", MULTIPART_CHARACTERS),
        mock.patch.object(perform, "job_chunks", _chunks),
    ):
        yield


def _chunks(group: PlanGroup) -> Iterator[Chunk]:
    is_split = group.object == "Campaign"
    return job_chunks(group, max_bytes=CAMPAIGN_JOB_BYTES if is_split else MAX_JOB_BYTES)


def kill_a_push(settings: Settings, night: date, step: Step, moment: Moment) -> None:
    """Push in a process that dies there.

    Args:
        settings: The world.
        night: The night.
        step: Where it dies; with number 0 at the first step of this name.
        moment: Before or after the step.
    """
    _kill(_push, (settings, night), step, moment)


def kill_a_tick(settings: Settings, now: datetime, step: Step, moment: Moment) -> None:
    """Extract and run a tick of the lane in a process that dies there; as `kill_a_push`."""
    _kill(_tick, (settings, now), step, moment)


def _kill(
    work: Callable[..., None], arguments: tuple[Any, ...], step: Step, moment: Moment
) -> None:
    process = _forks.Process(target=_work_and_die, args=(work, arguments, step, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"{step} wasn't reached: {process.exitcode}"


def _work_and_die(
    work: Callable[..., None], arguments: tuple[Any, ...], step: Step, moment: Moment
) -> None:
    def die(this: Step, now: Moment) -> None:
        is_there = this == step or (step.number == 0 and this.what == step.what)
        if is_there and now == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    with numbered(die):
        work(*arguments)


def _push(settings: Settings, night: date) -> None:
    after = datetime(night.year, night.month, night.day, 2, tzinfo=UTC) + timedelta(days=1)
    with small_jobs():
        run_push(settings, night, lambda: after, sleep=lambda _: None, jitter=lambda: 0.5)


def _tick(settings: Settings, now: datetime) -> None:
    for source in LANE_SOURCES:
        extract_for_lane(source, settings, lambda: now)
    run_lane(settings, lambda: now, sleep=lambda _: None, jitter=lambda: 0.5)


class Pushing(Protocol):
    """What the server's death needs of a world: its org, and how its clients wait."""

    beginning: Beginning


@contextmanager
def killed_server(world: Pushing, what: str, at: Moment) -> Iterator[None]:
    """Kill the server before or after the first step of this name; start it when we wait."""
    folder = world.beginning.crm.settings.paths.salesforce_server.resolve()
    is_killed = False

    def kill(this: Step, moment: Moment) -> None:
        nonlocal is_killed
        if moment == at and this.what == what and not is_killed:
            is_killed = True
            info = lifecycle.find(folder)
            assert info is not None
            os.kill(info.pid, signal.SIGKILL)
            assert lifecycle._wait_for_end(info.pid)

    def start(_: float) -> None:
        lifecycle.ensure(folder)

    with numbered(kill), world.beginning.sleeping(start):
        yield
    lifecycle.ensure(folder)
    assert is_killed
