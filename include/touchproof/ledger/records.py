"""What goes into the ledger and comes out of it, as frozen dataclasses.

Belongs here: the shapes that cross the ledger's border. Doesn't belong here: tables (schema.py)
and what is done with them (store.py, claims.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

FieldValues = Mapping[str, str | None]


@dataclass(frozen=True)
class AcknowledgedRow:
    """Name values that Salesforce confirmed for one record, or that were read from it.

    Args:
        object: Salesforce object, e.g. `Lead`.
        record_key: The record's Salesforce Id, or its Touchproof_Key__c while no Id is known.
        salesforce_id: The Id, if known.
        fields: Canonical text by API field name; None means known to be empty.
        origin: `baseline`, `read` or `pushed`.
        job_id: Salesforce's job id for `pushed`.
    """

    object: str
    record_key: str
    salesforce_id: str | None
    fields: FieldValues
    origin: str
    job_id: str | None = None


@dataclass(frozen=True)
class PublishedNight:
    """Describe one committed night; hashes are sha256 hex digests by name."""

    night: date
    published_at: datetime
    published_sha256: str
    handoff_hashes: Mapping[str, str]
    mart_hashes: Mapping[str, str]
    ledger_batch: Mapping[str, str]


@dataclass(frozen=True)
class RunRecord:
    """Describe the newest run of one step of one night."""

    night: date
    step: str
    status: str
    report: Any
    recorded_at: datetime


def canonical_json(value: object) -> str:
    """Return one text for one value: sorted keys, no spaces, Unicode as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
