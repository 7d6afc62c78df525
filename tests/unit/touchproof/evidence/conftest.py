"""A world whose handoff and landing are made by hand, as publish would leave them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import read_csv

from touchproof.dbt_code import DBT_PROJECT, code_table
from touchproof.durable import sha256_of
from touchproof.evidence.export import PackReport, export_packs
from touchproof.handoff import CONTENT, VERSIONS, version_name
from touchproof.landing import Landing, PartTable, Window
from touchproof.ledger.claims import move
from touchproof.ledger.store import Ledger
from touchproof.quality.verdict import verdict_of, write_verdict
from touchproof.settings import Settings

NIGHT = date(2026, 6, 28)
NORTHLAKE, MAPLE = "bank_northlake", "bank_maple"
SEEDS = DBT_PROJECT / "seeds" / "skips"


def terms_line(bank: str) -> dict[str, Any]:
    """Return the one line of a bank's terms."""
    return {
        "bank_id": bank,
        "contract_version": "2025-1",
        "clause": "4.1",
        "product_line": "savings",
        "fee_kind": "opening",
        "fee_cents": 7500,
        "currency": "USD" if bank == NORTHLAKE else "CAD",
        "valid_from_date": date(2025, 1, 1),
        "valid_to_date": None,
        "referral_window_days": 90,
        "is_fee_lawful": True,
    }


@cache
def _code() -> pa.Table:
    return code_table()


@dataclass
class EvidenceWorld:
    """Hold skips and trails in memory; `publish` hands them over and commits the night."""

    settings: Settings
    batch: str
    referrals: list[dict[str, Any]] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)
    terms: list[dict[str, Any]] = field(
        default_factory=lambda: [*map(terms_line, (NORTHLAKE, MAPLE))]
    )

    def skip(
        self, number: int, day: date, *, bank: str = NORTHLAKE, touches: int = 2, **values: Any
    ) -> str:
        """Add one eligible skip of a day with its contacts; return its claim id."""
        claim_id = f"cl_{hashlib.sha256(f'{bank}:{number}'.encode()).hexdigest()[:16]}"
        opened = datetime(day.year, day.month, day.day, 15, 30)
        times = [
            opened - timedelta(days=touches - index, minutes=number) for index in range(touches)
        ]
        row = {
            "claim_id": claim_id,
            "bank_id": bank,
            "bank_opening_id": f"{bank}:R{number:05d}",
            "person_id": f"per_{number:05d}",
            "product_line": "savings",
            "fee_kind": "opening",
            "opened_at": opened,
            "opened_date": day,
            "first_touched_at": times[0] if times else None,
            "is_date_only": False,
            "contract_version": "2025-1",
            "clause": "4.1",
            "match_method": "email",
            "match_probability": 1.0,
            "eligibility": "eligible",
            "ineligible_reason": None,
            "fee_cents": 7500 + number,
            "currency": "USD" if bank == NORTHLAKE else "CAD",
            "claim_status": None,
        }
        self.referrals.append(row | values)
        for index, touched in enumerate(times, start=1):
            self.trail.append(
                {
                    "claim_id": claim_id,
                    "bank_id": bank,
                    "contact_order": index,
                    "touchpoint_id": f"tp_{number}_{index}",
                    "touched_at": touched,
                    "channel": "Email",
                    "interaction": "click",
                    "source_system": "email",
                    "source_event_id": hashlib.sha256(f"{number}{index}".encode()).hexdigest()[:32],
                    "batch_id": self.batch,
                    "landed_at": touched + timedelta(hours=9),
                }
            )
        return claim_id

    def publish(self, night: date = NIGHT) -> None:
        """Hand the evidence over and commit the night."""
        root = self.settings.paths.handoff(night).parent / VERSIONS
        temporary = root / ".tmp"
        (temporary / "evidence").mkdir(parents=True)
        tables = {
            "fct_skip_referrals": pa.Table.from_pylist(self.referrals, _REFERRALS),
            "mart_commission_evidence": pa.Table.from_pylist(self.trail, _TRAIL),
            "bank_terms": pa.Table.from_pylist(self.terms, _TERMS),
            **{
                name: read_csv(SEEDS / f"{name}.csv")
                for name in ("skip_eligibility_rules", "skip_match_methods")
            },
            "dbt_code": _code(),
        }
        files: list[dict[str, Any]] = []
        for name, table in tables.items():
            path = temporary / "evidence" / f"{name}.parquet"
            pq.write_table(table, path)
            entry = {"name": f"evidence/{name}.parquet", "rows": table.num_rows}
            files.append(entry | {"sha256": sha256_of(path)})
        hashes = {str(file["name"]): str(file["sha256"]) for file in files}
        version = version_name(night, hashes)
        content = {"night": night.isoformat(), "version": version, "files": files}
        (temporary / CONTENT).write_text(json.dumps(content))
        shutil.rmtree(root / version, ignore_errors=True)
        temporary.rename(root / version)
        Ledger.of(self.settings).commit_night(
            night,
            published_at=datetime(2026, 6, 29, 5, tzinfo=UTC),
            published_sha256="0" * 64,
            handoff_hashes=hashes,
            mart_hashes={},
            ledger_batch={},
        )
        for step in ("gate", "load", "build", "publish"):
            at = datetime(2026, 6, 29, 5, tzinfo=UTC)
            Ledger.of(self.settings).record_run(night, step, "ok", {}, at)

    def export(self, night: date = NIGHT, **options: Any) -> list[PackReport]:
        """Export as the DAG does, by a fixed person at a fixed moment."""
        clock: Callable[[], datetime] = options.pop(
            "clock", lambda: datetime(2026, 6, 29, 5, 0, 0, 123456, tzinfo=UTC)
        )
        return export_packs(self.settings, night, clock, actor="os:test", **options)

    def pack(self, number: int, bank: str = NORTHLAKE) -> Path:
        """Return a pack's folder."""
        return self.settings.paths.evidence / bank / f"{number:04d}"

    def files(self) -> dict[str, bytes]:
        """Return every file of every pack."""
        root = self.settings.paths.evidence
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.glob("bank_*/**/*"))
            if path.is_file()
        }


_MOMENT = pa.timestamp("us")
_REFERRALS = pa.schema(
    {
        "claim_id": pa.string(),
        "bank_id": pa.string(),
        "bank_opening_id": pa.string(),
        "person_id": pa.string(),
        "product_line": pa.string(),
        "fee_kind": pa.string(),
        "opened_at": _MOMENT,
        "opened_date": pa.date32(),
        "first_touched_at": _MOMENT,
        "is_date_only": pa.bool_(),
        "contract_version": pa.string(),
        "clause": pa.string(),
        "match_method": pa.string(),
        "match_probability": pa.float64(),
        "eligibility": pa.string(),
        "ineligible_reason": pa.string(),
        "fee_cents": pa.int64(),
        "currency": pa.string(),
        "claim_status": pa.string(),
    }
)
_TRAIL = pa.schema(
    {
        "claim_id": pa.string(),
        "bank_id": pa.string(),
        "contact_order": pa.int64(),
        "touchpoint_id": pa.string(),
        "touched_at": _MOMENT,
        "channel": pa.string(),
        "interaction": pa.string(),
        "source_system": pa.string(),
        "source_event_id": pa.string(),
        "batch_id": pa.string(),
        "landed_at": _MOMENT,
    }
)


_TERMS = pa.schema(
    {
        "bank_id": pa.string(),
        "contract_version": pa.string(),
        "clause": pa.string(),
        "product_line": pa.string(),
        "fee_kind": pa.string(),
        "fee_cents": pa.int64(),
        "currency": pa.string(),
        "valid_from_date": pa.date32(),
        "valid_to_date": pa.date32(),
        "referral_window_days": pa.int32(),
        "is_fee_lawful": pa.bool_(),
    }
)


@pytest.fixture
def world(settings_with_ledger: Settings) -> EvidenceWorld:
    """Return a world with one landed batch and nothing published."""
    return new_world(settings_with_ledger)


@pytest.fixture(scope="session")
def issued_chain(tmp_path_factory: pytest.TempPathFactory) -> EvidenceWorld:
    """Return such a world as `chain`, to be copied: its PDFs take longer than most tests."""
    folder = tmp_path_factory.mktemp("issued")
    made = new_world(Settings(data_dir=folder / "data", world="test"))
    issue_chain(made)
    return made


@pytest.fixture
def chain(world: EvidenceWorld, issued_chain: EvidenceWorld) -> EvidenceWorld:
    """Return a world with three issued packs of one bank and one of another."""
    shutil.rmtree(world.settings.data_dir)
    shutil.copytree(issued_chain.settings.data_dir, world.settings.data_dir, symlinks=True)
    world.referrals, world.trail, world.terms = deepcopy(
        (issued_chain.referrals, issued_chain.trail, issued_chain.terms)
    )
    return world


@pytest.fixture(scope="module")
def long_chain(tmp_path_factory: pytest.TempPathFactory) -> EvidenceWorld:
    """Return such a world with a fourth pack that adjusts earlier ones; nobody may change it."""
    folder = tmp_path_factory.mktemp("world")
    world = new_world(Settings(data_dir=folder / "data", world="test"))
    issue_chain(world)
    adjust(world)
    return world


@pytest.fixture(scope="session")
def make_world() -> Callable[[Path], EvidenceWorld]:
    """Return how a test makes a world of its own in a folder."""
    return lambda folder: new_world(Settings(data_dir=folder / "data", world="test"))


def new_world(settings: Settings) -> EvidenceWorld:
    """Make a world with one landed batch."""
    batch, _ = Landing(settings.paths.landing).write(
        "email",
        "events",
        Window(date(2026, 3, 1), date(2026, 3, 2)),
        [PartTable("events.json.gz", pa.table({"event_id": ["1"]}))],
        content_sha256="ab" * 32,
        landed_at=datetime(2026, 3, 2, 6, tzinfo=UTC),
    )
    write_verdict(batch, verdict_of(batch, "2026-03-01", (), (), (), ()))
    return EvidenceWorld(settings, batch.manifest.batch)


def issue_chain(world: EvidenceWorld) -> None:
    """Issue three packs of one bank and one of another."""
    for month in (3, 4, 5):
        for number in range(4):
            world.skip(month * 10 + number, date(2026, month, 5 + number))
    world.skip(1, date(2026, 5, 2), bank=MAPLE, touches=3)
    world.publish()
    world.export()


def adjust(world: EvidenceWorld) -> None:
    """Withdraw a claim, correct a fee, lose a contact; June's pack tells it."""
    move(
        Ledger.of(world.settings),
        [world.referrals[0]["claim_id"]],
        "withdrawn",
        clock=lambda: datetime(2026, 6, 29, 12, tzinfo=UTC),
        actor="os:test",
        reason="opened by a test account",
    )
    world.referrals[1]["fee_cents"] -= 500
    lost = world.referrals[5]["claim_id"]
    world.trail = [
        row for row in world.trail if (row["claim_id"], row["contact_order"]) != (lost, 2)
    ]
    world.skip(66, date(2026, 6, 9))
    world.publish(date(2026, 6, 30))
    world.export(date(2026, 6, 30), clock=lambda: datetime(2026, 7, 1, 5, tzinfo=UTC))
