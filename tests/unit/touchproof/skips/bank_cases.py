"""A ledger of issued claims, and what banks say about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from sqlalchemy import func, select

from touchproof.ledger import schema
from touchproof.ledger.claims import move_within, register_candidates, status_of
from touchproof.ledger.store import Ledger
from touchproof.skips.bank_lines import Document, Line
from touchproof.skips.decide import Decision, decide
from touchproof.skips.reconcile import correct_fees
from touchproof.skips.settling import Settler
from touchproof.skips.terms import TermsBook

NIGHT = date(2026, 6, 28)
NOW = datetime(2026, 6, 29, 5, tzinfo=UTC)
SYSTEM = "system:build_warehouse"
FEE = 5000


@dataclass
class Bank:
    """Play a bank against a ledger whose claims `clm_1` … are issued to it."""

    ledger: Ledger
    clock: list[datetime] = field(default_factory=lambda: [NOW])
    is_claw_back_late: bool = False

    def tick(self) -> datetime:
        self.clock[0] += timedelta(minutes=1)
        return self.clock[0]

    def send(self, document: Document, file: str = "file.csv") -> Settler:
        """Apply a document in one transaction, as the step does."""
        with self.ledger.transaction() as connection:
            settler = Settler(
                connection, NIGHT, self.tick(), SYSTEM, lambda _c, _d: self.is_claw_back_late
            )
            settler.apply(document, file)
        return settler

    def retry(self) -> None:
        with self.ledger.transaction() as connection:
            Settler(connection, NIGHT, self.tick(), SYSTEM, lambda _c, _d: False).retry("north")

    def decide(self, claim_id: str, status: str, cents: int | None = None) -> None:
        """Decide about a claim as a person does."""
        decide(
            self.ledger,
            [claim_id],
            Decision(status, "decided", cents),
            terms=TermsBook(()),
            today=NIGHT,
            clock=self.tick,
            actor="os:ann",
        )

    def correct(self, claim_id: str, cents: int) -> None:
        """Let a pack's correction of a fee count, as its issue does."""
        with self.ledger.transaction() as connection:
            correct_fees(connection, {claim_id: cents}, NIGHT, self.tick(), SYSTEM, "pack")

    def claim(self, claim_id: str = "clm_1") -> tuple[str, int | None, int | None]:
        """Return (status, accepted, paid)."""
        table = schema.claims
        with self.ledger.reading() as connection:
            row = connection.execute(select(table).where(table.c.claim_id == claim_id)).one()
        return row.status, row.accepted_cents, row.paid_cents

    def outcome(self, document_id: str, line_number: str = "1") -> str:
        table = schema.bank_lines
        query = select(table.c.outcome).where(
            table.c.document_id == document_id, table.c.line_number == line_number
        )
        with self.ledger.reading() as connection:
            return str(connection.scalar(query))

    def cents(self, claim_id: str | None = None) -> Counter[str]:
        """Return the booked cents by kind, of all or of one claim, without zeros."""
        table = schema.fee_entries
        query = select(table.c.kind, func.sum(table.c.cents)).group_by(table.c.kind)
        if claim_id is not None:
            query = query.where(table.c.claim_id == claim_id)
        with self.ledger.reading() as connection:
            return Counter({kind: int(sum_) for kind, sum_ in connection.execute(query) if sum_})

    def entries(self) -> int:
        with self.ledger.reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(schema.fee_entries)) or 0)


def statement(document_id: str, *lines: tuple[str, str, int | None], day: date = NIGHT) -> Document:
    """Return a statement of (claim, word, cents)."""
    return Document(
        "north",
        "statements",
        document_id,
        tuple(
            Line(str(number), day, claim, "", word, None, cents, "USD")
            for number, (claim, word, cents) in enumerate(lines, 1)
        ),
    )


def remittance(
    document_id: str, *lines: tuple[str, int], day: date = NIGHT, currency: str = "USD"
) -> Document:
    """Return a remittance of (claim, cents)."""
    return Document(
        "north",
        "remittances",
        document_id,
        tuple(
            Line(str(number), day, claim, "", None, None, cents, currency)
            for number, (claim, cents) in enumerate(lines, 1)
        ),
    )


def new_bank(ledger: Ledger, claims: int = 3, bank_id: str = "north") -> Bank:
    """Return a bank to which claims of 50.00 were issued."""
    rows = [
        {
            "claim_id": f"clm_{number}",
            "bank_id": bank_id,
            "bank_opening_id": f"{bank_id}:N{number}",
            "fee_kind": "referral",
            "person_id": f"per_{number}",
            "product_line": "savings",
            "opened_at": datetime(2026, 5, 2, 12),
            "opened_date": date(2026, 5, 2),
            "fee_cents": FEE,
            "currency": "USD",
            "eligibility": "eligible",
        }
        for number in range(1, claims + 1)
    ]
    register_candidates(ledger, pa.Table.from_pylist(rows), lambda: NOW, SYSTEM)
    with ledger.transaction() as connection:
        ids: Iterable[str] = [str(row["claim_id"]) for row in rows]
        new = [one for one, status in status_of(connection, ids).items() if status == "candidate"]
        move_within(connection, new, "issued", NOW, SYSTEM, "pack", {"issued_at": NOW})
    return Bank(ledger)
