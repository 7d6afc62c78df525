"""What waits too long: overdue claims, open items of the banks' lines, the age of claims.

Belongs here: reading them from the ledger and the terms, for people and for the status. Doesn't
belong here: changing anything (reconcile.py, decide.py), the mart `mart_claim_ageing` (dbt).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from touchproof.errors import LedgerError
from touchproof.ledger.claims import claims_by_status
from touchproof.ledger.fee_entries import OWED_CENTS
from touchproof.ledger.schema import bank_lines, claims, dispute_rounds
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.skips.settling import CLOSED_ITEMS
from touchproof.skips.terms import TermsBook, committed_terms

_LOG = logging.getLogger(__name__)
BUCKETS = ((30, "0-30"), (60, "31-60"), (90, "61-90"))
OLDEST_BUCKET = "90+"


@dataclass(frozen=True)
class OverdueClaim:
    """Name a claim whose bank should have answered, or whose dispute should have ended."""

    claim_id: str
    bank_id: str
    product_line: str
    waits_for: str
    due_date: date
    days_overdue: int
    owed_cents: int
    currency: str


@dataclass(frozen=True)
class OpenItem:
    """Name a line of a bank that a person has to look at; `outcome` says why."""

    bank_id: str
    kind: str
    document_id: str
    line_number: str
    line_date: date
    outcome: str
    claim_id: str | None
    reference: str
    cents: int | None
    currency: str


@dataclass(frozen=True)
class AgedClaims:
    """Count the claims of a bank that have waited for so long since their issue."""

    bank_id: str
    currency: str
    waits_for: str
    age_bucket: str
    claims: int
    open_cents: int


def overdue_claims(ledger: Ledger, terms: TermsBook, today: date) -> list[OverdueClaim]:
    """Return the claims that are overdue on a date, the longest first.

    Args:
        ledger: The world's ledger.
        terms: The banks' terms.
        today: The date.
    """
    disputes = select(dispute_rounds.c.claim_id, dispute_rounds.c.opened_at).where(
        dispute_rounds.c.closed_at.is_(None)
    )
    with ledger.reading() as connection:
        query = select(claims, OWED_CENTS).where(claims.c.status.in_(("issued", "disputed")))
        rows = [row._asdict() for row in connection.execute(query)]
        opened = {str(row.claim_id): row.opened_at for row in connection.execute(disputes)}
    found = []
    for row in rows:
        if row["status"] == "issued":
            waits_for, due = "answer", terms.answer_until(row, row["issued_at"].date())
        else:
            since = opened.get(row["claim_id"], row["status_at"])
            waits_for, due = "end of the dispute", terms.dispute_until(row, since.date())
        if due is not None and due < today:
            found.append(
                OverdueClaim(
                    row["claim_id"],
                    row["bank_id"],
                    row["product_line"],
                    waits_for,
                    due,
                    (today - due).days,
                    row["owed_cents"],
                    row["currency"],
                )
            )
    return sorted(found, key=lambda claim: (-claim.days_overdue, claim.bank_id, claim.claim_id))


def count_overdue(settings: Settings, ledger: Ledger, today: date) -> int:
    """Count the overdue claims for the status, which is there whatever the handoff is like."""
    waiting = claims_by_status(ledger).keys() & {"issued", "disputed"}
    if not waiting:
        return 0
    try:
        return len(overdue_claims(ledger, committed_terms(settings), today))
    except LedgerError:
        _LOG.warning("no deadlines without the committed handoff's terms")
        return 0


def open_items(ledger: Ledger, bank_id: str | None = None) -> list[OpenItem]:
    """Return the lines of banks that wait for a person, oldest first."""
    names = OpenItem.__dataclass_fields__
    query = select(*(bank_lines.c[name] for name in names)).where(
        bank_lines.c.outcome.not_in(CLOSED_ITEMS)
    )
    if bank_id is not None:
        query = query.where(bank_lines.c.bank_id == bank_id)
    query = query.order_by(
        bank_lines.c.line_date,
        bank_lines.c.bank_id,
        bank_lines.c.document_id,
        bank_lines.c.line_number,
    )
    with ledger.reading() as connection:
        return [OpenItem(**row._asdict()) for row in connection.execute(query)]


def count_open_items(ledger: Ledger) -> int:
    """Count the lines of banks that wait for a person."""
    query = select(func.count()).select_from(bank_lines)
    with ledger.reading() as connection:
        return int(connection.scalar(query.where(bank_lines.c.outcome.not_in(CLOSED_ITEMS))) or 0)


def aged_claims(ledger: Ledger, today: date) -> list[AgedClaims]:
    """Return what waits at each bank by days since the issue, as `mart_claim_ageing` has it."""
    statuses = {
        "issued": "unanswered",
        "disputed": "disputed",
        "accepted": "unpaid",
        "part_paid": "unpaid",
    }
    sums: dict[tuple[str, str, str, int], tuple[int, int]] = {}
    with ledger.reading() as connection:
        query = select(claims, OWED_CENTS).where(claims.c.status.in_(list(statuses)))
        for row in connection.execute(query):
            days = (today - row.issued_at.date()).days
            bucket = next((n for n, (limit, _) in enumerate(BUCKETS) if days <= limit), 3)
            key = (row.bank_id, row.currency, statuses[row.status], bucket)
            count, cents = sums.get(key, (0, 0))
            sums[key] = (count + 1, cents + _open_cents(row._asdict()))
    names = [*(name for _, name in BUCKETS), OLDEST_BUCKET]
    return [
        AgedClaims(bank, currency, waits_for, names[bucket], count, cents)
        for (bank, currency, waits_for, bucket), (count, cents) in sorted(sums.items())
    ]


def _open_cents(claim: Mapping[str, int | str | None]) -> int:
    whole = claim["owed_cents"] if claim["status"] in ("issued", "disputed") else None
    value = claim["accepted_cents"] if whole is None else whole
    return int(value or 0) - int(claim["paid_cents"] or 0)
