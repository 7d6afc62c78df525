"""Fixtures of the ledger's tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

NOW = datetime(2026, 6, 29, 5, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """Return the moment that `fixed_clock` shows."""
    return NOW


@pytest.fixture
def night() -> date:
    """Return the night before that moment."""
    return date(2026, 6, 28)


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    """Return the new ledger of the temporary world."""
    return Ledger.of(settings)


def skip(
    number: int, *, bank: str = "bank_northlake", day: date | None = None
) -> dict[str, object]:
    """Return one row of `fct_skip_referrals`."""
    opened = day or date(2026, 5, 1) + timedelta(days=number % 28)
    return {
        "claim_id": f"cl_{bank}_{number:05d}",
        "bank_id": bank,
        "bank_opening_id": f"{bank}:R{number:05d}",
        "fee_kind": "opening",
        "person_id": f"per_{number:05d}",
        "product_line": "savings",
        "opened_at": datetime(opened.year, opened.month, opened.day, 15, 30),
        "opened_date": opened,
        "first_touched_at": datetime(opened.year, opened.month, opened.day, 15, 30)
        - timedelta(days=3),
        "match_method": "email",
        "match_probability": 1.0,
        "eligibility": "eligible",
        "ineligible_reason": None,
        "fee_cents": 7500,
        "currency": "USD",
        "claim_status": None,
    }


@pytest.fixture
def referrals() -> pa.Table:
    """Return three eligible skips and one that isn't."""
    rows = [skip(number) for number in range(4)]
    rows[3]["eligibility"] = "ineligible"
    return pa.Table.from_pylist(rows)
