"""What a bank gets to match on its own side: the script, the test vectors and our hashed list.

Belongs here: the kit's files. Doesn't belong here: the script itself (blind_match.py), how matches
come back (a column of the bank's openings file, see sources/banks.py).

The list holds keyed hashes and an opaque id a person, in the order of the hashes: without the key
it says nothing, and with it only whom the bank already knows.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from touchproof.errors import BadInputError, ConfigurationError
from touchproof.settings import PROJECT_ROOT, Settings
from touchproof.skips import blind_match
from touchproof.skips.keyed_hash import HashKey, Kind, given_secrets, key_on, keyed_hash
from touchproof.skips.normalise import name_birth_postcode, normalise_email, normalise_phone
from touchproof.skips.terms_seed import SETTINGS_SEED, banks_without_basis
from touchproof.warehouse import connect_warehouse, warehouse_lock

VECTORS = PROJECT_ROOT / "docs" / "test_vectors.json"
LIST_FILE = "our_hashes.csv"
_PRIVATE = 0o600
Identified = tuple[str, Kind, str]
"""Person id, kind and value, not hashed."""

_README = """Blind matching with {bank}

1. Install Python 3.9 or later and `pip install duckdb`.
2. python blind_match.py --check test_vectors.json
3. Put the shared key ({key_id}), which you got apart from this folder, into key.hex.
4. python blind_match.py --ours {list_file} --customers openings.csv \\
       --key-file key.hex --key-id {key_id} --out matches.csv
   `python blind_match.py --help` and the file's first lines tell the columns.
5. Add matched_row_id and hash_key_id of matches.csv to the openings file that you send us, by
   reference, and send the matched openings only. No name, address or birth date leaves you.

{list_file} holds {rows} hashes of {persons} persons, normalisation version {version}, as of {day}.
Delete it once you have matched.
"""


@dataclass(frozen=True)
class KitReport:
    """Count what a kit holds."""

    out: str
    bank_id: str
    key_id: str
    persons: int
    hashes: int


def write_kit(settings: Settings, bank_id: str, out: Path, day: date) -> KitReport:
    """Write a bank's kit from the warehouse as it was last built.

    Persons who refuse analytics aren't on the list.

    Args:
        settings: The world.
        bank_id: A bank of the seed bank_match_settings.
        out: Gets the files; made if missing.
        day: The day whose key of the bank hashes.

    Raises:
        BadInputError: If the warehouse hasn't been built.
        ConfigurationError: If the bank has no legal basis, no key on that day, or no secret.
    """
    key, secret = _key(settings, bank_id, day)
    if not settings.paths.warehouse.exists():
        raise BadInputError("There is no warehouse to list people from", todo="Run a night first.")
    with warehouse_lock(
        settings.paths.warehouse_lock, "blind kit", timeout_seconds=settings.lock_timeout_seconds
    ):
        connection = connect_warehouse(settings.paths.warehouse)
        try:
            known = list(_known(connection))
        finally:
            connection.close()
    rows = hashed_list(known, secret)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(blind_match.__file__, out / "blind_match.py")
    shutil.copyfile(VECTORS, out / VECTORS.name)
    _write(out / LIST_FILE, rows)
    persons = len({row_id for _, _, row_id in rows})
    readme = _README.format(
        bank=bank_id, key_id=key.key_id, list_file=LIST_FILE, rows=f"{len(rows):,}",
        persons=f"{persons:,}", version=blind_match.NORMALISATION_VERSION, day=day,
    )  # fmt: skip
    (out / "README.txt").write_text(readme, encoding="utf-8")
    return KitReport(str(out), bank_id, key.key_id, persons, len(rows))


def hashed_list(known: Iterable[Identified], secret: bytes) -> list[tuple[str, str, str]]:
    """Return kind, hash and the person's opaque row id, sorted by hash."""
    return sorted(
        {
            (kind, keyed_hash(secret, kind, value), keyed_hash(secret, "row", person_id))
            for person_id, kind, value in known
        },
        key=lambda row: (row[1], row[2]),
    )


def _key(settings: Settings, bank_id: str, day: date) -> tuple[HashKey, bytes]:
    without = banks_without_basis()
    if bank_id in without:
        raise ConfigurationError(without[bank_id], where=SETTINGS_SEED.name)
    key = key_on(bank_id, day)
    secret = given_secrets(settings).get(key.key_id)
    if secret is None:
        raise ConfigurationError(
            f"The key {key.key_id} has no secret that the bank could share",
            where="TOUCHPROOF_BANK_HASH_KEYS",
            todo="Agree on 32 random bytes with the bank and set them there.",
        )
    return key, secret


def _known(connection: duckdb.DuckDBPyConnection) -> Iterator[Identified]:
    allowed = (
        "anti join (select person_id from intermediate.int_consents_current"
        " where analytics_state = 'opted_out') as refusing using (person_id)"
    )
    emails = connection.execute(
        "select distinct person_id, identifier from intermediate.int_person_identifiers"  # noqa: S608
        f" {allowed} where identifier_type = 'email'"
    ).fetchall()
    for person_id, text in emails:
        if email := normalise_email(text):
            yield person_id, "email", email
    people = connection.execute(
        "select person_id, first_name, last_name, birth_date, postal_code, phone"  # noqa: S608
        f" from intermediate.int_skip_people_described {allowed}"
    ).fetchall()
    for person_id, first, last, birth, code, text in people:
        if phone := normalise_phone(text):
            yield person_id, "phone", phone
        if whole := name_birth_postcode(first, last, birth, code):
            yield person_id, "name_birth_postcode", whole


def _write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("kind", "hash", "row_id"))
        writer.writerows(rows)
