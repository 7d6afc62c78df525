"""A night to be pushed, again and again from the same beginning, and what must hold at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beginning import Beginning
from small_crm import Crm

from touchproof.ledger.store import Ledger
from touchproof.salesforce.answers import SalesforceError
from touchproof.salesforce.call_journal import count_push_calls
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
        beginning: Both as they were before the first push.
        wanted: Field values that the night asks for, by (object, Id or source key).
        records: Records of each object once all is done.
    """

    crm: Crm
    beginning: Beginning
    wanted: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)

    @classmethod
    def make(
        cls,
        crm: Crm,
        template: Path,
        *,
        leads: int,
        creations: int,
        contacts: int,
        campaigns: int,
        statuses: int = 0,
        is_checked: bool = True,
    ) -> NightWorld:
        """Make the org and publish a night.

        Leads get consent and are created, campaigns get values, contacts both; so there is a job
        for the consent of leads and of contacts, one for creations, and one for each one's values.
        The first `statuses` campaigns get a member status, which the push looks for in the org.
        `is_checked` tells whether a preflight was passed; else the push asks the org first.
        """
        sizes = {"Lead": leads, "Contact": contacts, "Campaign": campaigns}
        changes = [
            {"op": "create", "object": name, "record": _record(name, number)}
            for name, size in sizes.items()
            for number in range(size)
        ]
        wanted: dict[tuple[str, str], dict[str, str]] = {}
        ids = iter(crm.control.apply(changes))
        made = {name: [next(ids) for _ in range(size)] for name, size in sizes.items()}
        for name, those in made.items():
            for number, record in enumerate(those):
                _want_update(crm, wanted, name, record, number)
        for campaign in made["Campaign"][:statuses]:
            crm.want("sync_statuses", record_key=campaign, Label="Engaged", HasResponded="false")
        for number in range(creations):
            values = {
                "Touchproof_Stage__c": "new",
                "LastName": f"New {number}",
                "Company": "None",
            }
            row = {"record_key": f"app:{number}", **values}
            crm.rows.setdefault("sync_lead_attributes", []).append(row)
            wanted["Lead", f"app:{number}"] = values
        crm.publish(is_checked=is_checked)
        records = Counter(sizes) + Counter(Lead=creations, CampaignMemberStatus=statuses)
        return cls(crm, Beginning(crm, template, changes, NIGHTLY), wanted, records)

    def reset(self) -> None:
        """Begin anew: the org and the world as they were before the first push."""
        self.beginning.again()

    # Pushing

    def push(self, timeouts: tuple[float, float] | None = None, **options: Any) -> PushReport:
        """Push without real waits."""
        settings, night = self.crm.settings, self.crm.night
        options |= self.beginning.waits | {"client": self.beginning.client(timeouts)}
        return run_push(settings, night, self.crm.clock, **options)

    def try_push(self, timeouts: tuple[float, float] | None = None) -> str:
        """Push and say how it went: its status, or `failed` or `stopped` before it began."""
        try:
            return self.push(timeouts).status
        except PushFailedError:
            return "failed"
        except SalesforceError:
            return "stopped"

    def recover(self) -> int:
        """Push until nothing is left to send; return how many pushes that took."""
        for number in range(1, MAX_PUSHES + 1):
            report = self.push()
            if report.planned == report.resumed_jobs == 0:
                return number
        raise AssertionError(f"something was left to send after {MAX_PUSHES} pushes")

    # What holds at the end

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
            for record in self.crm.stored(name):
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
        made = {name: len(self.crm.stored(name)) for name in self.records}
        missing = Counter(name for name, key in letters if key.startswith("app:"))
        assert made == self.records - missing
        assert outbox.unfinished() == []
        assert outbox.unfinished_records() == set()
        assert count_push_calls(ledger) == counters.calls
        assert set(counters.by_client) <= {"touchproof"}


def _want_update(
    crm: Crm, wanted: dict[tuple[str, str], dict[str, str]], name: str, record: str, number: int
) -> None:
    values_of: dict[str, dict[str, dict[str, str]]] = {
        "Lead": {"sync_lead_consent": {"HasOptedOutOfEmail": "true"}},
        "Contact": {
            "sync_contact_consent": {"HasOptedOutOfEmail": "true"},
            "sync_contact_attributes": {"Touchproof_Stage__c": "engaged"},
        },
        "Campaign": {"sync_campaign_performance": {"Touchproof_Spend__c": f"{number}.5"}},
    }
    for model, values in values_of[name].items():
        crm.rows.setdefault(model, []).append({"salesforce_id": record, **values})
        wanted.setdefault((name, record), {}).update(values)


def _record(object_name: str, number: int) -> dict[str, str]:
    if object_name == "Campaign":
        return {"Name": f"Campaign {number}"}
    record = {"LastName": f"{object_name} {number}"}
    return record | ({"Company": "None"} if object_name == "Lead" else {})
