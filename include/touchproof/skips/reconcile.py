"""The step `reconcile`: what banks said and paid becomes the claims' state, and deadlines pass.

Belongs here: the order of the step, one transaction a file, and the claims that expire by rule.
Doesn't belong here: reading files (bank_documents.py), what a line does (settling.py).

It reads landing, the handoff and the ledger, never the warehouse. Killed between two files, the
next run goes on: a file that is applied does nothing again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from touchproof.clock import Clock
from touchproof.ledger.claims import move_within
from touchproof.ledger.schema import bank_lines, claims
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.skips.bank_documents import bank_files
from touchproof.skips.settling import CLOSED_ITEMS, Settler
from touchproof.skips.terms import TermsBook, committed_terms

_LOG = logging.getLogger(__name__)
_WAITING = ("candidate", "review")


@dataclass(frozen=True)
class ReconcileReport:
    """Count what one run did.

    Args:
        night: The night.
        files: Files of statements and remittances looked at.
        lines_applied: Lines that were new or changed.
        claims_touched: Claims that a line named.
        claims_expired: Claims whose deadline passed before they were issued.
        open_items: Lines that a person has to look at, all in all.
    """

    night: date
    files: int
    lines_applied: int
    claims_touched: int
    claims_expired: int
    open_items: int


def reconcile(
    settings: Settings,
    night: date,
    clock: Clock,
    actor: str | None = None,
    *,
    on_step: Callable[[str], None] | None = None,
) -> ReconcileReport:
    """Apply what landed up to a night, and let claims expire whose deadline has passed.

    Args:
        settings: The world.
        night: The night.
        clock: Gives the moment of each change.
        actor: Who applies (default: who acts now).
        on_step: Called with the name of each durable step, after it.
    """
    from touchproof.ledger.actors import acting_user

    step = on_step or _ignore
    who = actor or acting_user()
    ledger, terms = Ledger.of(settings), committed_terms(settings)
    files = bank_files(settings, night)
    lines, touched = 0, set[str]()
    for file in files:
        with ledger.transaction() as connection:
            settler = Settler(connection, night, clock(), who, terms.is_claw_back_late)
            for document in file.documents:
                settler.apply(document, file.name)
        lines += settler.changed_lines
        touched |= settler.touched
        step(f"applied {file.name}")
    for bank_id in sorted({file.bank_id for file in files}):
        with ledger.transaction() as connection:
            settler = Settler(connection, night, clock(), who, terms.is_claw_back_late)
            settler.retry(bank_id)
        lines += settler.changed_lines
        touched |= settler.touched
    with ledger.transaction() as connection:
        expired = _expire(connection, terms, night, clock(), who)
        items = connection.scalar(
            select(func.count())
            .select_from(bank_lines)
            .where(bank_lines.c.outcome.not_in(CLOSED_ITEMS))
        )
    report = ReconcileReport(night, len(files), lines, len(touched), len(expired), int(items or 0))
    _LOG.info(
        "reconcile night %s: %s files, %s lines, %s claims, %s expired, %s open items",
        night,
        report.files,
        report.lines_applied,
        report.claims_touched,
        report.claims_expired,
        report.open_items,
    )
    return report


def settle_claims(
    connection: Connection, claim_ids: list[str], night: date, at: datetime, actor: str
) -> None:
    """Let a decision about claims move the money that came for them, in its transaction."""
    Settler(connection, night, at, actor, lambda _claim, _day: False).settle(claim_ids)


def correct_fees(
    connection: Connection,
    changes: Mapping[str, int],
    night: date,
    at: datetime,
    actor: str,
    reason: str,
) -> None:
    """Let the corrections of an issued pack count, in the transaction that issues it.

    Args:
        connection: That transaction.
        changes: Cents by claim.
        night: The night of the pack.
        at: When it was issued.
        actor: Who issues it.
        reason: Which pack.
    """
    settler = Settler(connection, night, at, actor, lambda _claim, _day: False)
    for claim_id, cents in changes.items():
        settler.correct(claim_id, cents, reason)


def business_day(settings: Settings, moment: datetime) -> date:
    """Return the business date of a moment."""
    return moment.astimezone(ZoneInfo(settings.business_timezone)).date()


def _expire(
    connection: Connection, terms: TermsBook, night: date, at: datetime, actor: str
) -> list[str]:
    """Expire what wasn't put to its bank in time; a planned pack's claims are on their way."""
    query = select(claims).where(claims.c.status.in_(_WAITING), claims.c.pack_number.is_(None))
    late: dict[date, list[str]] = {}
    for row in connection.execute(query.order_by(claims.c.claim_id)):
        until = terms.claim_until(row._asdict())
        if until is not None and until < night:
            late.setdefault(until, []).append(str(row.claim_id))
    for until, claim_ids in sorted(late.items()):
        reason = f"not put to the bank by {until.isoformat()}, the terms' deadline"
        move_within(connection, claim_ids, "expired", at, actor, reason, {})
    return [claim_id for claim_ids in late.values() for claim_id in claim_ids]


def _ignore(_step: str) -> None:
    """Do nothing at a step."""
