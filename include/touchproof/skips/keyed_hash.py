"""Hashes that only the holder of a bank's key can make: HMAC-SHA256 of a normalised value.

Belongs here: the hash, which keys a bank has had and when, and the published test vectors. Doesn't
belong here: the normal form (normalise.py), the same hash in SQL (dbt_plugin.py).

What is hashed is `<kind>:<normalised value>`, in UTF-8, so that a phone is never an e-mail. A key
is named by its id and holds from a day to before another; a hash is written `<key id>:<64 hex>`.
"""

from __future__ import annotations

import csv
import hmac
import json
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal

from touchproof.errors import ConfigurationError
from touchproof.settings import PROJECT_ROOT, Settings

Kind = Literal["email", "phone", "name_birth_postcode", "row"]
KEYS_SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "skips" / "bank_hash_keys.csv"
_VARIABLE = "TOUCHPROOF_BANK_HASH_KEYS"
_LEAST_BYTES = 16


@dataclass(frozen=True)
class HashKey:
    """Name one key of a bank and the days for which it holds; the secret is shown to nobody."""

    bank_id: str
    key_id: str
    valid_from: date
    valid_to: date | None

    def holds_on(self, day: date) -> bool:
        """Tell whether the key is the bank's on this day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def keyed_hash(key: bytes, kind: Kind, normalised: str) -> str:
    """Return HMAC-SHA256 (RFC 2104) of a kind and a normalised value, 64 hex digits."""
    return hmac.new(key, f"{kind}:{normalised}".encode(), sha256).hexdigest()


def read_keys(path: Path = KEYS_SEED) -> tuple[HashKey, ...]:
    """Return all keys of the seed, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            HashKey(
                row["bank_id"],
                row["key_id"],
                date.fromisoformat(row["valid_from_date"]),
                date.fromisoformat(row["valid_to_date"]) if row["valid_to_date"] else None,
            )
            for row in csv.DictReader(file)
        )


def key_on(bank_id: str, day: date, keys: tuple[HashKey, ...] | None = None) -> HashKey:
    """Return the key that a bank has on a day.

    Raises:
        ConfigurationError: If the bank has none on that day.
    """
    for key in read_keys() if keys is None else keys:
        if key.bank_id == bank_id and key.holds_on(day):
            return key
    raise ConfigurationError(
        f"The bank {bank_id} has no hash key on {day}",
        where="seeds/skips/bank_hash_keys.csv",
        todo="Add its key's id and days; the secret comes by TOUCHPROOF_BANK_HASH_KEYS.",
    )


def given_secrets(settings: Settings) -> dict[str, bytes]:
    """Return the secrets that the setting `bank_hash_keys` holds: JSON, key id to hexadecimal.

    Raises:
        ConfigurationError: If it isn't such JSON or a secret is shorter than 16 bytes.
    """
    if settings.bank_hash_keys is None:
        return {}
    try:
        told: dict[str, str] = json.loads(settings.bank_hash_keys.get_secret_value())
        found = {name: bytes.fromhex(text) for name, text in told.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "The banks' hash keys aren't JSON of key ids and hexadecimal secrets",
            where=_VARIABLE,
            todo='Write {"northlake-1": "<64 hex digits>"}.',
        ) from error
    short = sorted(name for name, secret in found.items() if len(secret) < _LEAST_BYTES)
    if short:
        raise ConfigurationError(
            f"The hash key {short[0]} is shorter than {_LEAST_BYTES} bytes", where=_VARIABLE
        )
    return found


def secrets_of(settings: Settings, keys: tuple[HashKey, ...]) -> dict[str, bytes]:
    """Return the secret of each key by its id.

    A key without a secret of its own is made from the pseudonym key: good for hashing what a bank
    sends plainly, unknown to the bank, and so never matched by hashes that a bank made.

    Raises:
        ConfigurationError: As `given_secrets`, and if the production world has no pseudonym key.
    """
    given, own = given_secrets(settings), settings.require_pseudonym_key()
    return {
        key.key_id: given.get(key.key_id)
        or hmac.new(own, f"bank key:{key.key_id}".encode(), sha256).digest()
        for key in keys
    }
