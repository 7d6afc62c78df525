"""A bank's statement or remittance, as documents of lines.

Belongs here: their shapes, and turning landed rows into them. Doesn't belong here: which rows
count (bank_documents.py), what they do (settlement.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from touchproof.sources.bank_statements import REMITTANCES, STATEMENTS

__all__ = ["REMITTANCES", "STATEMENTS", "Document", "Line", "documents_of"]

WHOLE_PAYMENT = "total"
"""The number of the line that stands for what a payment's lines don't say."""
UNREADABLE, UNALLOCATED, TOO_MUCH = "unreadable_amount", "unallocated", "lines_exceed_payment"
_DOCUMENT = {STATEMENTS: "statement_id", REMITTANCES: "remittance_id"}
_DATE = {STATEMENTS: "statement_date", REMITTANCES: "paid_date"}


@dataclass(frozen=True)
class Line:
    """Hold one line; `cents` is None where a statement names no amount.

    `fault` says why it can't be applied to any claim; it follows from the rest of its document.
    """

    line_number: str
    line_date: date
    claim_reference: str
    reference: str
    word: str | None
    reason_code: str | None
    cents: int | None
    currency: str
    fault: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Document:
    """Hold one statement or remittance of a bank as its newest version says it."""

    bank_id: str
    kind: str
    document_id: str
    lines: tuple[Line, ...]


def documents_of(bank_id: str, kind: str, rows: Iterable[Mapping[str, Any]]) -> list[Document]:
    """Return the documents of one file's landed rows, in the order of their ids.

    Args:
        bank_id: The bank.
        kind: statements or remittances.
        rows: Landed rows that passed the gate.
    """
    by_document: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_document.setdefault(str(row[_DOCUMENT[kind]]), []).append(row)
    documents = []
    for document_id in sorted(by_document):
        given = by_document[document_id]
        lines = [_line(kind, row) for row in given]
        if kind == REMITTANCES:
            lines = _with_payment(lines, [str(row["payment_amount"] or "") for row in given])
        documents.append(Document(bank_id, kind, document_id, tuple(lines)))
    return documents


def _line(kind: str, row: Mapping[str, Any]) -> Line:
    text = str(row["amount"] or "")
    cents = cents_of(text)
    is_money = kind == REMITTANCES
    is_unreadable = cents is None and (is_money or bool(text))
    return Line(
        line_number=str(row["line_number"]),
        line_date=date.fromisoformat(str(row[_DATE[kind]])[:10]),
        claim_reference=str(row["claim_id"] or ""),
        reference=str(row["reference"] or ""),
        word=None if is_money else str(row["status"]),
        reason_code=None if is_money else str(row["reason_code"] or "") or None,
        cents=0 if is_money and cents is None else cents,
        currency=str(row["currency"]),
        fault=UNREADABLE if is_unreadable else None,
    )


def _with_payment(lines: list[Line], payments: list[str]) -> list[Line]:
    """Hold a remittance's lines against the payment itself, where the bank names it.

    What came in is the payment: what its lines leave open stands on account, and lines that ask
    for more than came in are all disputed, since nobody can say which of them is paid.
    """
    named = {cents_of(text) for text in payments if text} - {None}
    if not named or len({line.currency for line in lines}) > 1:
        return lines
    paid = min(cents for cents in named if cents is not None)
    told = sum(line.cents or 0 for line in lines)
    rest = Line(
        line_number=WHOLE_PAYMENT,
        line_date=lines[0].line_date,
        claim_reference="",
        reference="",
        word=None,
        reason_code=None,
        cents=paid - told,
        currency=lines[0].currency,
        fault=UNALLOCATED,
    )
    if paid >= told and len(named) == 1:
        return [*lines, rest] if paid > told else lines
    empty = [replace(line, cents=0, fault=TOO_MUCH) for line in lines]
    return [*empty, replace(rest, cents=paid, fault=TOO_MUCH)]


def cents_of(text: str) -> int | None:
    """Return an amount's cents; None if it is no number or has parts of a cent."""
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        return None
    if not cents.is_finite() or cents != cents.to_integral_value():
        return None
    return int(cents)
