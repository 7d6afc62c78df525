"""The lock of a push lane: one push at a time on this machine.

Belongs here: the lock alone. Doesn't belong here: what several machines need (their orchestrator's
pool), the outbox's own guard (at most one unfinished row a record).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchproof.errors import SalesforceError


@contextmanager
def push_lock(path: Path) -> Iterator[None]:
    """Let one push of a lane run at a time on this machine; a killed one lets go by itself.

    Raises:
        SalesforceError: If another one runs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SalesforceError(
            "Another push of this lane is running", where=path.name, todo="Wait until it has ended."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
