"""A night to be pushed, again and again from the same beginning, and what must hold at its end."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from small_crm import Crm

from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import SalesforceError
from touchproof.salesforce.call_journal import LedgerJournal, count_push_calls
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.dead_letters import list_dead_letters
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import NIGHTLY, PushFailedError, PushReport, run_push
from touchproof_sandbox.salesforce.schema import ORG_ID

MAX_PUSHES = 4
KEY = "Touchproof_Key__c"


@dataclass
class NightWorld:
    """An org and a world that pushes one night to it.

    Args:
        crm: The org and the world.
        template: Copy of the world's folder as it was before the first push.
        changes: What made the org's records; their ids come out the same each time.
        wanted: Field values that the night asks for, by (object, Id or source key).
        records: Records of each object once all is done.
    """

    crm: Crm
    template: Path
    changes: list[dict[str, Any]]
    wanted: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    _sleep: Callable[[float], None] = field(default=lambda _: None)
    _keep_open: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))

    @classmethod
    def make(
        cls, crm: Crm, template: Path, *, leads: int, creations: int, contacts: int, campaigns: int
    ) -> NightWorld:
        """Make the org and publish a night.

        Leads get consent and are created, campaigns get values, contacts both; so there is a job
        for the consent of leads and of contacts, one for creations, and one for each one's values.
        """
        sizes = {"Lead": leads, "Contact": contacts, "Campaign": campaigns}
        changes = [
            {"op": "create", "object": name, "record": _record(name, number)}
            for name, size in sizes.items()
            for number in range(size)
        ]
        world = cls(crm, template, changes, records=Counter(sizes) + Counter(Lead=creations))
        ids = iter(crm.control.apply(changes))
        for name, size in sizes.items():
            for number in range(size):
                world._want_update(name, next(ids), number)
        for number in range(creations):
            values = {
                "Touchproof_Stage__c": "new",
                "LastName": f"New {number}",
                "Company": "None",
            }
            row = {"record_key": f"app:{number}", **values}
            crm.rows.setdefault("sync_lead_attributes", []).append(row)
            world.wanted["Lead", f"app:{number}"] = values
        crm.publish()
        shutil.copytree(crm.settings.data_dir, template, symlinks=True)
        return world

    def _want_update(self, name: str, record: str, number: int) -> None:
        wanted: dict[str, dict[str, str]] = {
            "Lead": {"sync_lead_consent": {"HasOptedOutOfEmail": "true"}},
            "Contact": {
                "sync_contact_consent": {"HasOptedOutOfEmail": "true"},
                "sync_contact_attributes": {"Touchproof_Stage__c": "engaged"},
            },
            "Campaign": {"sync_campaign_performance": {"Touchproof_Spend__c": f"{number}.5"}},
        }[name]
        for model, values in wanted.items():
            self.crm.rows.setdefault(model, []).append({"salesforce_id": record, **values})
            self.wanted.setdefault((name, record), {}).update(values)

    def reset(self) -> None:
        """Begin anew: the org and the world as they were before the first push."""
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
        """Make a call of the lane, as on every night but the first: it told the use."""
        client = Client(connection_from_settings(self.crm.settings))
        ledger = Ledger.of(self.crm.settings)
        journal = LedgerJournal(ledger, NIGHTLY, self.crm.night, self.crm.clock)
        client.login()
        client.counter.keep_in(journal)
        client.limits()
        journal.close()

    # Pushing

    def push(self, timeouts: tuple[float, float] | None = None, **options: Any) -> PushReport:
        """Push without real waits."""
        arguments: dict[str, Any] = {"sleep": self._sleep, "jitter": lambda: 0.5}
        client = Client(
            connection_from_settings(self.crm.settings),
            **arguments,
            **({} if timeouts is None else {"timeouts": timeouts}),
        )
        settings, night = self.crm.settings, self.crm.night
        return run_push(settings, night, self.crm.clock, client=client, **arguments, **options)

    def try_push(self, timeouts: tuple[float, float] | None = None) -> str:
        """Push and say how it went: its status, or `failed` or `stopped` before it began."""
        try:
            return self.push(timeouts).status
        except PushFailedError:
            return "failed"
        except SalesforceError:
            return "stopped"

    @contextmanager
    def sleeping(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """Let pushes wait in another way for a while."""
        usual, self._sleep = self._sleep, sleep
        yield
        self._sleep = usual

    def recover(self) -> int:
        """Push until nothing is left to send; return how many pushes that took."""
        for number in range(1, MAX_PUSHES + 1):
            report = self.push()
            if report.planned == report.resumed_jobs == 0:
                return number
        raise AssertionError(f"something was left to send after {MAX_PUSHES} pushes")

    # What holds at the end

    def stored(self, object_name: str) -> Sequence[Mapping[str, str | None]]:
        """Return the org's live records as the server has them, without a call."""
        return self.crm.stored(object_name)

    def rows_processed(self) -> int:
        """Return how many rows the server's ingest jobs have processed, refused ones too."""
        query = "select sum(processed) as rows from jobs where kind = 'ingest'"
        return int(self.crm.ask_server(query)[0]["rows"])

    def letters(self) -> set[tuple[str, str]]:
        """Return (object, record) of the open dead letters."""
        found = list_dead_letters(Ledger.of(self.crm.settings), ORG_ID)
        return {(letter.object, letter.record_key) for letter in found}

    def differences(self) -> Iterator[tuple[str, str]]:
        """Yield (object, record) of what the org doesn't hold as the night asks for it."""
        found: dict[tuple[str, str], Mapping[str, str | None]] = {}
        for name in self.records:
            for record in self.stored(name):
                found[name, str(record["Id"])] = record
                if record.get(KEY):
                    found[name, str(record[KEY])] = record
        for key, values in self.wanted.items():
            record = found.get(key, {})
            if any(record.get(name) != value for name, value in values.items()):
                yield key

    def require_truth(self) -> None:
        """Check that org, outbox, dead letters and counted calls agree.

        Every row has reached the org or has a dead letter, none was created twice, nothing is
        unfinished, and the ledger counts the push calls that the server counted.
        """
        ledger = Ledger.of(self.crm.settings)
        counters = self.crm.control.counters()
        letters = self.letters()
        outbox = Outbox(ledger, ORG_ID, self.crm.clock)
        assert set(self.differences()) == letters
        made = {name: len(self.stored(name)) for name in self.records}
        missing = Counter(name for name, key in letters if key.startswith("app:"))
        assert made == self.records - missing
        assert outbox.unfinished() == []
        assert outbox.unfinished_records() == set()
        assert count_push_calls(ledger) == counters.calls
        assert set(counters.by_client) <= {"touchproof"}


def _record(object_name: str, number: int) -> dict[str, str]:
    if object_name == "Campaign":
        return {"Name": f"Campaign {number}"}
    record = {"LastName": f"{object_name} {number}"}
    return record | ({"Company": "None"} if object_name == "Lead" else {})
