"""An org and a world that begin anew, as often as a test needs them.

Belongs here: keeping both as they were, and putting them back. Doesn't belong here: what is wanted
of them (night_world.py, lane_day.py).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
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
    """

    crm: Crm
    template: Path
    changes: Sequence[dict[str, Any]]
    lane: str
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

    def _call_once(self) -> None:
        """Make a call of the lane, as before every push but the first: it told the use."""
        client = Client(connection_from_settings(self.crm.settings))
        ledger = Ledger.of(self.crm.settings)
        journal = LedgerJournal(ledger, self.lane, self.crm.night, self.crm.clock)
        client.login()
        client.counter.keep_in(journal)
        client.limits()
        journal.close()
