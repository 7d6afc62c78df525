"""What waits for a person's review, and what their decisions become.

Belongs here: collecting the rows, their hashes, and applying decisions all or none. Doesn't belong
here: the spreadsheet (review_sheet.py), single decisions about issued claims (decide.py).

Two kinds of rows wait: openings that the rules sent to review (a decision is a row of the ledger's
`skip_decisions` that the next night's rules read), and claims in review (a decision takes them a
step towards their pack, or withdraws them).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from touchproof.clock import Clock
from touchproof.errors import BadInputError
from touchproof.handoff import committed_handoff
from touchproof.ledger.actors import is_person
from touchproof.ledger.approvals import approve_within
from touchproof.ledger.claims import move_within, require_not_planned
from touchproof.ledger.controls import controls_of
from touchproof.ledger.records import canonical_json
from touchproof.ledger.schema import claims, skip_decisions
from touchproof.ledger.store import Ledger
from touchproof.settings import PROJECT_ROOT, Settings
from touchproof.skips.reasons import require_reason

OPENING, CLAIM = "opening", "claim"
ACCEPT, REJECT = "accept", "reject"
RULES = PROJECT_ROOT / "dbt_project" / "seeds" / "skips" / "skip_eligibility_rules.csv"
_SHOWN_CONTACTS = 4


@dataclass(frozen=True)
class ReviewRow:
    """Show one opening or claim to the person who decides.

    Args:
        kind: `opening` or `claim`.
        bank_id: The bank.
        bank_reference: The bank's own reference of the opening.
        product_line: What was opened.
        opened_date: When, by the bank.
        fee_cents: What the terms give for it.
        currency: Of the fee.
        code: The rule that asks; `four_eyes` or `by_hand` for a claim.
        why: That rule in a sentence.
        match_method: How the person was matched.
        match_probability: How sure that is, 4 digits.
        candidates: How many persons match.
        contacts: Qualifying contacts in the window.
        first_contact: The first of them.
        last_contact: The last contact before the opening.
        evidence: The contacts, the first ones in words.
        steps: Who prepared and who reviewed it so far.
        person_id: The person.
        claim_id: The claim that it is or would become.
    """

    kind: str
    bank_id: str
    bank_reference: str
    product_line: str
    opened_date: str
    fee_cents: int
    currency: str
    code: str
    why: str
    match_method: str
    match_probability: str
    candidates: int
    contacts: int
    first_contact: str
    last_contact: str
    evidence: str
    steps: str
    person_id: str
    claim_id: str

    @property
    def row_hash(self) -> str:
        """Return what changes if anything that the person saw changes: 20 hex digits."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class RowDecision:
    """Hold one decision: `accept` or `reject`, and why."""

    row: ReviewRow
    decision: str
    reason: str


def review_rows(settings: Settings) -> list[ReviewRow]:
    """Return what waits for review as of the last committed night, by bank, date and claim.

    Raises:
        BadInputError: If nothing has been published yet.
    """
    from touchproof.evidence.trail import EvidenceHandoff

    handoff = committed_handoff(settings)
    if handoff is None:
        raise BadInputError("Nothing has been published yet", where="review", todo="Run a night.")
    evidence = EvidenceHandoff(handoff)
    referrals = {str(row["claim_id"]): row for row in evidence.referrals.to_pylist()
                 if row["claim_id"] is not None}  # fmt: skip
    trail: dict[str, list[dict[str, Any]]] = {}
    for touch in evidence.trail.to_pylist():
        trail.setdefault(str(touch["claim_id"]), []).append(touch)
    ledger, sentences = Ledger.of(settings), rule_sentences()
    with ledger.reading() as connection:
        decided = _decided(connection)
        in_review = connection.execute(select(claims).where(claims.c.status == "review")).all()
        known = {str(row.claim_id) for row in connection.execute(select(claims.c.claim_id))}
        controls = controls_of(connection, [row.claim_id for row in in_review])
    rows = [
        _opening_row(claim_id, row, trail.get(claim_id, []), sentences)
        for claim_id, row in referrals.items()
        if row["eligibility"] == "review"
        and claim_id not in known
        and (row["bank_opening_id"], row["person_id"]) not in decided
    ]
    rows += [
        _claim_row(
            claim._asdict(),
            referrals.get(claim.claim_id, {}),
            trail.get(claim.claim_id, []),
            controls.get(claim.claim_id),
        )
        for claim in in_review
    ]
    return sorted(rows, key=lambda row: (row.bank_id, row.opened_date, row.claim_id))


def decide_rows(
    ledger: Ledger, decisions: Sequence[RowDecision], *, clock: Clock, actor: str
) -> dict[str, int]:
    """Apply decisions, all or none; return how many of each kind were made.

    Raises:
        BadInputError: If one may not be made; then none is.
    """
    if not is_person(actor):
        raise BadInputError("Automation can't review", where=actor, todo="Let a person do it.")
    at = clock()
    counts: dict[str, int] = {}
    with ledger.transaction() as connection:
        require_not_planned(connection, [one.row.claim_id for one in decisions])
        for one in decisions:
            done = _decide(connection, one, at, actor)
            counts[done] = counts.get(done, 0) + 1
    return counts


def rule_sentences() -> dict[str, str]:
    """Return the sentence of each eligibility rule."""
    with RULES.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["sentence"] for row in csv.DictReader(file)}


def _decide(connection: Connection, one: RowDecision, at: datetime, actor: str) -> str:
    require_reason(one.reason, one.row.bank_reference)
    if one.row.kind == CLAIM:
        if one.decision == ACCEPT:
            return approve_within(connection, one.row.claim_id, at, actor, one.reason)
        move_within(connection, [one.row.claim_id], "withdrawn", at, actor, one.reason, {})
        return "withdrawn"
    decision = "accepted" if one.decision == ACCEPT else "rejected"
    connection.execute(
        skip_decisions.insert().values(
            bank_id=one.row.bank_id,
            bank_opening_id=f"{one.row.bank_id}:{one.row.bank_reference}",
            person_id=one.row.person_id,
            code=one.row.code,
            decision=decision,
            actor=actor,
            reason=one.reason,
            decided_at=at,
            evidence_sha256=one.row.row_hash,
        )
    )
    return decision


def _decided(connection: Connection) -> set[tuple[str, str]]:
    """Return the openings and persons about whom a decision was made."""
    table = skip_decisions
    query = select(table.c.bank_opening_id, table.c.person_id, func.max(table.c.id)).group_by(
        table.c.bank_opening_id, table.c.person_id
    )
    return {(str(opening), str(person)) for opening, person, _ in connection.execute(query)}


def _opening_row(
    claim_id: str,
    row: Mapping[str, Any],
    trail: Iterable[Mapping[str, Any]],
    sentences: Mapping[str, str],
) -> ReviewRow:
    code = str(row["ineligible_reason"])
    return _row(OPENING, claim_id, row, row, trail, code, sentences.get(code, code), "")


def _claim_row(
    claim: Mapping[str, Any],
    referral: Mapping[str, Any],
    trail: Iterable[Mapping[str, Any]],
    controls: Mapping[str, Any] | None,
) -> ReviewRow:
    code, why, steps = "by_hand", "A person put this claim into review.", ""
    if controls is not None and controls["needs_release"]:
        code, why = "four_eyes", "The fee is above the amount that one person may decide."
        reviewed = controls["reviewed_by"]
        steps = f"prepared by {controls['prepared_by']}"
        steps += f", reviewed by {reviewed}" if reviewed else ", not reviewed yet"
    return _row(CLAIM, str(claim["claim_id"]), claim, referral, trail, code, why, steps)


def _row(
    kind: str,
    claim_id: str,
    facts: Mapping[str, Any],
    referral: Mapping[str, Any],
    trail: Iterable[Mapping[str, Any]],
    code: str,
    why: str,
    steps: str,
) -> ReviewRow:
    contacts = sorted(trail, key=lambda touch: int(touch["contact_order"]))
    bank_id = str(facts["bank_id"])
    probability = referral.get("match_probability")
    return ReviewRow(
        kind=kind,
        bank_id=bank_id,
        bank_reference=str(facts["bank_opening_id"]).removeprefix(f"{bank_id}:"),
        product_line=str(facts["product_line"]),
        opened_date=_day(facts["opened_date"]),
        fee_cents=int(facts["fee_cents"] or 0),
        currency=str(facts["currency"]),
        code=code,
        why=why,
        match_method=str(referral.get("match_method") or "").replace("_", " "),
        match_probability="" if probability is None else f"{probability:.4f}",
        candidates=int(referral.get("candidates") or 0),
        contacts=int(referral.get("contacts_in_window") or 0),
        first_contact=_day(referral.get("first_touched_at")),
        last_contact=_day(referral.get("last_touched_at")),
        evidence=_evidence(contacts),
        steps=steps,
        person_id=str(facts["person_id"]),
        claim_id=claim_id,
    )


def _evidence(contacts: Sequence[Mapping[str, Any]]) -> str:
    if not contacts:
        return "no contact before the day of the opening"
    told = [
        f"{_day(touch['touched_at'])} {touch['channel']} {touch['interaction']}"
        f" (landed {_day(touch['landed_at'])})"
        for touch in contacts[:_SHOWN_CONTACTS]
    ]
    more = len(contacts) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _day(moment: date | datetime | None) -> str:
    return "" if moment is None else moment.isoformat()[:10]


def decide_openings(
    settings: Settings,
    claim_ids: Sequence[str],
    to_status: str,
    reason: str,
    *,
    clock: Clock,
    actor: str,
) -> dict[str, str] | None:
    """Decide about openings in review by the claims that they would become.

    Args:
        settings: The world.
        claim_ids: The claims; None is returned unless all of them are openings in review.
        to_status: `candidate` accepts, `withdrawn` rejects.
        reason: Why.
        clock: Gives the moment.
        actor: Who decides.

    Raises:
        BadInputError: If another status is asked for, or the reason won't do.
    """
    with Ledger.of(settings).reading() as connection:
        known = {str(row.claim_id) for row in connection.execute(select(claims.c.claim_id))}
    if known & set(claim_ids) or committed_handoff(settings) is None:
        return None
    waiting = {row.claim_id: row for row in review_rows(settings) if row.kind == OPENING}
    if not set(claim_ids) <= set(waiting):
        return None
    if to_status not in ("candidate", "withdrawn"):
        raise BadInputError(
            f"An opening in review can't become {to_status}",
            todo="Accept it with --to candidate or reject it with --to withdrawn.",
        )
    decision = ACCEPT if to_status == "candidate" else REJECT
    rows = [RowDecision(waiting[claim], decision, reason) for claim in dict.fromkeys(claim_ids)]
    decide_rows(Ledger.of(settings), rows, clock=clock, actor=actor)
    done = "accepted; the next night makes it a claim" if decision == ACCEPT else "rejected"
    return dict.fromkeys(claim_ids, done)
