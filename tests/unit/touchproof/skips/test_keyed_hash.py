"""Rule: a bank's hashes are made with its key of the day, the same in Python and in SQL."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from touchproof.dbt_plugin import keyed_hash_macro
from touchproof.errors import ConfigurationError
from touchproof.settings import Settings
from touchproof.skips.keyed_hash import (
    HashKey,
    given_secrets,
    key_on,
    keyed_hash,
    read_keys,
    secrets_of,
)
from touchproof.sources.banks import MAPPINGS_FOLDER, load_mapping

KEYS = (
    HashKey("northlake", "nl-1", date(2025, 1, 1), date(2026, 1, 1)),
    HashKey("northlake", "nl-2", date(2026, 1, 1), None),
)


def test_a_key_holds_from_its_first_day_to_before_its_last() -> None:
    assert key_on("northlake", date(2025, 12, 31), KEYS).key_id == "nl-1"
    assert key_on("northlake", date(2026, 1, 1), KEYS).key_id == "nl-2"
    with pytest.raises(ConfigurationError, match="northlake has no hash key on 2024-12-31"):
        key_on("northlake", date(2024, 12, 31), KEYS)


def test_every_bank_of_the_seed_has_a_key_today() -> None:
    banks = {load_mapping(path).bank_id for path in MAPPINGS_FOLDER.glob("*.yml")}
    assert {key.bank_id for key in read_keys() if key.holds_on(date.today())} == banks


@pytest.mark.parametrize("length", [16, 32, 64, 65, 100])
def test_sql_hashes_as_python_does(length: int) -> None:
    secrets = {"a-1": bytes(range(length)), "b-1": b"another secret, also long"}
    with duckdb.connect() as connection:
        connection.execute(keyed_hash_macro(secrets))
        rows = connection.execute(
            "select keyed_hash('a-1', 'email', 'zoë@x.example'), keyed_hash('b-1', 'phone', '+1'),"
            " keyed_hash('c-1', 'phone', '+1'), keyed_hash('a-1', 'email', null)"
        ).fetchall()
    assert rows == [
        (
            keyed_hash(secrets["a-1"], "email", "zoë@x.example"),
            keyed_hash(secrets["b-1"], "phone", "+1"),
            None,
            None,
        )
    ]


def test_a_key_without_a_secret_gets_one_of_our_own_that_differs_from_key_to_key() -> None:
    made = secrets_of(Settings(world="tiny"), KEYS)
    assert made["nl-1"] != made["nl-2"]
    given = Settings(world="tiny", bank_hash_keys=json.dumps({"nl-2": "ab" * 32}))
    assert secrets_of(given, KEYS) == made | {"nl-2": bytes.fromhex("ab" * 32)}


@pytest.mark.parametrize("text", ["nonsense", '{"a": "xyz"}', '{"a": 1}', '["a"]', '{"a": "abcd"}'])
def test_a_wrong_setting_is_refused_without_its_value(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        given_secrets(Settings(world="tiny", bank_hash_keys=text))
    assert "TOUCHPROOF_BANK_HASH_KEYS" in str(raised.value)
    assert "abcd" not in str(raised.value)
