"""What has changed since a bank was told: claims as told compared with today's ledger and handoff.

Belongs here: the comparison, as a pure function, and the names of changes. Doesn't belong here:
folding the chain (told.py), putting the adjustments into a pack (issuer.py).

An issued pack is never rewritten. What changes later becomes a line that names the claim, the fact,
before, after and why; once it is told, claim and data agree again. A claim that was withdrawn or
clawed back is closed: nothing of it is adjusted any more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from touchproof.evidence.lines import AdjustmentLine, ClaimLine, TouchLine
from touchproof.evidence.pack_format import TOUCH_COLUMNS, safe_cell
from touchproof.evidence.told import (
    CLAIMED,
    CONTACT,
    ELIGIBILITY,
    ELIGIBLE,
    FACTS,
    FEE,
    OPENING,
    PERSON,
    STANDING,
    ToldClaim,
    contact_text,
)

FEE_CORRECTED = "fee_corrected"
CHANGES: Mapping[str, str] = {
    "withdrawn": "We take the claim back.",
    "clawed_back": "The fee is returned under the terms.",
    FEE_CORRECTED: "The fee by the terms is another than was claimed.",
    "no_longer_eligible": "By what is known today the opening breaks a rule of eligibility.",
    "eligible_again": "By what is known today the opening breaks no rule of eligibility.",
    "facts_corrected": "A fact of the opening, the terms or the match is another than was told.",
    "contact_lost": "A contact that was told is no longer in its source's data.",
    "contact_added": "A contact that wasn't told has become known.",
    "person_changed": "The person was merged with another record, or matched anew.",
    "opening_gone": "The bank's opening is no longer in its own data.",
    "opening_back": "The bank's opening is in its own data again.",
}
"""Each change that an adjustment can tell, and its sentence for the bank."""

_CLOSING = ("withdrawn", "clawed_back")


@dataclass(frozen=True)
class LedgerState:
    """Hold one claim's state in the ledger: its status, when and why it last moved, its person."""

    status: str
    moved_at: datetime
    reason: str
    person_id: str


@dataclass(frozen=True)
class TodaysClaim:
    """Hold one claim as the newest handoff shows it; `line` is None if its opening is gone.

    `fee_cents` in the line is the told one where the handoff has none (a refused opening).
    """

    line: ClaimLine | None
    eligibility: str = ELIGIBLE
    person_id: str | None = None
    touches: Sequence[TouchLine] = field(default=())


def find_adjustments(
    told: Mapping[str, ToldClaim],
    ledger: Mapping[str, LedgerState],
    today: Mapping[str, TodaysClaim],
) -> list[AdjustmentLine]:
    """Return what a bank is to be told anew, by pack and claim; the order is fixed.

    Args:
        told: Its claims as it was told them last.
        ledger: The ledger's state of each of them.
        today: The handoff's state of each of them that has one.
    """
    lines = []
    for claim in sorted(told.values(), key=lambda one: (one.issued_in_pack, one.claim_id)):
        state = ledger.get(claim.claim_id)
        if state is None or not claim.is_open:
            continue
        if state.status in _CLOSING:
            lines.append(
                _line(
                    claim,
                    state.status,
                    (STANDING, CLAIMED, state.status),
                    fee_change=-claim.fee_cents,
                    at=state.moved_at,
                    reason=state.reason,
                )
            )
            continue
        lines += _compared(claim, state, today.get(claim.claim_id, TodaysClaim(None)))
    return lines


def fingerprint(claim_id: str, person_id: str) -> str:
    """Name a claim's person without saying who: equal only within one claim."""
    return hashlib.sha256(f"{claim_id}|{person_id}".encode()).hexdigest()[:12]


def _compared(claim: ToldClaim, state: LedgerState, now: TodaysClaim) -> list[AdjustmentLine]:
    opening = "reported" if now.line is not None else "missing"
    lines = []
    if opening != claim.facts[OPENING]:
        change = "opening_gone" if now.line is None else "opening_back"
        lines.append(_line(claim, change, (OPENING, claim.facts[OPENING], opening)))
    if now.line is None:
        return lines
    if now.eligibility != claim.facts[ELIGIBILITY]:
        change = "eligible_again" if now.eligibility == ELIGIBLE else "no_longer_eligible"
        lines.append(_line(claim, change, (ELIGIBILITY, claim.facts[ELIGIBILITY], now.eligibility)))
    before = claim.person or fingerprint(claim.claim_id, state.person_id)
    after = fingerprint(claim.claim_id, now.person_id) if now.person_id else "none"
    if before != after:
        lines.append(_line(claim, "person_changed", (PERSON, before, after)))
    for name in FACTS:
        value = safe_cell(getattr(now.line, name))
        if value != claim.facts[name]:
            lines.append(_line(claim, "facts_corrected", (name, claim.facts[name], value)))
    if now.line.fee_cents != claim.fee_cents:
        lines.append(
            _line(
                claim,
                FEE_CORRECTED,
                (FEE, str(claim.fee_cents), str(now.line.fee_cents)),
                fee_change=now.line.fee_cents - claim.fee_cents,
            )
        )
    return lines + _contacts(claim, now.touches)


def _contacts(claim: ToldClaim, touches: Iterable[TouchLine]) -> list[AdjustmentLine]:
    now = Counter(
        contact_text({name: safe_cell(getattr(touch, name)) for name in TOUCH_COLUMNS})
        for touch in touches
    )
    told = Counter({text: times for text, times in claim.contacts.items() if times > 0})
    lost = [("contact_lost", text, "") for text in sorted((told - now).elements())]
    added = [("contact_added", "", text) for text in sorted((now - told).elements())]
    return [
        _line(claim, change, (CONTACT, before, after)) for change, before, after in lost + added
    ]


def _line(
    claim: ToldClaim,
    change: str,
    told: tuple[str, str, str],
    *,
    fee_change: int = 0,
    at: datetime | None = None,
    reason: str = "",
) -> AdjustmentLine:
    name, before, after = told
    return AdjustmentLine(
        claim_id=claim.claim_id,
        bank_reference=claim.bank_reference,
        issued_in_pack=claim.issued_in_pack,
        change=change,
        field=name,
        before=before,
        after=after,
        fee_change_cents=fee_change,
        currency=claim.currency,
        changed_at=at,
        reason=reason or CHANGES[change],
    )
