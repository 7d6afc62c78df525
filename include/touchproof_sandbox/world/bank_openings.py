"""Accounts that people open at the consortium banks, and why each is or isn't a skip.

Belongs here: openings without us and the record that the bank keeps of any opening. Doesn't belong
here: products sold in the app (selling.py) and the banks' file formats (flat_files.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import DIRECT, PRODUCT_LINES
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.outcomes import DayOutcomes, Today, causes_of
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import BANK_CLICK, BankOpening, Cause
from touchproof_sandbox.world.state import EFFECTS, State

CONTACT_WINDOW_SECONDS = 90 * calendar.DAY_SECONDS
"""How long a contact counts before a bank opening in the planted truth."""

_SKIP_PULL = 0.10
"""Part of the campaigns' effect that sends people to the bank without registering with us."""
_BANK_BASE = 0.000045
_TOKEN_SHARE = 0.2
"""How many whom a campaign sent to the bank went there over a link of ours."""
_REFERENCE_PREFIX = {
    "bank_northlake": "NL",
    "bank_maple": "ML",
    "bank_harbor": "HT",
    "bank_summit": "SN",
    "bank_aurore": "CA",
    "bank_laurent": "BL",
}


@dataclass(frozen=True)
class BankVisit:
    """Describe one account opened at the person's consortium bank.

    `is_own_idea` says that no campaign caused it, `has_token` that our link led there. `base` is
    the chance that the person had without any campaign, `effects` what exposure adds to it.
    """

    person: int
    product: int
    at: int
    base: float
    effects: NDArray[np.float64]
    is_own_idea: bool = False
    has_token: bool = False


def go_to_the_bank(
    seed: int, today: Today, people: People, state: State, drafts: SessionDrafts, out: DayOutcomes
) -> None:
    """Let people who have no app user open an account directly at their country's bank."""
    rng = stream(seed, "bank", today.day)
    interest = state.pull() * (state.registered == 0)
    chance = _BANK_BASE * np.where(state.is_bank_customer, 3.0, 1.0) + _SKIP_PULL * interest
    lines = rng.integers(0, len(PRODUCT_LINES), people.count)
    draws = rng.random(people.count)
    everyone = np.arange(people.count)
    blocked = (state.owned | state.at_bank)[lines, everyone]
    chance = chance * people.needs[lines, everyone]
    seconds = calendar.second_of_day(rng, people.count)
    for person in np.flatnonzero(~blocked & (draws < chance)).tolist():
        touched = int(today.last_touch[person])
        start = touched or calendar.epoch_of(today.day) + int(seconds[person])
        at = start + int(rng.integers(120, 1200))
        is_own_idea = bool(draws[person] >= _SKIP_PULL * interest[person])
        has_token = not is_own_idea and rng.random() < _TOKEN_SHARE
        if has_token:
            drafts.add(person, at - 100, DIRECT, flags=BANK_CLICK)
        visit = BankVisit(
            person, int(lines[person]), at, _BANK_BASE, EFFECTS, is_own_idea, has_token
        )
        open_at_bank(rng, people, state, out, visit)


def open_at_bank(
    rng: np.random.Generator, people: People, state: State, out: DayOutcomes, visit: BankVisit
) -> None:
    """Open an account at the bank and note what it truly is and what caused it."""
    person = visit.person
    first, last = int(state.first_contact[person]), int(state.last_contact[person])
    if state.is_bank_customer[person]:
        why = "existing_customer"
    elif first == 0 or first >= visit.at:
        why = "never_contacted"
    elif last < visit.at - CONTACT_WINDOW_SECONDS:
        why = "contact_too_old"
    else:
        why = "contacted_first"
    opening = bank_record(rng, people, state, visit, why)
    out.openings.append(opening)
    state.at_bank[visit.product, person] = True
    state.is_bank_customer[person] = True
    name = f"{opening.bank_id}:{opening.reference}"
    if visit.is_own_idea or not state.exposure[person].any():
        out.causes.append(Cause("bank_opening", name, "baseline", 1.0))
    else:
        out.causes.extend(causes_of("bank_opening", name, visit.base, visit.effects, state, person))


def bank_record(
    rng: np.random.Generator, people: People, state: State, visit: BankVisit, why: str
) -> BankOpening:
    """Return what the bank's books say about an account, and why it was opened."""
    person, bank = visit.person, people.bank(visit.person)
    was_customer = why == "existing_customer"
    is_known = rng.random() < (0.95 if was_customer else 0.85)
    name = f"{bank}:{person}:{visit.product}:{visit.at}"
    digest = hashlib.blake2s(name.encode(), digest_size=5).hexdigest().upper()
    return BankOpening(
        bank_id=bank,
        reference=f"{_REFERENCE_PREFIX[bank]}-{digest}",
        person=person,
        product=visit.product,
        at=visit.at,
        existing=("yes" if was_customer else "no") if is_known else "",
        token=people.referral_token(person) if visit.has_token else "",
        why=why,
        first_contact=int(state.first_contact[person]),
        last_contact=int(state.last_contact[person]),
        is_known_to_us=bool(state.is_known[person]),
        balance_cents=int(rng.integers(0, 900_000)),
        variant=int(rng.integers(0, 1000)),
    )
