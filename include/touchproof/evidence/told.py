"""What a bank was told: its chain of packs read as one state of each claim.

Belongs here: folding claims, contacts and adjustments of a chain, oldest pack first, and the faults
that only the fold shows (an adjustment of a claim that nobody put, another "before" than was told).
Doesn't belong here: checking one pack (verify_pack.py), today's state (adjustments.py). The
standard library is all it needs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

FACTS = (
    "product_line",
    "opened_date",
    "opened_at",
    "first_touched_at",
    "match_method",
    "contract_version",
    "clause",
)
STANDING, FEE, ELIGIBILITY, CONTACT, PERSON, OPENING = (
    "standing",
    "fee_cents",
    "eligibility",
    "contact",
    "person",
    "opening",
)
CLAIMED, ELIGIBLE = "claimed", "eligible"
FIELDS = frozenset({*FACTS, STANDING, FEE, ELIGIBILITY, CONTACT, PERSON, OPENING})

Row = Mapping[str, str]


@dataclass
class ToldClaim:
    """Hold one claim as the bank was told it last; every value is a pack's text.

    Args:
        claim_id: The claim.
        bank_reference: The bank's own reference.
        issued_in_pack: Number of the pack that put it.
        currency: Of its fee.
        facts: Value by field; contacts and person aside.
        contacts: How often each contact was told.
        person: Fingerprint after the last change of the person, None if there was none.
    """

    claim_id: str
    bank_reference: str
    issued_in_pack: int
    currency: str
    facts: dict[str, str]
    contacts: Counter[str] = field(default_factory=Counter)
    person: str | None = None

    @property
    def fee_cents(self) -> int:
        return int(self.facts[FEE])

    @property
    def is_open(self) -> bool:
        return self.facts[STANDING] == CLAIMED


@dataclass(frozen=True)
class ToldPack:
    """Hold the rows of one pack."""

    number: int
    claims: Sequence[Row]
    touches: Sequence[Row]
    adjustments: Sequence[Row]


def contact_text(touch: Row) -> str:
    """Return the one text of a contact, by which it is compared."""
    names = ("touched_at", "channel", "interaction", "source_system", "source_event_id")
    return " | ".join(touch[name] for name in names)


def told_claims(packs: Iterable[ToldPack]) -> tuple[dict[str, ToldClaim], list[tuple[int, str]]]:
    """Fold a chain; return the claims by id and the faults as (pack number, what).

    Args:
        packs: Of one bank, oldest first, each well-formed by itself.
    """
    told: dict[str, ToldClaim] = {}
    faults: list[tuple[int, str]] = []
    for pack in packs:
        for number, row in enumerate(pack.adjustments, start=1):
            if what := _adjust(told, row, pack.number):
                faults.append((pack.number, f"row {number} {what}"))
        for row in pack.claims:
            told.setdefault(row["claim_id"], _claim(row, pack.number))
        for row in pack.touches:
            claim = told.get(row["claim_id"])
            if claim is not None and claim.issued_in_pack == pack.number:
                claim.contacts[contact_text(row)] += 1
    return told, faults


def _claim(row: Row, number: int) -> ToldClaim:
    facts = {name: row[name] for name in FACTS}
    facts |= {FEE: row[FEE], STANDING: CLAIMED, ELIGIBILITY: ELIGIBLE, OPENING: "reported"}
    return ToldClaim(row["claim_id"], row["bank_reference"], number, row["currency"], facts)


def _adjust(told: Mapping[str, ToldClaim], row: Row, pack_number: int) -> str | None:
    """Apply one adjustment; return what is wrong with it, if anything."""
    claim = told.get(row["claim_id"])
    if claim is None:
        return "adjusts a claim that no earlier pack holds"
    if row["issued_in_pack"] != str(claim.issued_in_pack):
        return f"says pack {row['issued_in_pack']}, the claim was put in {claim.issued_in_pack}"
    if (row["bank_reference"], row["currency"]) != (claim.bank_reference, claim.currency):
        return "has another reference or currency than its claim"
    if not claim.is_open:
        return f"adjusts a claim that was {claim.facts[STANDING]} already"
    name, before, after = row["field"], row["before"], row["after"]
    change = int(row["fee_change_cents"])
    expected = 0
    if name == CONTACT:
        if before and not claim.contacts[before]:
            return "takes a contact back that nobody told"
        claim.contacts.subtract([before] if before else [])
        claim.contacts.update([after] if after else [])
    elif name == PERSON:
        if claim.person is not None and before != claim.person:
            return "has another person before than was told"
        claim.person = after
    else:
        if before != claim.facts[name]:
            return f"says {name} was {before[:40]}, the bank was told {claim.facts[name][:40]}"
        if name == FEE and not re.fullmatch("[0-9]{1,18}", after):
            return "says a fee that is no whole number"
        if name == FEE:
            expected = int(after) - int(before)
        elif name == STANDING and after != CLAIMED:
            expected = -claim.fee_cents
        claim.facts[name] = after
    if change != expected:
        return f"changes the fee by {change}, which doesn't follow from it ({expected})"
    return None
