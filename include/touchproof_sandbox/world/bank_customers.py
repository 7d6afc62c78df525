"""What a bank has written down of a person who opened an account there.

Belongs here: the bank's own spelling of name, birth date, postcode, e-mail and phone. Doesn't
belong here: how often it differs (mess.py), the file that it is sent in (flat_files.py).

A person is the same customer in every file: the differences depend on seed and person alone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from touchproof_sandbox.world.names import LAST_NAMES, LETTERS, NICKNAMES, PLACES_CA, PLACES_US
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream

_POSTCODE_LETTERS = "ABCEGHJKLMNPRSTVWXYZ"


@dataclass(frozen=True)
class BankCustomer:
    """Hold a customer as the bank knows it; empty or None where it knows nothing."""

    first_name: str
    last_name: str
    birth_date: date | None
    postal_code: str
    email: str
    phone: str


def bank_customer(seed: int, people: People, person: int) -> BankCustomer:
    """Return the bank's record of a person.

    Args:
        seed: The world's seed.
        people: The people of the same seed.
        person: The person's number.
    """
    rng, mess = stream(seed, "bank-customer", person), people.mess
    draws = dict(zip(_DRAWS, rng.random(len(_DRAWS)).tolist(), strict=True))
    first, last = people.first_names[person], people.last_names[person]
    birth: date | None = people.birth_dates[person]
    if draws["nickname"] < mess.nickname and first in NICKNAMES:
        first = NICKNAMES[first][int(rng.integers(0, len(NICKNAMES[first])))]
    if draws["married"] < mess.married:
        other = LAST_NAMES[int(rng.integers(0, len(LAST_NAMES)))]
        last = f"{last}-{other}" if rng.random() < 0.4 else other
    if draws["accents"] < mess.accents_lost:
        first, last = _plain(first), _plain(last)
    if draws["no_birth"] < mess.no_birth:
        birth = None
    elif birth is not None and draws["swapped"] < mess.swapped_birth and birth.day <= 12:
        birth = date(birth.year, birth.day, birth.month)
    code = people.postal_codes[person]
    if draws["moved"] < mess.moved:
        code = _other_postcode(rng, people, person)
    customer = BankCustomer(
        first, last, birth, code, _email(people, person, draws), _phone(rng, people, person, draws)
    )
    return _with_slip(rng, customer) if draws["typo"] < mess.typo else customer


_DRAWS = ("nickname", "married", "accents", "no_birth", "swapped", "moved", "email", "shared",
          "phone", "typo")  # fmt: skip


def _email(people: People, person: int, draws: dict[str, float]) -> str:
    """Return the address that the bank knows: mostly ours, sometimes another or none."""
    mess, draw = people.mess, draws["email"]
    partner = int(people.partner[person])
    if partner >= 0 and draws["shared"] < mess.shared_email:
        return people.emails[int(people.app_address[partner])][partner]
    if draw < mess.no_email:
        return ""
    ours = int(people.app_address[person])
    wants_other = draw < mess.no_email + mess.other_email
    return people.emails[1 - ours if wants_other and people.has_second_email[person] else ours][
        person
    ]


def _phone(rng: np.random.Generator, people: People, person: int, draws: dict[str, float]) -> str:
    mess, draw = people.mess, draws["phone"]
    other = f"+1556{int(rng.integers(0, 10_000_000)):07d}"
    if draw < mess.no_phone:
        return ""
    return other if draw < mess.no_phone + mess.other_phone else people.phones[person]


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.translate(LETTERS))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _other_postcode(rng: np.random.Generator, people: People, person: int) -> str:
    """Return a postcode of the same country, half of the time of the same town."""
    number, letter = int(rng.integers(0, 100)), int(rng.integers(0, len(_POSTCODE_LETTERS)))
    places = PLACES_CA if people.is_canadian[person] else PLACES_US
    prefix = people.postal_codes[person][:3]
    if rng.random() < 0.5:
        prefix = places[int(rng.integers(0, len(places)))][2]
    if people.is_canadian[person]:
        return f"{prefix} {number // 10}{_POSTCODE_LETTERS[letter]}{number % 10}"
    return f"{prefix}{number:02d}"


def _with_slip(rng: np.random.Generator, customer: BankCustomer) -> BankCustomer:
    """Return the customer with one slip of the pen somewhere."""
    where = ("first_name", "last_name", "last_name", "birth_date", "email")[int(rng.integers(0, 5))]
    if where == "birth_date":
        if customer.birth_date is None:
            return customer
        days = (1, -1, 10, -10)[int(rng.integers(0, 4))]
        return replace(customer, birth_date=customer.birth_date + timedelta(days=days))
    if where == "email":
        name, _, domain = customer.email.partition("@")
        return replace(customer, email=f"{_slip(rng, name)}@{domain}" if domain else "")
    if where == "first_name":
        return replace(customer, first_name=_slip(rng, customer.first_name))
    return replace(customer, last_name=_slip(rng, customer.last_name))


def _slip(rng: np.random.Generator, text: str) -> str:
    """Return a text with a letter dropped, doubled, wrong, or swapped with the next."""
    if len(text) < 3:
        return text
    at, kind = int(rng.integers(1, len(text) - 1)), int(rng.integers(0, 4))
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    if kind == 2:
        wrong = "abcdefghijklmnoprstuvwz"[int(rng.integers(0, 23))]
        return text[:at] + wrong + text[at + 1 :]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
