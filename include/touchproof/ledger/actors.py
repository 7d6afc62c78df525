"""Who acts: the person or the automation whose name the ledger's event logs keep.

Belongs here: the words for it and what a task or command sets for its time. Doesn't belong here:
who may do what (approvals.py), Airflow itself (its wiring sets the name).

- `os:<user>` is a person at a command line, by the operating system's name;
- `airflow:<login>` is the person who started a DAG run in Airflow;
- `system:<dag>` is automation: a run that the schedule started. It is no person.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SYSTEM = "system:"
_ACTING: ContextVar[str | None] = ContextVar("touchproof_acting", default=None)


def acting_user() -> str:
    """Name who acts now: what the process's edge set, else the operating system's user."""
    return _ACTING.get() or f"os:{getpass.getuser()}"


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Let `acting_user` return an actor for a while."""
    token = _ACTING.set(actor)
    try:
        yield
    finally:
        _ACTING.reset(token)


def is_person(actor: str) -> bool:
    """Tell whether an actor is a person and not automation."""
    return not actor.startswith(SYSTEM)
