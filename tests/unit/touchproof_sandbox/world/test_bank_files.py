"""Every bank's openings are read back by its own mapping, whatever the format."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from touchproof.settings import Settings
from touchproof.skips.keyed_hash import keyed_hash, read_keys, secrets_of
from touchproof.skips.normalise import normalise_email
from touchproof.sources.banks import read_openings
from touchproof_sandbox.world.bank_customers import bank_customer
from touchproof_sandbox.world.bank_files import bank_files
from touchproof_sandbox.world.bank_formats import bank_mappings
from touchproof_sandbox.world.campaigns import PRODUCT_LINES
from touchproof_sandbox.world.people import BANKS, People, make_people
from touchproof_sandbox.world.records import BankOpening, Day
from touchproof_sandbox.world.simulation import Simulation

SEED = 11


@pytest.fixture(scope="module")
def people() -> People:
    return make_people(SEED, 8000)


@pytest.fixture(scope="module")
def days(people: People) -> list[Day]:
    return list(Simulation(SEED, people).days(40))


def test_every_bank_serves_people_and_has_a_mapping(people: People) -> None:
    assert {bank for shares in BANKS.values() for bank in shares} == set(bank_mappings())
    assert set(people.banks) == set(bank_mappings())
    for country, shares in BANKS.items():
        assert {people.bank(who) for who in range(300) if people.country(who) == country} <= set(
            shares
        )


@pytest.mark.parametrize("source", list(bank_mappings()))
def test_what_a_bank_writes_is_read_back_to_the_cent(
    tmp_path: Path, people: People, days: list[Day], source: str
) -> None:
    written: dict[str, BankOpening] = {}
    rows = []
    for day in days:
        for name, content in bank_files(SEED, people, day).get(source, {}).items():
            (tmp_path / name).write_bytes(content)
            written |= {one.reference: one for one in day.openings if one.bank_id == source}
            found = read_openings(bank_mappings()[source], tmp_path / name, 10**7).to_pylist()
            total = "" if bank_mappings()[source].layout.format == "delimited" else len(found)
            assert {row["control_total"] for row in found} == {str(total)}
            rows += found
    assert len(rows) > 5
    assert sorted(row["reference"] for row in rows) == sorted(written)
    for row in rows:
        opening = written[row["reference"]]
        customer = bank_customer(SEED, people, opening.person)
        assert row["product_line"] == PRODUCT_LINES[opening.product]
        assert Decimal(row["balance"]) == Decimal(opening.balance_cents) / 100
        assert row["existing_customer"] == opening.existing
        assert row["referral_token"] == opening.token
        assert row["birth_date"] == (customer.birth_date.isoformat() if customer.birth_date else "")
        assert row["last_name"].casefold() == customer.last_name.casefold()
        assert len(row["opened_at"]) == (10 if row["is_date_only"] == "true" else 20)


def test_the_hashing_bank_sends_hashes_that_our_key_makes_and_nothing_in_clear(
    tmp_path: Path, people: People, days: list[Day]
) -> None:
    secret = secrets_of(Settings(), read_keys())["laurent-1"]
    for day in days:
        openings = {one.reference: one for one in day.openings if one.bank_id == "bank_laurent"}
        for name, content in bank_files(SEED, people, day).get("bank_laurent", {}).items():
            (tmp_path / name).write_bytes(content)
            table = read_openings(bank_mappings()["bank_laurent"], tmp_path / name, 10**7)
            for row in table.to_pylist():
                customer = bank_customer(SEED, people, openings[row["reference"]].person)
                assert row["email"] == row["phone"] == ""
                email = normalise_email(customer.email)
                assert row["email_hash"] == (keyed_hash(secret, "email", email) if email else "")


def test_the_same_seed_writes_the_same_bytes_in_every_format(
    people: People, days: list[Day]
) -> None:
    def digest() -> str:
        found = hashlib.sha256()
        for day in days[:20]:
            for named in bank_files(SEED, people, day).values():
                for name, content in sorted(named.items()):
                    found.update(name.encode() + content)
        return found.hexdigest()

    assert digest() == digest()
