"""How registered people open products in the app, and the commission that follows.

Belongs here: applications, openings, accruals and claw-backs. Doesn't belong here: what banks
report (bank_openings.py).
"""

from __future__ import annotations

import numpy as np

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.bank_openings import BankVisit, bank_record, open_at_bank
from touchproof_sandbox.world.campaigns import DIRECT, PRODUCT_LINES
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.outcomes import DayOutcomes, Today, causes_of
from touchproof_sandbox.world.people import APP_DEVICE, People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import BANK_CLICK, LOGIN, LedgerEntry
from touchproof_sandbox.world.state import EFFECTS, RELEVANCE, State

_OPEN_BASE = np.array([0.0012, 0.0010, 0.0005, 0.0009])
_FRESH_DAYS, _FRESH_BOOST = 3, 22.0
_SKIP_SHARE = 0.13
"""How many of those who would open a product with us go to the bank itself."""
_TOKEN_SHARE = 0.25
"""How many of these go there over a link of ours, which carries a token."""
_OTHER_BANKS = {"US": ("bank_cedar", "bank_mesa"), "CA": ("bank_rivage", "bank_boreal")}
"""Banks whose products the app sells and that report no openings of their own."""


def open_products(
    seed: int, today: Today, people: People, state: State, drafts: SessionDrafts, out: DayOutcomes
) -> None:
    """Let registered people apply for products, most in the app, some at the bank itself."""
    rng = stream(seed, "open", today.day)
    draws = rng.random((len(PRODUCT_LINES), people.count))
    who = np.flatnonzero(state.registered > 0)
    if not len(who):
        return
    since = (calendar.epoch_of(today.day) - state.registered[who]) // calendar.DAY_SECONDS
    boost = np.where(since < _FRESH_DAYS, _FRESH_BOOST, 1.0)
    moved = np.einsum("lc,pc->lp", RELEVANCE * EFFECTS, state.exposure[who])
    chance = people.needs[:, who] * (_OPEN_BASE[:, None] * boost + moved)
    chance = chance * ~(state.owned[:, who] | state.at_bank[:, who])
    margin = np.where(draws[:, who] < chance, draws[:, who] / np.maximum(chance, 1e-12), 2.0)
    product = margin.argmin(axis=0)
    for index in np.flatnonzero(margin.min(axis=0) < 1.0):
        person, line = int(who[index]), int(product[index])
        earliest = max(int(today.last_touch[person]), int(state.registered[person]))
        floor = calendar.epoch_of(today.day)
        applied = max(earliest, floor + int(calendar.second_of_day(rng, 1)[0]))
        applied += int(rng.integers(60, 600))
        effects, base = EFFECTS * RELEVANCE[line], _OPEN_BASE[line] * boost[index]
        device = APP_DEVICE if state.has_install[person] and rng.random() < 0.85 else 0
        if rng.random() < _SKIP_SHARE:
            visit = BankVisit(
                person, line, applied, base, effects, has_token=rng.random() < _TOKEN_SHARE
            )
            if visit.has_token:
                drafts.add(person, applied - 60, DIRECT, device=device, flags=BANK_CLICK)
            open_at_bank(rng, people, state, out, visit)
            continue
        drafts.add(person, applied - 45, DIRECT, device=device, flags=LOGIN)
        account = f"acc_{today.day:04d}{index:06d}{line}"
        state.owned[line, person] = True
        out.causes.extend(causes_of("app_opening", account, base, effects, state, person))
        _sell(rng, people, state, account, person, line, applied)


def book_what_is_due(day: int, state: State, out: DayOutcomes) -> None:
    """Move the day's ledger entries and bank reports out of the schedule."""
    out.ledger.extend(state.due_entries.pop(day, []))
    out.openings.extend(state.due_openings.pop(day, []))


def _sell(
    rng: np.random.Generator,
    people: People,
    state: State,
    account: str,
    person: int,
    line: int,
    applied: int,
) -> None:
    """Schedule the opening of a product sold in the app and the commission that follows."""
    country = people.country(person)
    consortium = rng.random() < 0.15
    bank = people.bank(person) if consortium else _OTHER_BANKS[country][person % 2]
    name = PRODUCT_LINES[line]
    opened = applied + int(rng.integers(300, 2400))
    if name == "loan":
        opened = applied + int(rng.integers(1, 5)) * calendar.DAY_SECONDS
    opening_day = (opened - calendar.epoch_of(0)) // calendar.DAY_SECONDS
    entries = [LedgerEntry("opening", account, person, line, bank, opened, 0, applied)]
    for at, cents in _accruals(rng, name, opened):
        entries.append(LedgerEntry("accrual", account, person, line, bank, at, cents, applied))
    if name != "transfer" and rng.random() < 0.05:
        at = opened + int(rng.integers(20, 55)) * calendar.DAY_SECONDS
        earned = sum(entry.cents for entry in entries if entry.cents > 0 and entry.at < at)
        back = earned if rng.random() < 0.7 else earned // 2
        if back:
            entries.append(
                LedgerEntry("claw_back", account, person, line, bank, at, -back, applied)
            )
    for entry in entries:
        due = (entry.at - calendar.epoch_of(0)) // calendar.DAY_SECONDS
        state.due_entries.setdefault(int(due), []).append(entry)
    if consortium:
        state.is_bank_customer[person] = True
        visit = BankVisit(person, line, opened, 0.0, EFFECTS)
        opening = bank_record(rng, people, state, visit, "sold_through_app")
        state.due_openings.setdefault(int(opening_day), []).append(opening)


def _accruals(rng: np.random.Generator, name: str, opened: int) -> list[tuple[int, int]]:
    """Return times and cents of the commissions of one account."""
    later = opened + int(rng.integers(1, 4)) * calendar.DAY_SECONDS
    if name == "savings":
        first = int(rng.integers(4500, 11_000))
        monthly = int(rng.integers(150, 600))
        return [(later, first)] + [
            (later + month * 30 * calendar.DAY_SECONDS, monthly) for month in (1, 2, 3)
        ]
    if name == "checking":
        return [(later, int(rng.integers(3000, 8000)))]
    if name == "loan":
        lent = int(rng.integers(20, 250)) * 10_000
        return [(later, lent * 12 // 1000)]
    times = int(rng.integers(1, 7))
    return [
        (opened + (1 + turn * 14) * calendar.DAY_SECONDS, int(rng.integers(200, 900)))
        for turn in range(times)
    ]
