"""A world for the lane's tests: files that arrive by day, and what the last night handed over.

Belongs here: making both as small as a test needs them, through the real extract. Doesn't belong
here: the org and the handoff's other tables (small_crm.py).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from small_crm import MODELS

from touchproof.salesforce.lane import LaneReport, extract_for_lane, run_lane
from touchproof.settings import Settings
from touchproof.sources.app import CONSENTS, REGISTRATIONS
from touchproof.sources.definition import EntityDefinition
from touchproof.sources.web_forms import SUBMISSIONS

LANE_SOURCES = ("app", "web_forms")
NOON = datetime(2026, 6, 29, 16, tzinfo=UTC)
_PEOPLE = pa.schema(
    [
        ("identifier_hmac", pa.string()),
        ("person_id", pa.string()),
        ("email_state", pa.string()),
        ("email_state_changed_at", pa.timestamp("us")),
        ("is_suppressed", pa.bool_()),
        ("is_shared", pa.bool_()),
    ]
)
_RECORDS = pa.schema(
    [
        ("person_id", pa.string()),
        ("object", pa.string()),
        ("salesforce_id", pa.string()),
        ("record_key", pa.string()),
        ("is_writable", pa.bool_()),
        ("account_id", pa.string()),
    ]
)
_SPELLINGS = pa.table({"spelling": ["tv ad", "googl"], "lead_source": ["TV", "Google"]})


def pseudonym(settings: Settings, identifier: str) -> str:
    """Return the pseudonym of `email:<address>` and the like, by Python's own HMAC."""
    key = settings.require_pseudonym_key()
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass
class LaneWorld:
    """Let people ask for something by day; `crm` is the fixture of that name."""

    crm: Any
    rows: dict[tuple[EntityDefinition, date], list[dict[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    people: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = NOON

    @property
    def settings(self) -> Settings:
        settings: Settings = self.crm.settings
        return settings

    def clock(self) -> datetime:
        return self.now

    def register(
        self,
        key: str,
        *,
        consent: str | None = "opted_in",
        at: datetime = NOON - timedelta(minutes=5),
        **values: str,
    ) -> str:
        """Let somebody register, with a word about e-mails; return the lead's key."""
        row = {
            "registration_id": key,
            "app_user_id": f"u_{key}",
            "registered_at": _text(at),
            "email": f"{key}@example.test",
            "first_name": "Ann",
            "last_name": "Lee",
            "country": "US",
            **values,
        }
        self.rows[REGISTRATIONS, at.date()].append(row)
        if consent is not None:
            self.say(row["email"], consent, at=at + timedelta(seconds=1), user=row["app_user_id"])
        return f"app:{key}"

    def send_form(
        self,
        key: str,
        *,
        consent: bool = True,
        at: datetime = NOON - timedelta(minutes=5),
        **values: str,
    ) -> str:
        """Let somebody send a web form; return the lead's key."""
        row = {
            "submission_id": key,
            "submitted_at": _text(at),
            "email": f"{key}@example.test",
            "last_name": "Roy",
            "marketing_consent": str(consent).lower(),
            **values,
        }
        self.rows[SUBMISSIONS, at.date()].append(row)
        return f"web:{key}"

    def say(
        self,
        email: str,
        state: str,
        *,
        at: datetime = NOON - timedelta(minutes=1),
        user: str = "",
        channel: str = "email",
    ) -> None:
        """Let somebody give or withdraw consent in the app."""
        rows = self.rows[CONSENTS, at.date()]
        rows.append(
            {
                "consent_event_id": f"c{at:%d}{len(rows)}",
                "app_user_id": user,
                "email": email,
                "channel": channel,
                "state": state,
                "changed_at": _text(at),
                "source": "app",
            }
        )

    def know(
        self,
        person: str,
        *identifiers: str,
        state: str | None = None,
        changed_at: datetime = NOON - timedelta(days=9),
        is_suppressed: bool = False,
        is_shared: bool = False,
    ) -> None:
        """Let the handoff know identifiers of a person, e.g. `email:ann@example.test`."""
        for name in identifiers:
            self.people.append(
                {
                    "identifier_hmac": pseudonym(self.settings, name),
                    "person_id": person,
                    "email_state": state,
                    "email_state_changed_at": changed_at.replace(tzinfo=None) if state else None,
                    "is_suppressed": is_suppressed,
                    "is_shared": is_shared,
                }
            )

    def hold(
        self,
        person: str,
        salesforce_id: str | None,
        *,
        object_name: str = "Lead",
        record_key: str | None = None,
        is_writable: bool = True,
        account_id: str | None = None,
    ) -> None:
        """Let the handoff know a record of a person."""
        values = (person, object_name, salesforce_id, record_key, is_writable, account_id)
        self.records.append(dict(zip(_RECORDS.names, values, strict=True)))

    def hand_over(self, *, is_observed: bool = True) -> None:
        """Commit the last night's handoff, with all objects even where none has rows."""
        for model in MODELS:
            self.crm.rows.setdefault(model, [])
        self.crm.others = {
            "sync_people_known": pa.Table.from_pylist(self.people, _PEOPLE),
            "sync_records_known": pa.Table.from_pylist(self.records, _RECORDS),
            "source_spellings": _SPELLINGS,
        }
        self.crm.publish(is_observed=is_observed)

    def land(self) -> None:
        """Let the day's files arrive as they stand now, and extract them."""
        self.settings.drops.mkdir(parents=True, exist_ok=True)
        for (entity, day), rows in self.rows.items():
            folder = self.settings.drops / day.isoformat() / entity.source
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{entity.entity}_{day:%Y%m%d}.csv.gz"
            path.write_bytes(gzip.compress(_csv(entity.schema.names, rows).encode(), mtime=0))
        self.extract()

    def extract(self) -> None:
        """Land what the files hold by now, as the lane's DAG does before each tick."""
        for source in LANE_SOURCES:
            extract_for_lane(source, self.settings, self.clock)

    def tick(self, **options: Any) -> LaneReport:
        """Land what arrived, and run the lane once without real waits."""
        self.land()
        return run_lane(
            self.settings, self.clock, sleep=lambda _: None, jitter=lambda: 0.5, **options
        )

    def leads(self) -> dict[str, dict[str, Any]]:
        """Return the org's leads that have a key of ours, by that key."""
        found = self.crm.records().values()
        return {row["Touchproof_Key__c"]: row for row in found if row["Touchproof_Key__c"]}


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
