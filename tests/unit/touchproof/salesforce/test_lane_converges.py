"""Whatever people ask for and say, fails and crashes: it comes true once faults stop.

A word that lands in mid-tick counts from the next call whose bytes are frozen on; `LaneDay` checks
that at each freezing, and at each lead that is sent once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from durable_steps import Moment, Step, numbered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lane_day import LaneDay
from small_crm import FIRST_NIGHT

from touchproof.salesforce import lane_choice
from touchproof.salesforce.answers import SalesforceError
from touchproof.salesforce.push import PushFailedError
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.faults import Calls

RECORDS_PER_CALL = 2
STEPS = ["soap login", "collections", "collections", "collections", "query"]
FAULTS: list[Callable[[Control, Calls], Any]] = [
    lambda c, calls: c.answer_html(calls, 503),
    lambda c, calls: c.answer_html(calls, 503, is_worked=True),
    lambda c, calls: c.answer_html(calls, 429),
    lambda c, calls: c.answer_error(calls, 400, "INVALID_FIELD"),
    lambda c, calls: c.answer_unreadable(calls),
    lambda c, calls: c.answer_unreadable(calls, body="[]"),
    lambda c, calls: c.spend_allowance(calls),
    lambda c, calls: c.expire_sessions_at(calls),
    lambda c, calls: c.cut(calls, "before"),
    lambda c, calls: c.cut(calls, "after"),
    lambda c, calls: c.cut(calls, "in_answer"),
    lambda c, calls: c.wrong_length(calls, -9),
    lambda c, _: c.refuse("Lead", "LastName", "Lee", "UNABLE_TO_LOCK_ROW", times=2),
    lambda c, _: c.refuse("Lead", "LastName", "lead0", "UNABLE_TO_LOCK_ROW", times=1),
]
Word = tuple[str, str]


class Crash(BaseException):
    """Stop a tick where it stands; nothing of it catches this."""


@dataclass(frozen=True)
class Night:
    """Say which words land after a night was handed over: before its push, and in its middle."""

    words: tuple[Word, ...]
    meanwhile: tuple[int, Word] | None


@dataclass(frozen=True)
class Tick:
    """Say what lands before a tick and in the middle of it, and what befalls it.

    Args:
        words: (person, word) that land before; who asks for the first time registers with it.
        meanwhile: Number of the durable step after which another word lands, and that word.
        fault: Which fault, at which step, after how many of its calls; None for none.
        crash: Number of the durable step at which the tick crashes, and when; None for none.
        night: The night that is handed over and pushed after it, the first time; None for none.
    """

    words: tuple[Word, ...]
    meanwhile: tuple[int, Word] | None
    fault: tuple[int, str, int] | None
    crash: tuple[int, Moment] | None
    night: Night | None


KNOWN = ("lead0", "lead1", "contact0", "gone0")
NEW = tuple(f"new{number}" for number in range(6))
WORD = st.tuples(st.sampled_from(KNOWN + NEW * 2), st.sampled_from(["opted_in", "opted_out"]))
MEANWHILE = st.none() | st.tuples(st.integers(1, 40), WORD)
TICK = st.builds(
    Tick,
    st.lists(WORD, max_size=8).map(tuple),
    MEANWHILE,
    st.none()
    | st.tuples(st.integers(0, len(FAULTS) - 1), st.sampled_from(STEPS), st.integers(0, 3)),
    st.none() | st.tuples(st.integers(1, 40), st.sampled_from(["before", "after"])),
    st.none() | st.builds(Night, st.lists(WORD, max_size=3).map(tuple), MEANWHILE),
)


def speak(day: LaneDay, *words: Word) -> None:
    """Let words land, and with them the first wish of whoever is new."""
    for name, word in words:
        if name not in day.people:
            day.ask(name)
        day.say(name, word)
    day.land()


@contextmanager
def happening(
    day: LaneDay, meanwhile: tuple[int, Word] | None, crash: tuple[int, Moment] | None = None
) -> Iterator[None]:
    """Let a word land after one durable step, and crash at one."""
    is_landing = False

    def happen(step: Step, moment: Moment) -> None:
        nonlocal is_landing
        if is_landing:
            return  # what lands has durable steps of its own
        if meanwhile is not None and (step.number, moment) == (meanwhile[0], "after"):
            is_landing = True
            speak(day, meanwhile[1])
            is_landing = False
        if (step.number, moment) == crash:
            raise Crash

    with suppress(Crash), numbered(happen):
        yield


def push_night(day: LaneDay, night: Night) -> None:
    """Push a night, which may meet what is left of the tick's fault."""
    day.hand_over()
    speak(day, *night.words)
    with happening(day, night.meanwhile), suppress(PushFailedError, SalesforceError):
        day.push()


def check(day: LaneDay, ticks: list[Tick]) -> None:
    day.reset()
    control = day.crm.control
    with mock.patch.object(lane_choice, "COLLECTION_MAX_RECORDS", RECORDS_PER_CALL):
        for tick in ticks:
            speak(day, *tick.words)
            if tick.fault is not None:
                fault, step, after = tick.fault
                FAULTS[fault](control, Calls.step(step, after=after))
            with happening(day, tick.meanwhile, tick.crash):
                day.try_tick()
            if tick.night is not None and day.crm.night == FIRST_NIGHT:
                push_night(day, tick.night)
        control.stop_faults()
        control.stop_refusing()
        day.recover()
    day.require_truth()
    assert day.letters() == set()


@settings(
    max_examples=5, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
@given(ticks=st.lists(TICK, min_size=1, max_size=3))
def test_ticks_converge(quiet_day: LaneDay, ticks: list[Tick]) -> None:
    check(quiet_day, ticks)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(ticks=st.lists(TICK, min_size=1, max_size=6))
def test_many_ticks_converge(quiet_day: LaneDay, ticks: list[Tick]) -> None:
    check(quiet_day, ticks)


def test_a_word_in_mid_tick_counts_from_the_next_call_on_and_every_lead_is_counted(
    quiet_day: LaneDay,
) -> None:
    quiet_day.reset()
    speak(quiet_day, *((name, "opted_in") for name in NEW))
    # After the first call leaves somebody who has a lead, after the second somebody who hasn't yet.
    leaving = iter(["new0", "new4", "new5"])

    def meanwhile(step: Step, moment: Moment) -> None:
        is_answer = step.what.startswith("receive PATCH") and step.what.endswith("__c")
        if is_answer and moment == "after":
            speak(quiet_day, (next(leaving), "opted_out"))

    with (
        mock.patch.object(lane_choice, "COLLECTION_MAX_RECORDS", RECORDS_PER_CALL),
        numbered(meanwhile),
    ):
        report = quiet_day.tick()

    assert set(quiet_day.leads()) == {f"app:new{number}" for number in (0, 1, 2, 3, 5)}
    assert (report.created, report.opt_outs, report.held) == (5, 2, 1)
    assert (quiet_day.frozen, next(leaving, None)) == (5, None)
    quiet_day.require_truth()
