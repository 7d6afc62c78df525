"""Fixtures for files that arrive: a drop folder to put them in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from touchproof.clock import Clock
from touchproof.settings import Settings
from touchproof.sources.definition import ExtractReport
from touchproof.sources.extract import extract

HEADERS = {
    "media": "date,platform,campaign_code,campaign_name,ad_group,impressions,clicks,cost,currency",
    "products": "ledger_entry_id,entry_type,account_id,app_user_id,product_line,bank_id,"
    "occurred_at,booked_date,amount,currency,application_started_at",
    "registrations": "registration_id,app_user_id,registered_at,email,phone,first_name,last_name,"
    "birth_date,postal_code,country,lead_source,lead_comment,install_id,web_client_id",
    "consents": "consent_event_id,app_user_id,email,channel,state,changed_at,source",
    "northlake": "reference,product_code,opened_at,customer_email,first_name,last_name,birth_date,"
    "zip,referral_token,existing_customer,opening_balance,customer_phone",
    "maple": "reference;produit;date_ouverture;courriel;prenom;nom;date_naissance;code_postal;"
    "jeton;client_existant;solde;telephone",
}


@dataclass(frozen=True)
class Drops:
    """Put files into the drop folder of a test world and extract them."""

    settings: Settings
    clock: Clock

    def put(self, day: str, source: str, name: str, content: bytes | str) -> Path:
        """Let a file arrive; names that end in .gz are compressed (pass bytes to do it oneself)."""
        path = self.settings.drops / day / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
            if name.endswith(".gz"):
                content = gzip.compress(content, mtime=0)
        path.write_bytes(content)
        return path

    def spend(self, day: str, rows: int = 3, *, arrives: str | None = None, **changes: Any) -> Path:
        """Let a spend file of one platform arrive; `changes` replace fields of its last row."""
        platform = changes.pop("file_platform", "google_ads")
        line = {
            "date": day,
            "platform": platform,
            "campaign_code": "C",
            "campaign_name": "Campaign",
            "ad_group": "",
            "impressions": "1000",
            "clicks": "10",
            "cost": "12.50",
            "currency": "USD",
        }
        lines = [line | {"campaign_code": f"C{number}"} for number in range(rows)]
        lines[-1] |= changes
        text = "\n".join([HEADERS["media"], *(",".join(item.values()) for item in lines)]) + "\n"
        name = f"spend_{platform}_{day.replace('-', '')}.csv"
        return self.put(arrives or day, "media", name, text)

    def table(self, day: str, source: str, kind: str, name: str, rows: list[str]) -> Path:
        """Let a file of one of HEADERS arrive, rows as delimited text."""
        content = "\n".join([HEADERS[kind], *rows]) + "\n"
        encoding = "latin-1" if kind == "maple" else "utf-8"
        data = content.encode(encoding)
        return self.put(day, source, name, gzip.compress(data) if name.endswith(".gz") else data)

    def emails(self, day: str, events: list[Mapping[str, Any]]) -> Path:
        """Let an e-mail event file arrive."""
        return self.put(day, "email", f"events_{day.replace('-', '')}.json.gz", json.dumps(events))

    def extract(self, source: str, night: str, **options: Any) -> ExtractReport:
        """Extract a source for a night given as text."""
        return extract(source, date.fromisoformat(night), self.settings, self.clock, **options)


@pytest.fixture
def drops(settings: Settings, fixed_clock: Callable[[], datetime]) -> Drops:
    """Return the drop folder of an empty test world; the folder itself exists."""
    settings.drops.mkdir(parents=True)
    return Drops(settings, fixed_clock)


def sendgrid_event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return one event in SendGrid's shape."""
    moment = datetime(2026, 3, 1, 12, 0, number % 60, tzinfo=UTC)
    return {
        "email": f"person{number}@example.test",
        "timestamp": int(moment.timestamp()),
        "event": "delivered",
        "sg_event_id": f"e{number}",
        "sg_message_id": f"m{number}",
        "campaign_code": "C1",
        "category": ["newsletter", "spring"],
        **changes,
    }


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Return the maker of e-mail events."""
    return sendgrid_event
