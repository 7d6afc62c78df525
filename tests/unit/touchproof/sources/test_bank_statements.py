"""A bank's statements and remittances are read by its YAML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from touchproof.errors import ConfigurationError
from touchproof.sources.bank_statements import (
    REASONS,
    REMITTANCE_SCHEMA,
    STATEMENT_SCHEMA,
    WORDS,
    NumberFormat,
    number_text,
)
from touchproof.sources.banks import MAPPINGS_FOLDER, bank_sources, load_mapping

LIMIT = 1_000_000
BANKS = {source.name: source for source in bank_sources()}


def read(bank: str, entity: str, path: Path) -> list[dict[str, Any]]:
    [found] = [one for one in BANKS[bank].entities if one.entity == entity]
    assert found.reader is not None
    table = found.reader(path, LIMIT)
    assert table.schema == found.schema
    return table.to_pylist()


def test_a_maple_statement_becomes_the_common_columns_and_its_lines_are_numbered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "releve_20260505.txt"
    path.write_bytes(
        "no_releve;date_releve;reference;statut;montant;motif\n"
        "R1;05.05.2026;ML-1;ACCEPTE;1 055,00;\n"
        "R1;05.05.2026;ML-2;REFUSE;;CLIENT\n"
        "R2;05.05.2026;ML-3;REFUSE;;BIZARRE\n".encode("latin-1")
    )
    rows = read("bank_maple", "statements", path)
    assert rows[0] == {
        "statement_id": "R1",
        "line_number": "1",
        "statement_date": "2026-05-05",
        "claim_id": "",
        "reference": "ML-1",
        "status": "accepted",
        "amount": "1055.00",
        "currency": "CAD",
        "reason_code": "",
    }
    assert [(row["statement_id"], row["line_number"]) for row in rows] == [
        ("R1", "1"),
        ("R1", "2"),
        ("R2", "1"),
    ]
    assert [row["reason_code"] for row in rows] == ["", "existing_customer", "other"]


def test_a_northlake_remittance_settles_many_claims_in_one_payment(tmp_path: Path) -> None:
    path = tmp_path / "remittance_20260506.csv"
    path.write_text(
        "payment_id,line,value_date,claim_id,reference,amount,payment_total\n"
        "P1,1,2026-05-06,clm_1,NL-1,50.00,110.00\n"
        "P1,2,2026-05-06,,NL-2,60.00,110.00\n"
    )
    first, second = read("bank_northlake", "remittances", path)
    assert (first["claim_id"], first["amount"], first["payment_amount"]) == (
        "clm_1",
        "50.00",
        "110.00",
    )
    assert (second["claim_id"], second["reference"], second["currency"]) == ("", "NL-2", "USD")


def test_a_status_that_the_mapping_does_not_know_stays_as_sent_for_the_gate(
    tmp_path: Path,
) -> None:
    path = tmp_path / "statement_20260506.csv"
    path.write_text(
        "statement_id,line,statement_date,claim_id,reference,status,amount,reason\n"
        "S1,1,06/05/2026,clm_1,NL-1,MAYBE,fifty,\n"
    )
    (row,) = read("bank_northlake", "statements", path)
    assert (row["status"], row["amount"], row["statement_date"]) == (
        "MAYBE",
        "fifty",
        "06/05/2026",
    )


def test_every_code_of_the_mappings_is_one_of_our_words() -> None:
    for path in MAPPINGS_FOLDER.glob("*.yml"):
        mapping = load_mapping(path)
        if mapping.statements is not None:
            assert set(mapping.statements.status_codes.values()) <= set(WORDS)
            assert set(mapping.statements.reason_codes.values()) <= {*REASONS, ""}
    assert STATEMENT_SCHEMA.names[1] == REMITTANCE_SCHEMA.names[1] == "line_number"


@pytest.mark.parametrize(
    ("mark", "thousands", "implied", "text", "expected"),
    [
        (",", " ", 0, "1 234,50", "1234.50"),
        (",", " ", 0, "1\u00a0234,50", "1234.50"),
        (".", "", 0, "-12.5", "-12.5"),
        (".", "", 0, "twelve", "twelve"),
        (".", "", 0, "", ""),
        (".", "", 2, "000123456", "1234.56"),
        (".", "", 2, "-5", "-0.05"),
        (".", "", 2, "12.50", "12.50"),
    ],
)
def test_a_number_is_read_by_the_banks_marks(
    mark: str, thousands: str, implied: int, text: str, expected: str
) -> None:
    form = NumberFormat(
        currency="USD", decimal_mark=mark, thousands_mark=thousands, implied_decimals=implied
    )
    assert number_text(form, text) == expected


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda m: m["statements"]["columns"].pop("status"), "status"),
        (lambda m: m["statements"]["columns"].update(colour="line"), "colour"),
        (lambda m: m["statements"]["status_codes"].update(X="maybe"), "status_codes.X"),
        (lambda m: m["statements"]["reason_codes"].update(X="moon"), "reason_codes.X"),
        (lambda m: m["statements"].update(file_pattern="statement.csv"), "date"),
        (lambda m: m["statements"].update(file_pattern="(("), "regular expression"),
        (lambda m: m["remittances"]["layout"]["columns"].append("line"), "twice"),
        (lambda m: m["remittances"]["columns"].update(amount="sum"), "sum"),
        (
            lambda m: [m["remittances"]["columns"].pop(name) for name in ("claim_id", "reference")],
            "claim_id or reference",
        ),
    ],
)
def test_a_wrong_section_is_refused_in_one_sentence_that_names_it(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], named: str
) -> None:
    mapping = yaml.safe_load((MAPPINGS_FOLDER / "northlake.yml").read_text())
    change(mapping)
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(mapping))
    with pytest.raises(ConfigurationError) as raised:
        bank_sources(tmp_path)
    assert "wrong.yml" in str(raised.value)
    assert named in str(raised.value)


def test_a_bank_may_not_answer_yet(tmp_path: Path) -> None:
    mapping = yaml.safe_load((MAPPINGS_FOLDER / "northlake.yml").read_text())
    del mapping["statements"], mapping["remittances"]
    (tmp_path / "silent.yml").write_text(yaml.safe_dump(mapping))
    [source] = bank_sources(tmp_path)
    assert [entity.entity for entity in source.entities] == ["openings"]
