"""DuckDB: the only caller of `duckdb.connect` besides dbt, and the warehouse lock.

Belongs here: opening the warehouse, the published file and in-memory databases, and the
operating-system lock that makes the warehouse single-writer. Doesn't belong here: what is loaded
(load.py), built (dbt) or published (publish.py).
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from touchproof.errors import BadInputError, LockTimeoutError

SCRATCH_MEGABYTES = 250
SCRATCH_THREADS = 2


def connect_memory() -> duckdb.DuckDBPyConnection:
    """Open a private in-memory database for set-based work on files and Arrow tables."""
    return _hardened(duckdb.connect(":memory:"))


def connect_scratch(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a private database for work on files, in little memory; the folder takes the rest."""
    connection = _hardened(duckdb.connect(":memory:"))
    connection.execute(f"set memory_limit = '{SCRATCH_MEGABYTES}MB'")
    connection.execute(f"set threads = {SCRATCH_THREADS}")
    connection.execute("set temp_directory = '{}'".format(str(folder).replace("'", "''")))
    return connection


def connect_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse read-write; the caller holds `warehouse_lock`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _hardened(duckdb.connect(str(path)))


def connect_published(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the published file read-only.

    Raises:
        BadInputError: If nothing has been published yet.
    """
    if not path.exists():
        raise BadInputError(
            "Nothing has been published yet", where=path.parent.name, todo="Run a night first."
        )
    return _hardened(duckdb.connect(str(path), read_only=True))


def attach_published(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Let a connection read the published file, if there is one, as the database `name`."""
    if path.exists():
        quoted = str(path).replace("'", "''")
        connection.execute(f"attach '{quoted}' as {name} (read_only)")


def _hardened(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute("set autoload_known_extensions = false")
    return connection


class _ProcessLock:
    """Hold one flock for the whole process; nested holders in the same process count up."""

    def __init__(self) -> None:
        self.descriptor: int | None = None
        self.path: Path | None = None
        self.depth = 0


_HELD = _ProcessLock()


def acquire_warehouse_lock(
    path: Path,
    step: str,
    *,
    timeout_seconds: float = 1800.0,
    on_wait: Callable[[str], None] | None = None,
    poll_seconds: float = 0.2,
) -> None:
    """Take the warehouse lock, waiting for whoever holds it.

    Args:
        path: `warehouse/touchproof.duckdb.lock`.
        step: Who asks, e.g. `load`; shown to whoever waits for us.
        timeout_seconds: How long to wait.
        on_wait: Called once with a sentence that names the holder and its step.
        poll_seconds: Pause between two tries.

    Raises:
        LockTimeoutError: If the lock is still held after `timeout_seconds`.
    """
    if _HELD.depth and _HELD.path == path:
        _HELD.depth += 1
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_seconds
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = lock_holder(path)
            if not told and on_wait is not None:
                on_wait(f"waiting for the warehouse: {holder}")
            told = True
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise LockTimeoutError(
                    f"The warehouse is still held by {holder}",
                    where=path.name,
                    todo="Wait for that step to end, or end it, and run this step again.",
                ) from None
            time.sleep(poll_seconds)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "step": step}).encode(), 0)
    _HELD.descriptor, _HELD.path, _HELD.depth = descriptor, path, 1


def release_warehouse_lock() -> None:
    """Give one hold back; the last one frees the lock. Without a hold, do nothing."""
    if _HELD.depth == 0 or _HELD.descriptor is None:
        return
    _HELD.depth -= 1
    if _HELD.depth == 0:
        os.ftruncate(_HELD.descriptor, 0)
        os.close(_HELD.descriptor)
        _HELD.descriptor = _HELD.path = None


def lock_holder(path: Path) -> str:
    """Say who holds the lock: process id and step."""
    try:
        holder = json.loads(path.read_bytes() or b"{}")
    except (OSError, ValueError):
        holder = {}
    return f"process {holder.get('pid', 'unknown')}, step {holder.get('step', 'unknown')}"


@contextmanager
def warehouse_lock(
    path: Path,
    step: str,
    *,
    timeout_seconds: float = 1800.0,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold the warehouse lock around a step."""
    acquire_warehouse_lock(path, step, timeout_seconds=timeout_seconds, on_wait=on_wait)
    try:
        yield
    finally:
        release_warehouse_lock()
