"""What a bank's word and its money do to a claim, as pure functions.

Belongs here: the rules of settlement. Doesn't belong here: finding a line's claim and writing
(ledger/settling.py), reading files (bank_documents.py).

A statement's word decides what a claim is worth; money alone decides what is paid. So a line that
says "paid" without money behind it stays an open item, and the same cent is never counted twice.
Every cent of a remittance ends in one of three places: applied to a claim up to what the bank
accepted, on account of the bank, or disputed (money for a claim that the bank rejects). A bank
accepts at most what it owes: the fee as issued and what packs corrected of it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OPEN_STATUSES = ("accepted", "part_paid", "paid")
LIVE_STATUSES = ("issued", "rejected", "disputed", *OPEN_STATUSES)
"""Where a bank's word or its money may still move an issued claim; all others are final."""
BY_STATEMENT, BY_PAYMENT, BY_DECISION = "statement", "payment", "decision"
APPLIED = "applied"
OLDER = "older"
NO_MONEY_YET = "no_money_yet"
NO_AMOUNT = "no_amount"
ABOVE_FEE = "above_fee"
OVER_PAYMENT = "over_payment"
FOR_DISPUTED = "for_disputed_claim"


@dataclass(frozen=True)
class ClaimState:
    """Hold what settlement looks at; `accepted_by` is statement, payment, decision or None."""

    status: str
    owed_cents: int
    accepted_cents: int
    paid_cents: int
    accepted_by: str | None = None


@dataclass(frozen=True)
class Step:
    """Change a claim: to a status (None: it stays) with other cents (None: they stay)."""

    to_status: str | None
    reason: str
    accepted_cents: int | None = None
    accepted_by: str | None = None
    paid_cents: int | None = None
    owed_cents: int | None = None


@dataclass(frozen=True)
class WordPlan:
    """Say what a statement's line does (None: nothing) and how it ends."""

    step: Step | None
    outcome: str


def plan_word(
    claim: ClaimState,
    word: str,
    cents: int | None,
    *,
    reason: str,
    is_claw_back_late: bool = False,
) -> WordPlan:
    """Decide what a bank's word does to a claim.

    Args:
        claim: The claim as it stands.
        word: accepted, part_paid, paid, rejected or clawed_back.
        cents: The amount that the line names; None if it names none.
        reason: For the log: which line says so.
        is_claw_back_late: Whether the terms no longer let the bank take the fee back.
    """
    if claim.status not in LIVE_STATUSES:
        return WordPlan(None, f"claim_is_{claim.status}")
    if word == "rejected":
        return _rejected(claim, reason)
    if word == "clawed_back":
        return _clawed_back(claim, reason, is_late=is_claw_back_late)
    return _accepted(claim, word, cents, reason)


def _accepted(claim: ClaimState, word: str, cents: int | None, reason: str) -> WordPlan:
    if cents is not None and cents <= 0:
        return WordPlan(None, NO_AMOUNT)
    named = claim.owed_cents if cents is None or word == "part_paid" else cents
    accepted = min(named, claim.owed_cents)
    outcome = ABOVE_FEE if named > claim.owed_cents else APPLIED
    if not accepted:
        return WordPlan(None, outcome if named else NO_AMOUNT)
    if claim.status not in OPEN_STATUSES:
        return WordPlan(Step("accepted", reason, accepted, BY_STATEMENT), outcome)
    is_settled = claim.accepted_by not in (None, BY_PAYMENT)
    if word != "accepted" and is_settled:
        return WordPlan(None, outcome)  # what was accepted stands; money says what is paid
    if accepted == claim.accepted_cents and is_settled:
        return WordPlan(None, outcome)
    return WordPlan(Step(None, reason, accepted, BY_STATEMENT), outcome)


def _rejected(claim: ClaimState, reason: str) -> WordPlan:
    if claim.status == "rejected":
        return WordPlan(None, APPLIED)
    # A bank can't just take its word back: a person looks at it.
    to_status = "disputed" if claim.status in OPEN_STATUSES else "rejected"
    return WordPlan(Step(to_status, reason), APPLIED)


def _clawed_back(claim: ClaimState, reason: str, *, is_late: bool) -> WordPlan:
    if claim.status in ("issued", "rejected"):
        return WordPlan(None, f"claim_is_{claim.status}")
    if not is_late:
        return WordPlan(Step("clawed_back", reason), APPLIED)
    if claim.status == "disputed":
        return WordPlan(None, APPLIED)
    return WordPlan(Step("disputed", f"{reason}, after the time for it"), APPLIED)


def plan_unsaid(claim: ClaimState, reason: str) -> Step | None:
    """Decide what becomes of a claim whose statement no longer says what it said."""
    if claim.status in OPEN_STATUSES and claim.accepted_by == BY_STATEMENT:
        return Step("disputed", reason)
    return None


def plan_correction(
    claim: ClaimState, owed_cents: int, said_cents: int | None, *, reason: str
) -> Step:
    """Decide what a correction of its fee does to a claim; its money is planned afterwards.

    A bank that has accepted more than is owed now has accepted what is owed. One whose word was cut
    at the fee (`above_fee`, or an earlier correction) has accepted up to that word.

    Args:
        claim: The claim as it stands.
        owed_cents: What is owed from now on.
        said_cents: The amount that the bank's newest word names; None if it names none.
        reason: For the log.
    """
    if claim.status not in LIVE_STATUSES:
        return Step(None, reason, owed_cents=owed_cents)
    accepted = claim.accepted_cents
    is_said = claim.status in OPEN_STATUSES and claim.accepted_by == BY_STATEMENT
    if is_said and said_cents is not None and min(said_cents, claim.owed_cents) == accepted:
        accepted = said_cents
    accepted = min(accepted, owed_cents)
    changed = accepted if accepted != claim.accepted_cents else None
    return Step(None, reason, changed, owed_cents=owed_cents)


@dataclass(frozen=True)
class CashPlan:
    """Say which steps the money of a claim makes, and how much of it each place gets.

    Args:
        steps: In order.
        applied_cents: What is paid of the claim.
        rest: Where the rest stands: `on_account` or `disputed`.
    """

    steps: tuple[Step, ...]
    applied_cents: int
    rest: str


def plan_cash(claim: ClaimState, remitted_cents: int, *, reason: str) -> CashPlan:
    """Decide what all money that came for a claim does.

    Args:
        claim: The claim as it stands.
        remitted_cents: The sum of its remittances' lines.
        reason: For the log.
    """
    remitted = max(remitted_cents, 0)
    if claim.status == "issued":
        # A bank that pays without a word accepts what it pays.
        accepted = min(remitted, claim.owed_cents)
        if not accepted:
            return CashPlan((), 0, "on_account")
        first = Step("accepted", f"{reason}: paid without a word", accepted, BY_PAYMENT)
        state = ClaimState("accepted", claim.owed_cents, accepted, claim.paid_cents, BY_PAYMENT)
        later = plan_cash(state, remitted_cents, reason=reason)
        return CashPlan((first, *later.steps), later.applied_cents, later.rest)
    if claim.status not in OPEN_STATUSES:
        applied = min(claim.paid_cents, claim.accepted_cents, remitted)
        rest = "disputed" if claim.status in ("rejected", "disputed") else "on_account"
        steps = (Step(None, reason, paid_cents=applied),) if applied != claim.paid_cents else ()
        return CashPlan(steps, applied, rest)
    return _plan_open(claim, remitted, reason)


def _plan_open(claim: ClaimState, remitted: int, reason: str) -> CashPlan:
    accepted = claim.accepted_cents
    if claim.accepted_by == BY_PAYMENT:
        accepted = min(remitted, claim.owed_cents)
        if not remitted:
            step = Step("disputed", f"{reason}: the payment that accepted it is gone", paid_cents=0)
            return CashPlan((step,), 0, "disputed")
    applied = min(remitted, accepted)
    whole = claim.owed_cents if claim.accepted_by == BY_PAYMENT else accepted
    status = "accepted" if not applied else "paid" if applied >= whole else "part_paid"
    changes = (accepted, applied) != (claim.accepted_cents, claim.paid_cents)
    if status == claim.status and not changes:
        return CashPlan((), applied, "on_account")
    raised = accepted if accepted != claim.accepted_cents else None
    moves = status != claim.status
    step = Step(status if moves else None, reason, raised, paid_cents=applied)
    return CashPlan((step,), applied, "on_account")


def divide(lines: Sequence[int], applied_cents: int) -> list[tuple[int, int]]:
    """Return (applied, rest) of each line, oldest first, so that both sum exactly.

    Args:
        lines: Cents of a claim's remittance lines in order; below zero is money taken back.
        applied_cents: What all of them apply to the claim, at most their sum, not below zero.
    """
    divided = []
    so_far = applied_so_far = 0
    for cents in lines:
        so_far += cents
        reached = min(max(so_far, 0), applied_cents)
        applied = reached - applied_so_far
        applied_so_far = reached
        divided.append((applied, cents - applied))
    return divided
