"""The terms with the banks as a file: what in them contradicts itself, and where.

Belongs here: checks that need the file's line numbers, made before a build. Doesn't belong here:
what the terms say (seeds/skips/bank_terms.csv, bank_match_settings.csv), what follows from them
(int_skip_rules_failed).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from pathlib import Path

from touchproof.errors import ConfigurationError
from touchproof.settings import PROJECT_ROOT

_FOLDER = PROJECT_ROOT / "dbt_project" / "seeds" / "skips"
TERMS_SEED = _FOLDER / "bank_terms.csv"
SETTINGS_SEED = _FOLDER / "bank_match_settings.csv"
PROVING = ("click", "scan", "visit", "form_submit", "response")
"""Interactions that can prove a contact; int_skip_contacts_qualified has the reasons."""
_FOR_EVER = date.max
_Line = tuple[int, dict[str, str]]


def check_terms(path: Path = TERMS_SEED) -> None:
    """Refuse terms that contradict each other or themselves.

    Raises:
        ConfigurationError: With one sentence that names the line or the two lines, counted from
            the header as line 1.
    """
    lines = list(_lines(path))
    for fault in (*_faults_alone(lines), *_faults_together(lines)):
        raise ConfigurationError(
            fault, where=path.name, todo="Correct the terms, then build again."
        )


def banks_without_basis(path: Path = SETTINGS_SEED) -> dict[str, str]:
    """Return, for each bank whose data we may not use, the sentence that says so."""
    return {
        row["bank_id"]: (
            f"The bank {row['bank_id']} has no legal basis for the data that it shares"
            f" ({path.name}, line {number}): nothing of it is loaded or matched."
        )
        for number, row in _lines(path)
        if not row["legal_basis"].strip()
    }


def _lines(path: Path) -> Iterator[_Line]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, row


def _faults_alone(lines: list[_Line]) -> Iterator[str]:
    for number, row in lines:
        begins, ends = _period(row)
        if ends <= begins:
            yield f"Line {number} ends before it begins: {_words(row)}"
        if row["is_fee_lawful"] == "false" and int(row["fee_cents"]) > 0:
            yield f"Line {number} names a fee that is not lawful: {_words(row)}"
        interactions = row["qualifying_interactions"].split("|")
        unknown = sorted(set(interactions) - set(PROVING))
        if unknown:
            yield f"Line {number} counts {unknown[0]!r}, which proves no contact: {_words(row)}"


def _faults_together(lines: list[_Line]) -> Iterator[str]:
    for (one, left), (other, right) in combinations(lines, 2):
        if left["bank_id"] != right["bank_id"]:
            continue
        places = f"Lines {one} and {other}"
        if left["product_line"] == right["product_line"]:
            if left["fee_kind"] != right["fee_kind"]:
                yield f"{places} give one product two kinds of fee: {_words(left)}"
            elif _period(left)[0] < _period(right)[1] and _period(right)[0] < _period(left)[1]:
                yield f"{places} overlap: {_words(left)}"
        same_clause = all(left[name] == right[name] for name in ("contract_version", "clause"))
        if same_clause and left["product_line"] == right["product_line"]:
            yield f"{places} say different things by one clause: {_words(left)}"
        same_contract = left["contract_version"] == right["contract_version"]
        if same_contract and left["currency"] != right["currency"]:
            yield f"{places} pay in two currencies by one contract: {_words(left)}"


def _period(row: dict[str, str]) -> tuple[date, date]:
    ends = row["valid_to_date"]
    return (
        date.fromisoformat(row["valid_from_date"]),
        date.fromisoformat(ends) if ends else _FOR_EVER,
    )


def _words(row: dict[str, str]) -> str:
    return f"{row['bank_id']}, {row['product_line']}, {row['contract_version']} {row['clause']}"
