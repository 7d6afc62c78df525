"""A person's decision about claims.

Belongs here: which decisions a person may make, and all that a decision does in one transaction.
Doesn't belong here: the moves (ledger/claims.py), openings in review (review.py).

Issuing is a pack's work, and money alone says what is paid: neither is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from touchproof.clock import Clock
from touchproof.errors import BadInputError
from touchproof.ledger.approvals import approve_within
from touchproof.ledger.claims import move_within, require_not_planned, rows_of
from touchproof.ledger.controls import set_controls
from touchproof.ledger.store import Ledger
from touchproof.skips.reasons import require_reason
from touchproof.skips.reconcile import settle_claims
from touchproof.skips.settlement import BY_DECISION
from touchproof.skips.terms import TermsBook

DECISIONS = (
    "candidate",
    "review",
    "withdrawn",
    "accepted",
    "rejected",
    "disputed",
    "clawed_back",
    "written_off",
)


@dataclass(frozen=True)
class Decision:
    """Say what a person wants: to which status, why, and the cents that an acceptance names."""

    to_status: str
    reason: str
    accepted_cents: int | None = None


def decide(
    ledger: Ledger,
    claim_ids: Sequence[str],
    decision: Decision,
    *,
    terms: TermsBook,
    today: date,
    clock: Clock,
    actor: str,
) -> dict[str, str]:
    """Move claims, all or none; return what was done to each.

    Args:
        ledger: The world's ledger.
        claim_ids: The claims; one that is named twice counts once.
        decision: What to do.
        terms: The banks' terms, for the time in which a rejection may be disputed.
        today: The business date.
        clock: Gives the moment.
        actor: Who decides.

    Raises:
        BadInputError: If a claim is unknown or may not move so, or the reason won't do.
    """
    if decision.to_status not in DECISIONS:
        why = "issued by its pack" if decision.to_status == "issued" else "not decided by a person"
        raise BadInputError(
            f"A claim becomes {decision.to_status} otherwise: it is {why}",
            where=", ".join(claim_ids)[:80],
            todo=f"Choose one of {', '.join(DECISIONS)}.",
        )
    require_reason(decision.reason, ", ".join(claim_ids)[:80])
    at = clock()
    done = {}
    with ledger.transaction() as connection:
        require_not_planned(connection, claim_ids)
        for claim_id in dict.fromkeys(claim_ids):
            done[claim_id] = _decide_one(connection, claim_id, decision, terms, today, at, actor)
        settle_claims(connection, list(done), today, at, actor)
    return done


def _decide_one(
    connection: Connection,
    claim_id: str,
    decision: Decision,
    terms: TermsBook,
    today: date,
    at: datetime,
    actor: str,
) -> str:
    if decision.to_status == "candidate":
        return approve_within(connection, claim_id, at, actor, decision.reason)
    row = rows_of(connection, [claim_id]).get(claim_id)
    values: dict[str, Any] = {}
    if row is not None and decision.to_status == "disputed":
        _require_in_time(row._asdict(), terms, today)
    if row is not None and decision.to_status == "accepted":
        cents = decision.accepted_cents
        if cents is None:
            cents = min(row.accepted_cents or row.owed_cents, row.owed_cents)
        if not 0 < cents <= row.owed_cents:
            raise BadInputError(
                "A bank accepts more than nothing and at most what it owes",
                where=f"claim {claim_id}",
                todo=f"It owes {row.owed_cents} cents of {row.currency}.",
            )
        values["accepted_cents"] = cents
    move_within(connection, [claim_id], decision.to_status, at, actor, decision.reason, values)
    if decision.to_status == "accepted":
        set_controls(connection, claim_id, accepted_by=BY_DECISION)
    return decision.to_status


def _require_in_time(claim: dict[str, Any], terms: TermsBook, today: date) -> None:
    if claim["status"] != "rejected":
        return
    last = terms.dispute_until(claim, claim["status_at"].date())
    if last is not None and today > last:
        raise BadInputError(
            f"The time to dispute this rejection ended on {last.isoformat()}",
            where=f"claim {claim['claim_id']}",
            todo="Write it off, or agree otherwise with the bank and change the terms.",
        )
