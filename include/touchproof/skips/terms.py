"""The banks' terms as the last committed night handed them over.

Belongs here: finding the terms of a claim, and the days that they give each side. Doesn't belong
here: the terms themselves (seed `bank_terms`), what makes an opening eligible (dbt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from touchproof.handoff import committed_handoff
from touchproof.settings import Settings

TERMS = "evidence/bank_terms.parquet"


@dataclass(frozen=True)
class Terms:
    """Hold the days of one line of the terms; None: the contract sets none."""

    bank_id: str
    product_line: str
    fee_kind: str
    valid_from_date: date
    valid_to_date: date | None
    claim_deadline_days: int | None
    response_days: int | None
    dispute_days: int | None
    claw_back_days: int | None


@dataclass(frozen=True)
class TermsBook:
    """Find the terms of claims; one without any has no deadlines."""

    lines: Sequence[Terms]

    def of(self, claim: Mapping[str, Any]) -> Terms | None:
        """Return the terms of the day on which the claim's account was opened."""
        day: date = claim["opened_date"]
        for terms in self.lines:
            if (
                terms.bank_id == claim["bank_id"]
                and terms.product_line == claim["product_line"]
                and terms.fee_kind == claim["fee_kind"]
                and terms.valid_from_date <= day
                and (terms.valid_to_date is None or day < terms.valid_to_date)
            ):
                return terms
        return None

    def claim_until(self, claim: Mapping[str, Any]) -> date | None:
        """Return the last day on which the claim may be put to its bank."""
        terms = self.of(claim)
        return _after(claim["opened_date"], terms.claim_deadline_days if terms else None)

    def answer_until(self, claim: Mapping[str, Any], issued: date) -> date | None:
        """Return the last day on which the bank should answer a claim issued on a day."""
        terms = self.of(claim)
        return _after(issued, terms.response_days if terms else None)

    def dispute_until(self, claim: Mapping[str, Any], since: date) -> date | None:
        """Return the last day of a dispute, or of the right to begin one, counted from a day."""
        terms = self.of(claim)
        return _after(since, terms.dispute_days if terms else None)

    def is_claw_back_late(self, claim: Mapping[str, Any], day: date) -> bool:
        """Tell whether the bank may no longer take back what it paid."""
        terms = self.of(claim)
        if terms is None or claim["status"] not in ("part_paid", "paid"):
            return False
        last = _after(claim["status_at"].date(), terms.claw_back_days)
        return last is not None and day > last


def committed_terms(settings: Settings) -> TermsBook:
    """Read the terms of the newest committed night; none before the first one."""
    handoff = committed_handoff(settings)
    if handoff is None or not (handoff.path / TERMS).exists():
        return TermsBook(())
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.ParquetFile(handoff.path / TERMS).read().to_pylist()
    names = Terms.__dataclass_fields__
    values: list[dict[str, Any]] = [{name: row.get(name) for name in names} for row in rows]
    return TermsBook([Terms(**value) for value in values])


def _after(day: date, days: int | None) -> date | None:
    return None if days is None else day + timedelta(days=days)
