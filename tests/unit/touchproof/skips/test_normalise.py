"""Rule: a value has one normal form, here, in SQL, in the bank's script and in the vectors."""

from __future__ import annotations

import json
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from touchproof.settings import PROJECT_ROOT
from touchproof.skips import blind_match
from touchproof.skips.keyed_hash import keyed_hash
from touchproof.skips.normalise import (
    LETTERS,
    NORMALISATION_VERSION,
    name_birth_postcode,
    normalise_birth_date,
    normalise_email,
    normalise_name,
    normalise_phone,
    normalise_postcode,
)

VECTORS: dict[str, Any] = json.loads((PROJECT_ROOT / "docs" / "test_vectors.json").read_text())
MACROS = PROJECT_ROOT / "dbt_project" / "macros" / "dialect" / "names.sql"
PLAIN_LETTERS = [
    chr(code)
    for code in range(0x20, 0x10000)
    if not 0xD800 <= code < 0xE000
    and unicodedata.normalize("NFKD", chr(code)) == unicodedata.normalize("NFD", chr(code))
]


def normalised(kind: str, values: dict[str, str]) -> str | None:
    if kind == "email":
        return normalise_email(values["email"])
    if kind == "phone":
        return normalise_phone(values["phone"])
    return name_birth_postcode(**values)


def in_sql(macro: str, texts: list[str]) -> list[str | None]:
    """Return what a macro of dbt's dialect folder makes of texts."""
    environment = Environment(autoescape=False)  # noqa: S701 - SQL, not HTML
    module: Any = environment.from_string(MACROS.read_text()).module
    expression = str(getattr(module, macro)("told"))
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {expression} from (select unnest(?::varchar[]) as told)", [texts]
        ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: str(v["given"]))
def test_the_published_vectors_come_out(vector: dict[str, Any]) -> None:
    assert VECTORS["normalisation_version"] == NORMALISATION_VERSION
    form = normalised(vector["kind"], vector["given"])
    assert form == vector["normalised"]
    key = bytes.fromhex(VECTORS["key_hex"])
    assert (keyed_hash(key, vector["kind"], form) if form else None) == vector["hash"]


def test_the_bank_s_script_passes_the_vectors_and_finds_a_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(VECTORS))
    assert blind_match.check(path) == 0
    changed = json.loads(path.read_text())
    changed["vectors"][0]["hash"] = "0" * 64
    path.write_text(json.dumps(changed))
    assert blind_match.check(path) == 1


@given(st.text(max_size=30))
def test_the_bank_s_script_has_the_library_s_forms(text: str) -> None:
    assert blind_match.name_form(text) == (normalise_name(text) or "")
    assert blind_match.email_form(text) == (normalise_email(text) or "")
    assert blind_match.phone_form(text) == (normalise_phone(text) or "")
    assert blind_match.postcode_form(text) == (normalise_postcode(text) or "")
    assert blind_match.birth_form(text) == (normalise_birth_date(text) or "")


@given(st.from_regex(r"\+?[0-9 ()\-/.]{3,22}", fullmatch=True))
def test_the_bank_s_script_has_the_library_s_phones(text: str) -> None:
    assert blind_match.phone_form(text) == (normalise_phone(text) or "")


def test_both_copies_know_the_same_letters() -> None:
    assert str.maketrans(LETTERS) == blind_match.LETTERS
    assert blind_match.NORMALISATION_VERSION == NORMALISATION_VERSION


def test_sql_has_the_same_form_of_names_for_every_letter_without_a_compatible_one() -> None:
    names = [f"A{letter}b" for letter in PLAIN_LETTERS]
    expected = [normalise_name(name) for name in names]
    found = in_sql("normalised_name", names)
    assert [one for one in zip(names, found, expected, strict=True) if one[1] != one[2]] == []


def test_sql_has_the_same_phones_and_postcodes() -> None:
    phones = [
        "(555) 123-4567", "+1 555 123 4567", "0033 1 23 45 67 89", "+5145550000", " +5145550000",
        "12345", "", "1234567890123456", "00123", "abc",
    ]  # fmt: skip
    assert in_sql("normalised_phone", phones) == [normalise_phone(text) for text in phones]
    codes = ["10001-1234", "h2x 1y4", "10001", "", "--", "100011234", "1000-11234"]
    assert in_sql("normalised_postcode", codes) == [normalise_postcode(text) for text in codes]


@given(st.text(max_size=30))
def test_a_normal_form_stays_as_it_is(text: str) -> None:
    for normalise in (normalise_email, normalise_name, normalise_phone, normalise_postcode):
        form = normalise(text)
        assert form is None or normalise(form) == form


def test_a_birth_date_is_a_date_or_nothing() -> None:
    assert normalise_birth_date(date(1980, 2, 3)) == "1980-02-03"
    assert normalise_birth_date(None) is None
    assert normalise_birth_date("1980-02-30") is None
