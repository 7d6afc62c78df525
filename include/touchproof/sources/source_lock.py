"""The lock of a source: one extract of it at a time on this machine.

Belongs here: the lock alone. Doesn't belong here: what several machines need (their orchestrator's
pools). The nightly extract and the lane of new leads read the same sources; both wait here.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchproof.errors import LockTimeoutError

LOCK = "_extract.lock"
_POLL_SECONDS = 0.1


@contextmanager
def source_lock(landing: Path, source: str, *, timeout_seconds: float) -> Iterator[None]:
    """Hold a source's lock, waiting for whoever holds it; a killed extract lets go by itself.

    Args:
        landing: The world's landing zone.
        source: Name of the source.
        timeout_seconds: How long to wait.

    Raises:
        LockTimeoutError: If the lock is still held then.
    """
    path = landing / source / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LockTimeoutError(
                        "Another extract of this source is still running",
                        where=f"source {source}",
                        todo="Wait for it to end, or end it, and run this extract again.",
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
