"""The booked cents of fees: every change of what a claim or a bank stands at, append-only.

Belongs here: the kinds of entries and which of them a claim's change makes. Doesn't belong here:
deciding a change (claims.py, settling.py), periods and accounts (dbt).

| kind | is |
|---|---|
| `billed` | the fee of a claim that was put to its bank, and what packs corrected of it since |
| `constrained` | the part of it whose bank hasn't decided: variable consideration, not revenue |
| `earned` | what the bank accepted: revenue |
| `reversed` | revenue taken back because the bank rejected or disputes it, or accepted less |
| `clawed_back` | revenue that the bank took back after it had accepted |
| `written_off` | accepted but never paid; a loss, revenue stays |
| `received` | money that came in, by line of a remittance |
| `applied`, `on_account`, `disputed` | where that money stands; they sum to `received` |

All cents are signed in the direction of their kind: a claim's revenue is the sum of `earned`,
`reversed` and `clawed_back`, and what its bank owes for it at most is the sum of `billed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, select

from touchproof.ledger.schema import claims, fee_entries

BUCKETS = ("applied", "on_account", "disputed")
KINDS = (
    "billed",
    "constrained",
    "earned",
    "reversed",
    "clawed_back",
    "written_off",
    "received",
    *BUCKETS,
)
RECOGNISED = frozenset({"accepted", "part_paid", "paid"})
PENDING = frozenset({"issued", "disputed"})

OWED_CENTS = (
    select(cast(func.coalesce(func.sum(fee_entries.c.cents), 0), BigInteger))
    .where(fee_entries.c.claim_id == claims.c.claim_id, fee_entries.c.kind == "billed")
    .scalar_subquery()
    .label("owed_cents")
)
"""A column beside those of `claims`: the fee as issued and its issued corrections; else 0."""


@dataclass(frozen=True)
class FeeEntry:
    """Book cents; `booked_date` is the bank's value date, None for the day of entering."""

    bank_id: str
    claim_id: str | None
    kind: str
    cents: int
    currency: str
    entered_at: datetime
    actor: str
    reason: str
    booked_date: date | None = None
    document_id: str | None = None
    line_number: str | None = None


def book(connection: Connection, entries: Sequence[FeeEntry]) -> None:
    """Write entries inside the caller's transaction; those of 0 cents are left out."""
    rows = [asdict(entry) for entry in entries if entry.cents]
    if rows:
        connection.execute(fee_entries.insert(), rows)


def entries_of_change(
    before: Mapping[str, Any], after: Mapping[str, Any], at: datetime, actor: str, reason: str
) -> list[FeeEntry]:
    """Return the entries that a claim's change makes.

    Args:
        before: The claim's columns and `owed_cents` as they were.
        after: The same as they will be.
        at: Moment of the change.
        actor: Who changes it.
        reason: Why.
    """
    changes = {
        "billed": after["owed_cents"] - before["owed_cents"],
        "constrained": _constrained(after) - _constrained(before),
    }
    revenue = _revenue(after, _revenue(before)) - _revenue(before)
    if after["status"] == "clawed_back":
        changes["clawed_back"] = revenue
    else:
        changes["earned" if revenue > 0 else "reversed"] = revenue
    if _begins(before, after, "written_off"):
        changes["written_off"] = min((after["paid_cents"] or 0) - _revenue(before), 0)
    return [
        FeeEntry(
            bank_id=after["bank_id"],
            claim_id=after["claim_id"],
            kind=kind,
            cents=cents,
            currency=after["currency"],
            entered_at=at,
            actor=actor,
            reason=reason,
        )
        for kind, cents in changes.items()
        if cents
    ]


def _begins(before: Mapping[str, Any], after: Mapping[str, Any], status: str) -> bool:
    return bool(after["status"] == status != before["status"])


def _constrained(claim: Mapping[str, Any]) -> int:
    return int(claim["owed_cents"]) if claim["status"] in PENDING else 0


def _revenue(claim: Mapping[str, Any], before: int = 0) -> int:
    """Return what of a claim is revenue; writing it off leaves what it was."""
    if claim["status"] == "written_off":
        return before
    return int(claim["accepted_cents"] or 0) if claim["status"] in RECOGNISED else 0
