"""What Airflow needs before its first DAG: its database, its pools and the dbt manifest.

Belongs here: making all of that ready, in this process or beside other work. Doesn't belong here:
how the database is made (local_airflow.py) or the manifest (manifest.py). This module imports no
Airflow before it is called.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from touchproof.file_lock import file_lock
from touchproof.settings import Settings
from touchproof_airflow import environment, manifest

_LOCK = ".preparing.lock"


def prepare(settings: Settings) -> None:
    """Make what is missing; whoever else prepares the same world is waited for."""
    environment.enter(settings)
    from touchproof_airflow.local_airflow import prepare_database

    with file_lock(settings.paths.airflow_home / _LOCK):
        prepare_database()
        manifest.ensure_manifest(settings)


def start(
    variables: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Prepare in a process of its own.

    Args:
        variables: Its environment, which names the world; this process's if None.
        log: Takes what the process says; None leaves that to where this process writes.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "touchproof_airflow", "prepare"],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


@contextmanager
def beside(settings: Settings) -> Iterator[Callable[[], object]]:
    """Prepare beside other work if this is a world's first time, which takes some ten seconds.

    Call it after `environment.enter`, whose variables the other process inherits.

    Yields:
        A function that returns when that has ended, however it did: `prepare` finds what is
        missing, and says why it can't be made.
    """
    if environment.database(settings).exists() and manifest.is_current():
        yield _nothing
        return
    child = start()
    try:
        yield child.wait
    finally:
        child.kill()
        child.wait()


def _nothing() -> None:
    """Wait for no one."""
