"""Applying what a bank says and pays to the ledger, one document at a time.

Belongs here: finding a line's claim, comparing a document with what the ledger knows of it, and
writing lines, moves and cents in the caller's transaction. Doesn't belong here: the rules
(settlement.py), reading files (bank_documents.py).

A document replaces what was known of it: an unchanged line does nothing, a changed one is taken
back and applied anew, one that is gone is taken back. So a replay changes nothing, and a corrected
statement supersedes the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias, cast

from sqlalchemy import Connection, func, select, update

from touchproof.ledger.claims import amend_within, move_within, rows_of
from touchproof.ledger.controls import controls_of, set_controls
from touchproof.ledger.fee_entries import FeeEntry, book
from touchproof.ledger.schema import bank_lines, claims, fee_entries
from touchproof.skips import settlement as rules
from touchproof.skips.bank_lines import REMITTANCES, STATEMENTS, TOO_MUCH, Document, Line

UNKNOWN, NOT_ISSUED = "unknown_reference", "not_issued"
DISAGREE, WRONG_CURRENCY = "references_disagree", "wrong_currency"
WITHDRAWN = "withdrawn"
CLOSED_ITEMS = (rules.APPLIED, rules.OLDER, WITHDRAWN)
"""Outcomes of lines that nobody has to look at; every other outcome is an open item."""
_RETRIED = (UNKNOWN, NOT_ISSUED)
_KEY = ("bank_id", "kind", "document_id", "line_number")

_Place: TypeAlias = tuple[str | None, str, str]
IsClawBackLate: TypeAlias = Callable[[Mapping[str, Any], date], bool]


@dataclass
class Settler:
    """Apply documents inside one open write transaction.

    Args:
        connection: The transaction.
        night: The night whose files are applied.
        at: Moment of the change.
        actor: Who applies.
        is_claw_back_late: Tells of a claim and a date whether its bank may still take it back.
    """

    connection: Connection
    night: date
    at: datetime
    actor: str
    is_claw_back_late: IsClawBackLate
    changed_lines: int = 0
    touched: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)

    def apply(self, document: Document, file: str) -> None:
        """Bring the ledger to what a document says now."""
        known = self._known(document)
        given = {line.line_number: line for line in document.lines}
        for number, row in known.items():
            if number not in given and row["outcome"] != WITHDRAWN:
                self._withdraw(document, row, file)
        for line in document.lines:
            before = known.get(line.line_number)
            if before is None or _differs(before, line):
                self._take(document, line, before, file)
        self.settle(())

    def retry(self, bank_id: str) -> None:
        """Look again at a bank's lines whose claim wasn't there yet, and at its unpaid words."""
        query = select(bank_lines).where(
            bank_lines.c.bank_id == bank_id, bank_lines.c.outcome.in_(_RETRIED)
        )
        for row in self.connection.execute(query.order_by(*_columns(_KEY))).all():
            claim_id, fault = self._claim_of(bank_id, row.claim_reference, row.reference)
            if fault is None:
                line = _line_of(row)
                self._take(Document(bank_id, row.kind, row.document_id, (line,)), line,
                           row._asdict(), row.file)  # fmt: skip
                self.pending.add(str(claim_id))
        self.settle(())

    def settle(self, claim_ids: Iterable[str]) -> None:
        """Bring the claims' paid cents, and the place of each cent, to what their money says."""
        wanted = sorted(set(claim_ids) | self.pending)
        self.touched |= set(wanted)
        self.pending.clear()
        for claim_id in wanted:
            self._settle(claim_id)
        self._look_for_money(wanted)

    def correct(self, claim_id: str, change_cents: int, reason: str) -> None:
        """Let a claim be worth what a pack tells anew, and settle it by what was said and paid.

        A word that was above the fee and no longer is, is an open item no more.
        """
        state = self._state(claim_id)
        owed = state.owed_cents + change_cents
        said = [
            row
            for row in self._words(claim_id)
            if row.word in ("accepted", "paid") and (row.cents or 0) > 0
        ]
        newest = max(said, key=_order).cents if said else None
        self._take_step(claim_id, rules.plan_correction(state, owed, newest, reason=reason))
        for row in said:
            if row.outcome == rules.ABOVE_FEE and row.cents <= owed:
                self._end(row._asdict(), rules.APPLIED)
        self.settle([claim_id])

    # Lines

    def _known(self, document: Document) -> dict[str, dict[str, Any]]:
        query = select(bank_lines).where(
            bank_lines.c.bank_id == document.bank_id,
            bank_lines.c.kind == document.kind,
            bank_lines.c.document_id == document.document_id,
        )
        return {row.line_number: row._asdict() for row in self.connection.execute(query)}

    def _withdraw(self, document: Document, row: Mapping[str, Any], file: str) -> None:
        self._write({**row, "outcome": WITHDRAWN, "file": file, "changed_at": self.at})
        self._take_back(document, row, None)
        if document.kind == REMITTANCES:
            self._place(document, {**row, "cents": 0, "outcome": WITHDRAWN}, {})

    def _take(
        self, document: Document, line: Line, before: Mapping[str, Any] | None, file: str
    ) -> None:
        claim_id, fault = self._claim_of(document.bank_id, line.claim_reference, line.reference)
        if line.fault is not None:
            claim_id, fault = None, line.fault
        if claim_id is not None and not self._same_currency(claim_id, line.currency):
            claim_id, fault = None, WRONG_CURRENCY
        row = {
            "bank_id": document.bank_id,
            "kind": document.kind,
            "document_id": document.document_id,
            "line_number": line.line_number,
            "line_date": line.line_date,
            "claim_reference": line.claim_reference,
            "reference": line.reference,
            "word": line.word,
            "reason_code": line.reason_code,
            "cents": line.cents,
            "currency": line.currency,
            "claim_id": claim_id,
            "outcome": fault or rules.APPLIED,
            "file": file,
            "first_night": before["first_night"] if before else self.night,
            "changed_at": self.at,
        }
        self._write(row)
        if before is not None:
            self._take_back(document, before, claim_id)
        if document.kind == STATEMENTS:
            if claim_id is not None:
                self._say(document, row)
        elif claim_id is None:
            bucket = "disputed" if fault == TOO_MUCH else "on_account"
            self._place(document, row, {(None, bucket): line.cents or 0})
        else:
            self.pending.add(claim_id)

    def _take_back(
        self, document: Document, before: Mapping[str, Any], claim_id: str | None
    ) -> None:
        """Undo what a line's earlier version did to a claim that it no longer names."""
        earlier = before["claim_id"]
        if earlier is None or earlier == claim_id:
            return
        self.pending.add(earlier)
        if document.kind == STATEMENTS and not self._words(earlier):
            reason = f"statement {document.document_id} no longer names the claim"
            self._take_step(earlier, rules.plan_unsaid(self._state(earlier), reason))

    def _say(self, document: Document, row: Mapping[str, Any]) -> None:
        """Let a statement's line say its word, unless the bank has said a later one since."""
        claim_id = str(row["claim_id"])
        self.pending.add(claim_id)
        mine = (row["line_date"], row["document_id"], row["line_number"])
        if any(_order(other) > mine for other in self._words(claim_id)):
            self._end(row, rules.OLDER)
            return
        claim = rows_of(self.connection, [claim_id])[claim_id]._asdict()
        told = f" ({row['reason_code']})" if row["reason_code"] else ""
        plan = rules.plan_word(
            self._state(claim_id),
            str(row["word"]),
            row["cents"],
            reason=f"statement {document.document_id}, line {row['line_number']}: "
            f"{row['word']}{told}",
            is_claw_back_late=row["word"] == "clawed_back"
            and self.is_claw_back_late(claim, row["line_date"]),
        )
        self._take_step(claim_id, plan.step)
        if plan.outcome != row["outcome"]:
            self._end(row, plan.outcome)

    def _words(self, claim_id: str) -> list[Any]:
        query = select(bank_lines).where(
            bank_lines.c.claim_id == claim_id,
            bank_lines.c.kind == STATEMENTS,
            bank_lines.c.outcome.not_in((WITHDRAWN, rules.OLDER)),
        )
        return list(self.connection.execute(query).all())

    def _claim_of(
        self, bank_id: str, claim_reference: str, reference: str
    ) -> tuple[str | None, str | None]:
        """Return the claim that a line names, or what is wrong with what it names."""
        found = []
        for column, value in (
            (claims.c.claim_id, claim_reference),
            (claims.c.bank_opening_id, f"{bank_id}:{reference}" if reference else ""),
        ):
            if value:
                query = select(claims).where(column == value, claims.c.bank_id == bank_id)
                found.append(self.connection.execute(query.order_by(claims.c.claim_id)).first())
        known = [row for row in found if row is not None]
        if not known:
            return None, UNKNOWN
        if len(known) < len(found) or len({row.claim_id for row in known}) > 1:
            return None, DISAGREE
        if known[0].issued_at is None:
            return None, NOT_ISSUED
        return str(known[0].claim_id), None

    def _same_currency(self, claim_id: str, currency: str) -> bool:
        return bool(rows_of(self.connection, [claim_id])[claim_id].currency == currency)

    # Claims

    def _state(self, claim_id: str) -> rules.ClaimState:
        row = rows_of(self.connection, [claim_id])[claim_id]
        controls = controls_of(self.connection, [claim_id]).get(claim_id)
        return rules.ClaimState(
            status=row.status,
            owed_cents=row.owed_cents,
            accepted_cents=row.accepted_cents or 0,
            paid_cents=row.paid_cents or 0,
            accepted_by=controls["accepted_by"] if controls else None,
        )

    def _take_step(self, claim_id: str, step: rules.Step | None) -> None:
        if step is None:
            return
        values: dict[str, Any] = {}
        if step.accepted_cents is not None:
            values["accepted_cents"] = step.accepted_cents
        if step.paid_cents is not None:
            values["paid_cents"] = step.paid_cents
        if step.to_status is None:
            amend_within(
                self.connection, claim_id, self.at, self.actor, step.reason, values,
                owed_cents=step.owed_cents,
            )  # fmt: skip
        else:
            move_within(
                self.connection, [claim_id], step.to_status, self.at, self.actor, step.reason,
                values,
            )  # fmt: skip
        if step.accepted_by is not None:
            set_controls(self.connection, claim_id, accepted_by=step.accepted_by)

    def _settle(self, claim_id: str) -> None:
        query = select(bank_lines).where(
            bank_lines.c.claim_id == claim_id,
            bank_lines.c.kind == REMITTANCES,
            bank_lines.c.outcome != WITHDRAWN,
        )
        rows = sorted((row._asdict() for row in self.connection.execute(query)), key=_order_of)
        cents = [int(row["cents"]) for row in rows]
        reason = f"remittance {rows[-1]['document_id']}" if rows else "no remittance any more"
        plan = rules.plan_cash(self._state(claim_id), sum(cents), reason=reason)
        for step in plan.steps:
            self._take_step(claim_id, step)
        for row, (applied, rest) in zip(rows, rules.divide(cents, plan.applied_cents), strict=True):
            document = Document(row["bank_id"], REMITTANCES, row["document_id"], ())
            wanted: dict[tuple[str | None, str], int] = {
                (claim_id, "applied"): applied,
                (claim_id, plan.rest): rest,
            }
            self._place(document, row, wanted)
            left = rules.FOR_DISPUTED if plan.rest == "disputed" else rules.OVER_PAYMENT
            self._end(row, left if rest else rules.APPLIED)

    def _look_for_money(self, claim_ids: Sequence[str]) -> None:
        """Open or close the items of words that say "paid"."""
        query = (
            select(bank_lines, claims.c.paid_cents, claims.c.accepted_cents)
            .join(claims, bank_lines.c.claim_id == claims.c.claim_id)
            .where(
                bank_lines.c.word.in_(("paid", "part_paid")),
                bank_lines.c.outcome.in_((rules.APPLIED, rules.NO_MONEY_YET)),
            )
        )
        wanted = set(claim_ids)
        for row in self.connection.execute(query).all():
            if row.claim_id not in wanted:
                continue
            said = row.accepted_cents or 0 if row.cents is None else row.cents
            is_there = (row.paid_cents or 0) >= min(said, row.accepted_cents or said)
            self._end(row._asdict(), rules.APPLIED if is_there else rules.NO_MONEY_YET)

    # Cents

    def _place(
        self,
        document: Document,
        row: Mapping[str, Any],
        wanted: Mapping[tuple[str | None, str], int],
    ) -> None:
        """Book what brings a line's cents from where they stand to where they should.

        What comes in is booked on the bank's value date, a later change on the day it is made.
        """
        table = fee_entries
        query = (
            select(table.c.claim_id, table.c.kind, table.c.currency, func.sum(table.c.cents))
            .where(
                table.c.bank_id == document.bank_id,
                table.c.document_id == document.document_id,
                table.c.line_number == row["line_number"],
            )
            .group_by(table.c.claim_id, table.c.kind, table.c.currency)
        )
        now: dict[_Place, int] = {}
        for claim, kind, of_currency, cents in self.connection.execute(query):
            now[cast("str | None", claim), str(kind), str(of_currency)] = int(cast("int", cents))
        currency = str(row["currency"])
        target: dict[_Place, int] = {(None, "received", currency): int(row["cents"] or 0)}
        for (claim_id, kind), cents in wanted.items():
            target[claim_id, kind, currency] = cents
        word = "corrected" if now else "came in"
        entries = [
            FeeEntry(
                bank_id=document.bank_id,
                claim_id=claim_id,
                kind=kind,
                cents=cents,
                currency=of_currency,
                entered_at=self.at,
                actor=self.actor,
                reason=f"remittance {document.document_id}, line {row['line_number']}: {word}",
                booked_date=None if now else row["line_date"],
                document_id=document.document_id,
                line_number=str(row["line_number"]),
            )
            for claim_id, kind, of_currency in sorted(
                {*now, *target}, key=lambda key: (key[1] != "received", key[1], key[0] or "")
            )
            if (
                cents := target.get((claim_id, kind, of_currency), 0)
                - now.get((claim_id, kind, of_currency), 0)
            )
        ]
        book(self.connection, entries)

    # Rows

    def _write(self, row: Mapping[str, Any]) -> None:
        from touchproof.ledger.store import upsert

        upsert(self.connection, bank_lines, [dict(row)])
        self.changed_lines += 1

    def _end(self, row: Mapping[str, Any], outcome: str) -> None:
        self.connection.execute(
            update(bank_lines)
            .where(*(bank_lines.c[name] == row[name] for name in _KEY))
            .values(outcome=outcome)
        )


def _columns(names: Sequence[str]) -> list[Any]:
    return [bank_lines.c[name] for name in names]


def _differs(before: Mapping[str, Any], line: Line) -> bool:
    """Tell whether a line says something else than the ledger knows of it."""
    return before["outcome"] == WITHDRAWN or _line_of_mapping(before) != line


def _line_of(row: Any) -> Line:
    return _line_of_mapping(row._asdict())


def _line_of_mapping(row: Mapping[str, Any]) -> Line:
    return Line(
        line_number=str(row["line_number"]),
        line_date=row["line_date"],
        claim_reference=str(row["claim_reference"]),
        reference=str(row["reference"]),
        word=row["word"],
        reason_code=row["reason_code"],
        cents=row["cents"],
        currency=str(row["currency"]),
    )


def _order(row: Any) -> tuple[date, str, str]:
    return (row.line_date, row.document_id, row.line_number)


def _order_of(row: Mapping[str, Any]) -> tuple[date, str, str]:
    return (row["line_date"], row["document_id"], row["line_number"])
