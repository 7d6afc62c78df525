"""What `make run` shows while it works: live on a terminal, plain lines in a log.

Belongs here: progress of phases and DAGs, and sending Airflow's own chatter to a file. Doesn't
belong here: the summary at the end (summary.py).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.status import Status

WIDTH = 100


def open_console(stream: IO[str]) -> Console:
    """Return a console 100 columns wide; without a terminal it writes plain text."""
    return Console(file=stream, width=WIDTH, highlight=False, soft_wrap=False)


@contextmanager
def chatter_to(log: Path) -> Iterator[Console]:
    """Send everything that is written to stdout and stderr to `log`, but what we show.

    The descriptors themselves are turned round, so that child processes and C libraries follow.

    Yields:
        A console that still writes to the original stdout.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = os.dup(1), os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    stream = os.fdopen(out, "w", encoding="utf-8", closefd=False, buffering=1)
    try:
        yield open_console(stream)
    finally:
        stream.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)


class Progress:
    """Show phases one after the other, each ending in one line."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = None
        self._title = ""

    @contextmanager
    def phase(self, title: str) -> Iterator[Phase]:
        """Show a phase while it runs and one line when it ends, with its duration in seconds."""
        phase = Phase(self, title)
        started = time.monotonic()
        self._title = title
        if self.console.is_terminal:
            self._status = self.console.status(f"[bold]{title}[/bold]", spinner="dots")
            self._status.start()
        try:
            yield phase
        except BaseException:
            phase.fail("stopped")
            raise
        finally:
            if self._status is not None:
                self._status.stop()
                self._status = None
            self._line(phase, time.monotonic() - started)

    def detail(self, text: str) -> None:
        """Say what the phase is at; shown on a terminal only."""
        if self._status is not None:
            self._status.update(f"[bold]{self._title}[/bold]  [dim]{text}[/dim]")

    def _line(self, phase: Phase, seconds: float) -> None:
        colour = {"ok": "green", "red": "red"}[phase.mark]
        sign = {"ok": "✓", "red": "✗"}[phase.mark]
        text = f"[{colour}]{sign}[/{colour}] {phase.title:<30} {seconds:6.1f} s"
        self.console.print(text + (f"   {phase.note}" if phase.note else ""), soft_wrap=True)


class Phase:
    """One phase: its title, how it went, and a note for its line."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self.title = title
        self.mark = "ok"
        self.note = ""

    def detail(self, text: str) -> None:
        """Say what the phase is at."""
        self._progress.detail(text)

    def fail(self, note: str) -> None:
        """Mark the phase red."""
        self.mark, self.note = "red", note
