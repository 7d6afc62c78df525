"""The one hook that numbers every durable step of a push or a tick.

A step is what a killed process may have done or not: a commit of the ledger, a rename, a request
that is sent, an answer that is received. The hook is called before and after each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from sqlalchemy.engine.default import DefaultDialect
from urllib3.connection import HTTPConnection

Moment = Literal["before", "after"]
_ID = re.compile(r"/[0-9A-Za-z]{18}(?=/|$)")


@dataclass(frozen=True)
class Step:
    """Name one step: its number from 1, and what it does."""

    number: int
    what: str


Hook = Callable[[Step, Moment], None]


@contextmanager
def numbered(hook: Hook) -> Iterator[None]:
    """Call the hook before and after every durable step, one thread at a time."""
    number = 0
    asked = ""

    def step(what: str, work: Callable[[], Any]) -> Any:
        nonlocal number
        number += 1
        this = Step(number, what)
        hook(this, "before")
        result = work()
        hook(this, "after")
        return result

    def request(self: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        nonlocal asked
        asked = f"{method} {_ID.sub('/*', url.partition('?')[0])}"
        return step(f"send {asked}", lambda: sending(self, method, url, *arguments, **options))

    def getresponse(self: Any, *arguments: Any, **options: Any) -> Any:
        return step(f"receive {asked}", lambda: receiving(self, *arguments, **options))

    def do_commit(self: Any, connection: Any) -> Any:
        return step("commit", lambda: committing(self, connection))

    def replace(source: Path, target: Path) -> Any:
        return step(f"rename to {target.name}", lambda: renaming(source, target))

    sending, receiving = HTTPConnection.request, HTTPConnection.getresponse
    committing, renaming = DefaultDialect.do_commit, Path.replace
    with (
        mock.patch.object(HTTPConnection, "request", request),
        mock.patch.object(HTTPConnection, "getresponse", getresponse),
        mock.patch.object(DefaultDialect, "do_commit", do_commit),
        mock.patch.object(Path, "replace", replace),
    ):
        yield


@contextmanager
def recorded() -> Iterator[list[Step]]:
    """Give the list that the steps are added to, in order, as they begin."""
    steps: list[Step] = []

    def record(step: Step, moment: Moment) -> None:
        if moment == "before":
            steps.append(step)

    with numbered(record):
        yield steps


def kinds_of(steps: Sequence[Step]) -> set[str]:
    """Return the kinds of steps that were seen: commit, rename, send, receive."""
    return {step.what.split()[0] for step in steps}


def occurrence_of(steps: Sequence[Step], what: str, occurrence: int) -> Step:
    """Return a step by its name and occurrence, from 1 on or from -1 back."""
    named = [step for step in steps if step.what == what]
    return named[occurrence - (occurrence > 0)]


def at_each(
    steps: Sequence[Step], moment: Moment, die_and_recover: Callable[[Step, Moment], None]
) -> None:
    """Die at each step in turn; a failure names the step."""
    for step in steps:
        try:
            die_and_recover(step, moment)
        except AssertionError as error:
            raise AssertionError(f"{moment} {step}") from error
