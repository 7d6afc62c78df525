"""An org and a world that begin anew, as often as a test needs them.

Belongs here: keeping both as they were, putting them back, and clients that don't really wait.
Doesn't belong here: what is wanted of them (night_world.py, lane_day.py).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from small_crm import Crm

from touchproof.ledger.store import Ledger
from touchproof.salesforce.call_journal import LedgerJournal
from touchproof.salesforce.client import Client, connection_from_settings


@dataclass
class Beginning:
    """Keep an org and a world as they are before anything is sent.

    Args:
        crm: The org and the world.
        template: Copy of the world's folder.
        changes: What made the org's records; their ids come out the same each time.
        lane: The lane whose calls are counted.
        sleep: How clients wait.
    """

    crm: Crm
    template: Path
    changes: Sequence[dict[str, Any]]
    lane: str
    sleep: Callable[[float], None] = field(default=lambda _: None)
    _keep_open: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))

    def __post_init__(self) -> None:
        shutil.copytree(self.crm.settings.data_dir, self.template, symlinks=True)

    def again(self) -> None:
        """Put the org and the world back."""
        self.crm.control.wipe()
        self.crm.control.set_clock(self.crm.clock())
        self.crm.control.apply(self.changes)
        self._keep_open.close()
        shutil.rmtree(self.crm.settings.data_dir)
        shutil.copytree(self.template, self.crm.settings.data_dir, symlinks=True)
        # While anybody has the ledger open, the last of a push to close it needn't tidy it up.
        self._keep_open = sqlite3.connect(self.crm.settings.paths.ledger)
        self._keep_open.execute("select 1 from meta").fetchone()
        self._call_once()

    # Clients

    @property
    def waits(self) -> dict[str, Any]:
        """Return the arguments by which whoever sends doesn't really wait."""
        return {"sleep": self.sleep, "jitter": lambda: 0.5}

    def client(self, timeouts: tuple[float, float] | None = None) -> Client:
        """Return a client that doesn't really wait."""
        given = {} if timeouts is None else {"timeouts": timeouts}
        return Client(connection_from_settings(self.crm.settings), **self.waits, **given)

    @contextmanager
    def sleeping(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """Let clients wait in another way for a while."""
        usual, self.sleep = self.sleep, sleep
        yield
        self.sleep = usual

    def _call_once(self) -> None:
        """Make a call of the lane, as before every push but the first: it told the use."""
        client = Client(connection_from_settings(self.crm.settings))
        ledger = Ledger.of(self.crm.settings)
        journal = LedgerJournal(ledger, self.lane, self.crm.night, self.crm.clock)
        client.login()
        with journal.keeping(client.counter):
            client.limits()
