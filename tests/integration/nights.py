"""A small world whose nights are run exactly as `make run` runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from touchproof.settings import Settings
from touchproof_sandbox.salesforce import lifecycle

TOUCHPROOF = Path(sys.executable).parent / "touchproof"


@dataclass(frozen=True)
class World:
    """Point at one world and give its nights, queries and status.

    `project` is a copy of the project with other seeds, whose code then runs the nights.
    """

    data_dir: Path
    name: str = "demo"
    customers: int = 1_500
    days: int = 45
    project: Path | None = None

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.data_dir, world=self.name)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "TOUCHPROOF_" not in name}
        kept |= {"TOUCHPROOF_DATA_DIR": str(self.data_dir), "TOUCHPROOF_WORLD": self.name}
        return kept | ({"PYTHONPATH": str(self.project / "include")} if self.project else {})

    def command(self, *flags: str) -> list[str]:
        sizes = ["--customers", str(self.customers), "--days", str(self.days)]
        return [sys.executable, "-m", "touchproof_airflow", "run", *sizes, *flags]

    def run(self, *flags: str, expect: int | None = 0, **environment: str) -> str:
        """Run one night to its end; return what it printed."""
        done = subprocess.run(
            self.command(*flags),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, printed[-6000:]
        return printed

    def start(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start a night in a process group of its own, to be killed."""
        return subprocess.Popen(
            self.command(*flags),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill_when(self, reached: Callable[[], bool], *flags: str, timeout: float = 300.0) -> bool:
        """Start a night and `kill -9` it at the moment when `reached`; False: it ended before."""
        process = self.start(*flags)
        deadline = time.monotonic() + timeout
        while process.poll() is None:
            assert time.monotonic() < deadline, "the night neither ended nor came to that step"
            if reached():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.02)
        return False

    def touchproof(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [str(TOUCHPROOF), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def sql(self, query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.touchproof("sql", query, "--format", "json"))
        return rows

    def status(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.touchproof("status", "--json"))
        return content

    def mart_hashes(self, without: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return the row hash of each published mart, `without` some columns."""
        from touchproof.row_hash import row_hashes
        from touchproof.warehouse import connect_published

        connection = connect_published(self.settings.paths.published)
        try:
            return {
                table: found.row_hash
                for table, found in row_hashes(connection, "marts", without).items()
            }
        finally:
            connection.close()

    def inbox(self, day: date, source: str) -> Path:
        return self.settings.drops / day.isoformat() / source

    def stop_server(self) -> None:
        lifecycle.stop(self.settings.paths.salesforce_server)


@dataclass(frozen=True)
class Seen:
    """Hold what one night left behind."""

    printed: str
    status: dict[str, Any]
    hashes: dict[str, str]

    @property
    def push(self) -> dict[str, Any]:
        nightly = [push for push in self.status["push"] if push["lane"] == "nightly"]
        assert len(nightly) == 1
        return dict(nightly[0])


def see(made: World, *flags: str, **environment: str) -> Seen:
    """Run one night and return what it left."""
    printed = made.run(*flags, **environment)
    return Seen(printed, made.status(), made.mart_hashes())


@contextmanager
def world(folder: Path, **arguments: Any) -> Iterator[World]:
    """Give a world and end its server afterwards."""
    made = World(folder, **arguments)
    try:
        yield made
    finally:
        made.stop_server()
