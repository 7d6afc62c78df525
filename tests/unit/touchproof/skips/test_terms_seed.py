"""Rule: contradictory terms stop the build, and the sentence names the lines."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from touchproof.errors import ConfigurationError
from touchproof.skips.terms_seed import SETTINGS_SEED, TERMS_SEED, banks_without_basis, check_terms

ROWS = list(csv.DictReader(TERMS_SEED.open(encoding="utf-8", newline="")))


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_the_terms_of_the_project_agree() -> None:
    check_terms()
    assert banks_without_basis() == {}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"valid_to_date": "2026-05-02"}, "Lines 2 and 3 overlap: northlake, savings, 2025-1 4.1"),
        ({"valid_to_date": ""}, "Lines 2 and 3 overlap"),
        ({"valid_to_date": "2025-01-01"}, "Line 2 ends before it begins"),
        ({"fee_kind": "bonus"}, "Lines 2 and 3 give one product two kinds of fee"),
        ({"currency": "EUR"}, "Lines 2 and 4 pay in two currencies by one contract"),
        ({"contract_version": "2026-1"}, "Lines 2 and 3 say different things by one clause"),
        ({"is_fee_lawful": "false"}, "Line 2 names a fee that is not lawful"),
        (
            {"qualifying_interactions": "click|view"},
            "Line 2 counts 'view', which proves no",
        ),
    ],
    ids=str,
)
def test_a_contradiction_names_its_lines(
    tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    path = write(tmp_path / "bank_terms.csv", [ROWS[0] | changes, *ROWS[1:]])
    with pytest.raises(ConfigurationError) as raised:
        check_terms(path)
    assert str(raised.value).startswith(sentence)
    assert "bank_terms.csv" in str(raised.value)


def test_a_bank_without_a_legal_basis_is_named(tmp_path: Path) -> None:
    rows = list(csv.DictReader(SETTINGS_SEED.open(encoding="utf-8", newline="")))
    path = write(tmp_path / "settings.csv", [rows[0], rows[1] | {"legal_basis": " "}])
    assert banks_without_basis(path) == {
        "maple": "The bank maple has no legal basis for the data that it shares (settings.csv,"
        " line 3): nothing of it is loaded or matched."
    }
