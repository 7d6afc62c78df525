"""What people do after they met us: register, open products, or go to the bank instead.

Belongs here: the chances of each outcome, its planted causes and the money that follows.
Doesn't belong here: the contacts before it (contacts.py) or how it is written down (renderers).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import CAMPAIGNS, DIRECT, PRODUCT_LINES, numbers_of
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.people import APP_DEVICE, People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import (
    BANK_CLICK,
    LOGIN,
    SIGN_UP,
    BankOpening,
    Cause,
    ConsentEvent,
    LedgerEntry,
    Registration,
)
from touchproof_sandbox.world.state import EFFECTS, RELEVANCE, State

CONTACT_WINDOW_SECONDS = 90 * calendar.DAY_SECONDS
"""How long a contact counts before a bank opening in the planted truth."""

_REGISTER_BASE = 0.0011
_OPEN_BASE = np.array([0.0012, 0.0010, 0.0005, 0.0009])
_FRESH_DAYS, _FRESH_BOOST = 3, 22.0
_SKIP_SHARE = 0.13
_SKIP_PULL = 0.10
_BANK_BASE = 0.000045
_OTHER_BANKS = {"US": ("bank_harbor", "bank_summit"), "CA": ("bank_aurore", "bank_laurent")}
_TV = numbers_of("tv")


@dataclass
class DayOutcomes:
    """Collect what one day leads to."""

    registrations: list[Registration] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    consents: list[ConsentEvent] = field(default_factory=list)
    openings: list[BankOpening] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    session_flags: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Today:
    """Hold what a day's outcomes look back on: each person's last touch and its device."""

    day: int
    last_touch: NDArray[np.int64]
    last_device: NDArray[np.int64]


def register(
    seed: int, today: Today, people: People, state: State, drafts: SessionDrafts, out: DayOutcomes
) -> None:
    """Let people register in the app or on the web."""
    rng = stream(seed, "register", today.day)
    need = people.needs.mean(axis=0)
    chance = need * (_REGISTER_BASE + state.exposure @ EFFECTS)
    fires = (state.registered == 0) & (rng.random(people.count) < chance)
    seconds = calendar.second_of_day(rng, people.count)
    columns = drafts.columns()
    position_of = _newest_positions(columns, today.last_touch)
    for number, person in enumerate(np.flatnonzero(fires)):
        touched = int(today.last_touch[person])
        at = (touched or calendar.epoch_of(today.day) + int(seconds[person])) + int(
            rng.integers(60, 800)
        )
        in_app = bool(people.app_platform[person] > 0 and rng.random() < 0.55)
        device = int(today.last_device[person]) if touched else 0
        identifier = f"reg_{today.day:04d}{number:05d}"
        state.registered[person] = at
        state.is_known[person] = True
        state.consents_email[person] = rng.random() < 0.78
        if in_app:
            state.has_install[person] = True
            drafts.add(person, at - 50, DIRECT, device=APP_DEVICE, flags=SIGN_UP)
            device = device if rng.random() < 0.6 else -1
        elif touched:
            out.session_flags[position_of[int(person)]] = SIGN_UP
        else:
            drafts.add(person, at - 400, DIRECT, device=device, flags=SIGN_UP)
        seen = in_app and device >= 0 and not touched
        if seen and state.device_sessions[device, person] == 0:
            device = -1
        remembers = bool(state.exposure[person, _TV].sum() > 0.5 and rng.random() < 0.5)
        registration = Registration(
            identifier, int(person), at, in_app, device, int(state.last_origin[person]), remembers
        )
        out.registrations.append(registration)
        out.causes.extend(
            _causes("registration", identifier, _REGISTER_BASE, EFFECTS, state, person)
        )
        out.consents.extend(_first_consents(people, state, registration))


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
    moved = (RELEVANCE * EFFECTS) @ state.exposure[who].T
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
        if rng.random() < _SKIP_SHARE:
            _open_at_bank(rng, today.day, people, state, out, person, line, applied, "contact")
            continue
        device = APP_DEVICE if state.has_install[person] and rng.random() < 0.85 else 0
        drafts.add(person, applied - 45, DIRECT, device=device, flags=LOGIN)
        account = f"acc_{today.day:04d}{index:06d}{line}"
        state.owned[line, person] = True
        out.causes.extend(_causes("app_opening", account, base, effects, state, person))
        _sell(rng, today.day, people, state, account, person, line, applied)


def go_to_the_bank(
    seed: int, today: Today, people: People, state: State, drafts: SessionDrafts, out: DayOutcomes
) -> None:
    """Let people open an account directly at the consortium bank of their country."""
    rng = stream(seed, "bank", today.day)
    interest = (state.exposure @ EFFECTS) * (state.registered == 0)
    chance = _BANK_BASE * np.where(state.is_bank_customer, 3.0, 1.0) + _SKIP_PULL * interest
    lines = rng.integers(0, len(PRODUCT_LINES), people.count)
    draws = rng.random(people.count)
    blocked = (state.owned | state.at_bank)[lines, np.arange(people.count)]
    chance = chance * people.needs[lines, np.arange(people.count)]
    seconds = calendar.second_of_day(rng, people.count)
    for person in np.flatnonzero(~blocked & (draws < chance)):
        touched = int(today.last_touch[person])
        at = (touched or calendar.epoch_of(today.day) + int(seconds[person])) + int(
            rng.integers(120, 1200)
        )
        kind = "contact" if draws[person] < _SKIP_PULL * interest[person] else "own"
        token = kind == "contact" and bool(touched) and rng.random() < 0.2
        if token:
            drafts.add(person, at - 100, DIRECT, flags=BANK_CLICK)
        line = int(lines[person])
        _open_at_bank(rng, today.day, people, state, out, int(person), line, at, kind, token)


def book_what_is_due(day: int, state: State, out: DayOutcomes) -> None:
    """Move the day's ledger entries and bank reports out of the schedule."""
    out.ledger.extend(state.due_entries.pop(day, []))
    out.openings.extend(state.due_openings.pop(day, []))


def change_consents(seed: int, day: int, people: People, state: State, out: DayOutcomes) -> None:
    """Let a few registered people change their mind about e-mails in the app."""
    rng = stream(seed, "consent", day)
    draws = rng.random(people.count)
    seconds = calendar.second_of_day(rng, people.count)
    settled = (state.registered > 0) & (state.registered < calendar.epoch_of(day))
    leaves = settled & state.consents_email & (draws < 0.0008)
    returns = settled & ~state.consents_email & (draws < 0.0004)
    for changes, name in ((leaves, "opted_out"), (returns, "opted_in")):
        for person in np.flatnonzero(changes):
            at = calendar.epoch_of(day) + int(seconds[person])
            event = ConsentEvent(int(person), "email", name, at, "app_settings")
            out.consents.append(event)
    state.consents_email = (state.consents_email & ~leaves) | returns


def _newest_positions(
    columns: dict[str, NDArray[np.int64]], last_touch: NDArray[np.int64]
) -> dict[int, int]:
    newest = np.flatnonzero(columns["started"] == last_touch[columns["person"]])
    return {int(columns["person"][position]): int(position) for position in newest}


def _causes(
    kind: str,
    conversion: str,
    base: float,
    effects: NDArray[np.float64],
    state: State,
    person: int,
) -> list[Cause]:
    parts = state.exposure[person] * effects
    total = float(base + parts.sum())
    shares = [
        Cause(kind, conversion, CAMPAIGNS[number].code, round(float(parts[number]) / total, 9))
        for number in np.flatnonzero(parts / total >= 1e-6)
    ]
    return [*shares, Cause(kind, conversion, "baseline", 1.0 - sum(c.share for c in shares))]


def _first_consents(people: People, state: State, registration: Registration) -> list[ConsentEvent]:
    person, at = registration.person, registration.at
    wanted = {
        "email": bool(state.consents_email[person]),
        "analytics": not people.refuses_analytics[person],
    }
    if registration.in_app:
        wanted["push"] = person % 3 != 0
    if person % 5 == 0:
        wanted["sms"] = person % 2 == 0
    return [
        ConsentEvent(person, channel, "opted_in" if yes else "opted_out", at + 5, "registration")
        for channel, yes in wanted.items()
    ]


def _sell(
    rng: np.random.Generator,
    day: int,
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
        opening = _bank_record(
            rng, day, people, state, person, line, opened, "sold_through_app", False
        )
        state.due_openings.setdefault(int(opening_day), []).append(opening)


def _accruals(rng: np.random.Generator, name: str, opened: int) -> list[tuple[int, int]]:
    """Return times and cents of the commissions of one account."""
    later = opened + int(rng.integers(1, 4)) * calendar.DAY_SECONDS
    if name == "savings":
        first = int(rng.integers(3500, 8500))
        monthly = int(rng.integers(120, 420))
        return [(later, first)] + [
            (later + month * 30 * calendar.DAY_SECONDS, monthly) for month in (1, 2, 3)
        ]
    if name == "checking":
        return [(later, int(rng.integers(2000, 6000)))]
    if name == "loan":
        lent = int(rng.integers(20, 250)) * 10_000
        return [(later, lent * 9 // 1000)]
    times = int(rng.integers(1, 7))
    return [
        (opened + (1 + turn * 14) * calendar.DAY_SECONDS, int(rng.integers(120, 640)))
        for turn in range(times)
    ]


def _open_at_bank(
    rng: np.random.Generator,
    day: int,
    people: People,
    state: State,
    out: DayOutcomes,
    person: int,
    line: int,
    at: int,
    kind: str,
    token: bool = False,
) -> None:
    first, last = int(state.first_contact[person]), int(state.last_contact[person])
    if state.is_bank_customer[person]:
        why = "existing_customer"
    elif first == 0 or first >= at:
        why = "never_contacted"
    elif last < at - CONTACT_WINDOW_SECONDS:
        why = "contact_too_old"
    else:
        why = "contacted_first"
    opening = _bank_record(rng, day, people, state, person, line, at, why, token)
    out.openings.append(opening)
    state.at_bank[line, person] = True
    state.is_bank_customer[person] = True
    base = _BANK_BASE if kind == "own" else 0.0
    if kind == "own" or state.exposure[person].sum() == 0:
        out.causes.append(
            Cause("bank_opening", f"{opening.bank_id}:{opening.reference}", "baseline", 1.0)
        )
    else:
        name = f"{opening.bank_id}:{opening.reference}"
        out.causes.extend(_causes("bank_opening", name, base + 1e-9, EFFECTS, state, person))


def _bank_record(
    rng: np.random.Generator,
    day: int,
    people: People,
    state: State,
    person: int,
    line: int,
    at: int,
    why: str,
    token: bool,
) -> BankOpening:
    was_customer = why == "existing_customer"
    draw = rng.random()
    existing = ("yes" if was_customer else "no") if draw < (0.95 if was_customer else 0.85) else ""
    number = int(rng.integers(0, 1_000_000))
    return BankOpening(
        bank_id=people.bank(person),
        reference=f"{'NL' if people.bank(person) == 'bank_northlake' else 'ML'}-{day:04d}{person:07d}{line}-{number % 97:02d}",
        person=person,
        product=line,
        at=at,
        existing=existing,
        token=f"TPR-{people.recipients[0][person][4:12].upper()}" if token else "",
        why=why,
        first_contact=int(state.first_contact[person]),
        last_contact=int(state.last_contact[person]),
        is_known_to_us=bool(state.is_known[person]),
        balance_cents=int(rng.integers(0, 900_000)),
        variant=int(rng.integers(0, 1000)),
    )
