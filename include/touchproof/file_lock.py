"""A file's operating-system lock, for which one process waits until another lets go.

Belongs here: holding it. Doesn't belong here: locks that are refused at once, each with its own
sentence (push_lock.py, source_lock.py, warehouse.py).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made with mode 0600; a killed process lets go by itself."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """Open a file to be locked; no child process inherits it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
