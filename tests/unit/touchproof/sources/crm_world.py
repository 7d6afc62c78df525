"""A world whose Salesforce is the loopback server, for the tests of its extract.

Belongs here: changing the CRM, extracting it and reading what landed. Doesn't belong here: what
must hold (the tests).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from touchproof.landing import Batch, Landing, Window
from touchproof.settings import Settings
from touchproof.sources.definition import ExtractReport
from touchproof.sources.extract import extract
from touchproof.sources.salesforce import FIRST_DAY
from touchproof_sandbox.salesforce.control import Control

NIGHT = date(2026, 6, 28)
FIRST_WINDOW = Window(FIRST_DAY, date(2026, 6, 29))


@dataclass
class Crm:
    """A world whose Salesforce is the loopback server."""

    settings: Settings
    control: Control
    folder: Path

    def lead(self, **values: Any) -> str:
        record = {"LastName": "Doe", "Company": "Acme", **values}
        (made,) = self.control.apply([{"op": "create", "object": "Lead", "record": record}])
        return made

    def change(self, op: str, lead: str, **values: Any) -> None:
        self.control.apply([{"op": op, "object": "Lead", "record": {"Id": lead, **values}}])

    def extract(self, night: date = NIGHT, from_: date | None = None) -> ExtractReport:
        moment = datetime(night.year, night.month, night.day, 2, tzinfo=UTC) + timedelta(days=1)
        self.control.set_clock(moment)
        return extract("salesforce", night, self.settings, lambda: moment, from_)

    def batches(self, entity: str = "leads") -> dict[Window, Batch]:
        return Landing(self.settings.paths.landing).newest("salesforce", entity)

    def leads(self, window: Window = FIRST_WINDOW) -> list[dict[str, Any]]:
        return self.rows("leads", window)

    def rows(self, entity: str, window: Window) -> list[dict[str, Any]]:
        batch = self.batches(entity)[window]
        return [
            row
            for path in batch.part_paths
            for row in pq.read_table(path, partitioning=None).to_pylist()
        ]
