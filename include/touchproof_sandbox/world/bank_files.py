"""The files of a day in which the banks report who opened a product directly.

Belongs here: what each bank writes of a customer, and its ways of writing it. Doesn't belong here:
what happened (bank_openings.py), whom the bank thinks it knows (bank_customers.py), the bytes of a
layout (bank_formats.py).

A bank that sends hashes makes them with its key of the first day of the world; a pretend world's
keys come from the settings, as the pipeline's do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from touchproof.settings import Settings
from touchproof.skips.keyed_hash import Kind, key_on, keyed_hash, read_keys, secrets_of
from touchproof.skips.normalise import normalise_email, normalise_phone
from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.bank_customers import BankCustomer, bank_customer
from touchproof_sandbox.world.bank_formats import Value, bank_mappings, file_name, openings_bytes
from touchproof_sandbox.world.campaigns import PRODUCT_LINES
from touchproof_sandbox.world.files import gzip_bytes
from touchproof_sandbox.world.flat_files import messy_email
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.records import BankOpening, Day

_PACKED = frozenset({"bank_northlake", "bank_laurent"})


def bank_files(seed: int, people: People, day: Day) -> dict[str, dict[str, bytes]]:
    """Return the files of each bank that reported openings, by bank and file name."""
    found: dict[str, dict[str, bytes]] = {}
    for source, mapping in bank_mappings().items():
        openings = [opening for opening in day.openings if opening.bank_id == source]
        if not openings:
            continue
        content = openings_bytes(mapping, [_row(seed, people, one) for one in openings])
        name = file_name(mapping.file_pattern, calendar.date_of(day.day))
        if source in _PACKED:
            name, content = f"{name}.gz", gzip_bytes(content)
        found[source] = {name: content}
    return found


def _row(seed: int, people: People, opening: BankOpening) -> Mapping[str, Value]:
    """Return an opening by our columns, spelled as its bank spells."""
    customer = bank_customer(seed, people, opening.person)
    mapping = bank_mappings()[opening.bank_id]
    at = datetime.fromtimestamp(opening.at, UTC)
    # A bank's own calendar day, as it writes days only; the pretend one lives by UTC.
    row: dict[str, Value] = {
        "reference": opening.reference,
        "product_line": PRODUCT_LINES[opening.product],
        "opened_at": at.date() if mapping.opened_at.is_date_only else at,
        "email": messy_email(customer.email, opening.variant) if customer.email else None,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "birth_date": customer.birth_date,
        "postal_code": customer.postal_code,
        "referral_token": opening.token,
        "existing_customer": opening.existing,
        "balance": Decimal(opening.balance_cents).scaleb(-2),
        "phone": customer.phone,
    }
    habit = _HABITS.get(opening.bank_id)
    return {**row, **habit(customer, opening)} if habit else row


def _northlake(customer: BankCustomer, opening: BankOpening) -> dict[str, Value]:
    last_name, phone = customer.last_name, customer.phone
    return {
        "last_name": last_name.upper() if opening.variant % 9 == 0 else last_name,
        "phone": f"({phone[2:5]}) {phone[5:8]}-{phone[8:]}" if phone else "",
    }


def _maple(customer: BankCustomer, _: BankOpening) -> dict[str, Value]:
    return {"phone": customer.phone.removeprefix("+1")}


def _harbor(customer: BankCustomer, _: BankOpening) -> dict[str, Value]:
    return {
        "first_name": customer.first_name.upper(),
        "last_name": customer.last_name.upper(),
        "phone": customer.phone.removeprefix("+"),
    }


def _laurent(customer: BankCustomer, _: BankOpening) -> dict[str, Value]:
    return {
        "email_hash": _hashed("laurent", "email", normalise_email(customer.email)),
        "phone_hash": _hashed("laurent", "phone", normalise_phone(customer.phone)),
        "hash_key_id": _key("laurent")[0],
    }


_HABITS: Mapping[str, Callable[[BankCustomer, BankOpening], dict[str, Value]]] = {
    "bank_northlake": _northlake,
    "bank_maple": _maple,
    "bank_harbor": _harbor,
    "bank_laurent": _laurent,
}


@cache
def _key(bank_id: str) -> tuple[str, bytes]:
    """Return id and secret of a bank's key on the world's first day."""
    keys = read_keys()
    key_id = key_on(bank_id, calendar.date_of(0), keys).key_id
    return key_id, secrets_of(Settings(), keys)[key_id]


def _hashed(bank_id: str, kind: Kind, normalised: str | None) -> str | None:
    return keyed_hash(_key(bank_id)[1], kind, normalised) if normalised else None
