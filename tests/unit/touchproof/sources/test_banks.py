"""Bank files are read by their YAML: adding a bank needs no code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from touchproof.errors import ConfigurationError
from touchproof.sources.arrivals import placed
from touchproof.sources.banks import (
    MAPPINGS_FOLDER,
    SCHEMA,
    bank_sources,
    load_mapping,
    read_openings,
)
from touchproof.sources.faults import StructuralFaultError

LIMIT = 1_000_000
MAPLE_HEADER = (
    "reference;produit;date_ouverture;courriel;prenom;nom;date_naissance;code_postal;jeton;"
    "client_existant;solde;telephone\n"
)
NORTHLAKE_HEADER = (
    "reference,product_code,opened_at,customer_email,first_name,last_name,birth_date,zip,"
    "referral_token,existing_customer,opening_balance,customer_phone\n"
)


def maple(tmp_path: Path, rows: str) -> list[dict[str, Any]]:
    path = tmp_path / "ouvertures_20260301.txt"
    path.write_bytes((MAPLE_HEADER + rows).encode("latin-1"))
    table = read_openings(load_mapping(MAPPINGS_FOLDER / "maple.yml"), path, LIMIT)
    assert table.schema == SCHEMA
    return table.to_pylist()


def test_a_maple_row_becomes_the_common_columns(tmp_path: Path) -> None:
    row = (
        "M1;EPARGNE;02.03.2026;zoe@example.test;Zoé;Côté;31.12.1980;H2X 1Y4;;O;1 234,50;"
        "5145550000\n"
    )
    assert maple(tmp_path, row) == [
        {
            "reference": "M1",
            "product_line": "savings",
            "opened_at": "2026-03-02",
            "is_date_only": "true",
            "email": "zoe@example.test",
            "first_name": "Zoé",
            "last_name": "Côté",
            "birth_date": "1980-12-31",
            "postal_code": "H2X 1Y4",
            "referral_token": "",
            "existing_customer": "yes",
            "balance": "1234.50",
            "currency": "CAD",
            "phone": "5145550000",
            "email_hash": "",
            "phone_hash": "",
            "hash_key_id": "",
            "matched_row_id": "",
            "control_total": "",
        }
    ]


def test_a_northlake_row_becomes_the_common_columns(tmp_path: Path) -> None:
    path = tmp_path / "openings_20260301.csv"
    path.write_text(
        NORTHLAKE_HEADER
        + "N1,CHK,2026-03-01T23:59:59Z,a@example.test,Ann,Lee,1990-05-06,02139,tok,,10.00,\n"
    )
    table = read_openings(load_mapping(MAPPINGS_FOLDER / "northlake.yml"), path, LIMIT)
    row = table.to_pylist()[0]
    assert row["opened_at"] == "2026-03-01T23:59:59Z"
    assert (row["product_line"], row["is_date_only"], row["currency"]) == (
        "checking",
        "false",
        "USD",
    )
    assert (row["existing_customer"], row["postal_code"], row["balance"]) == ("", "02139", "10.00")


def test_what_the_mapping_cannot_convert_stays_as_sent_for_the_gate(tmp_path: Path) -> None:
    row = maple(tmp_path, "M1;OR;31.02.2026;;;;;;;peut-etre;douze;\n")[0]
    assert (row["product_line"], row["opened_at"]) == ("OR", "31.02.2026")
    assert (row["existing_customer"], row["balance"]) == ("peut-etre", "douze")


def test_a_bank_that_sends_hashes_leaves_out_names_and_addresses(
    tmp_path: Path, mapping: dict[str, Any]
) -> None:
    columns = ["reference", "product_code", "opened_at", "mail_hash", "existing_customer"]
    columns += ["referral_token", "opening_balance"]
    mapping["layout"]["columns"] = columns
    for name in ("email", "first_name", "last_name", "birth_date", "postal_code", "phone"):
        del mapping["columns"][name]
    mapping["columns"]["email_hash"] = "mail_hash"
    (tmp_path / "hashing.yml").write_text(yaml.safe_dump(mapping))
    file = tmp_path / "openings_20260301.csv"
    file.write_text(",".join(columns) + "\nN1,SAV,2026-03-01T00:00:00Z,ab12,N,,1.00\n")
    [row] = read_openings(load_mapping(tmp_path / "hashing.yml"), file, LIMIT).to_pylist()
    assert (row["email_hash"], row["email"], row["last_name"]) == ("ab12", "", "")


def test_a_wrong_header_of_a_bank_file_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "ouvertures_20260301.txt"
    path.write_bytes(b"reference;produit\nM1;PRET\n")
    with pytest.raises(StructuralFaultError) as raised:
        read_openings(load_mapping(MAPPINGS_FOLDER / "maple.yml"), path, LIMIT)
    assert raised.value.rule == "wrong_header"


def test_a_new_bank_is_one_yaml_and_no_code(tmp_path: Path, mapping: dict[str, Any]) -> None:
    mapping |= {"bank_id": "pinecrest", "bank_name": "Pinecrest"}
    mapping["layout"]["delimiter"] = "|"
    mapping["file_pattern"] = r"pinecrest-(?P<date>\d{8})\.psv"
    (tmp_path / "pinecrest.yml").write_text(yaml.safe_dump(mapping))
    [source] = bank_sources(tmp_path)
    entity = source.entities[0]
    assert [one.entity for one in source.entities] == ["openings", "statements", "remittances"]
    assert (source.name, entity.raw_table) == ("bank_pinecrest", "bank_pinecrest__openings")
    place = placed(source.entities, "pinecrest-20260301.psv")
    assert place is not None
    assert place[1].start == date(2026, 3, 1)
    file = tmp_path / "pinecrest-20260301.psv"
    file.write_text(
        "|".join(mapping["layout"]["columns"]) + "\nH1|TRF|2026-03-01T00:00:00Z|||||||||\n"
    )
    assert entity.reader is not None
    assert entity.reader(file, LIMIT).column("product_line").to_pylist() == ["transfer"]


@pytest.fixture
def mapping() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((MAPPINGS_FOLDER / "northlake.yml").read_text())
    return content


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda m: m.pop("currency"), "currency"),
        (lambda m: m.update(colour="blue"), "colour"),
        (lambda m: m["layout"].update(encoding="utf-16"), "encoding"),
        (lambda m: m["layout"].update(format="odt"), "layout"),
        (lambda m: m["columns"].update(email="mail"), "mail"),
        (lambda m: m["columns"].pop("balance"), "balance"),
        (lambda m: m.update(file_pattern="openings.csv"), "date"),
        (lambda m: m.update(file_pattern="(("), "file_pattern"),
        (lambda m: m["product_codes"].update(X="gold"), "product_codes.X"),
        (lambda m: m["layout"]["columns"].append("reference"), "twice"),
        (lambda m: m.update(implied_decimals=-1), "implied_decimals"),
        (lambda m: m.update(thousands_mark="."), "thousands_mark"),
    ],
)
def test_a_wrong_mapping_is_refused_in_one_sentence_that_names_file_and_field(
    tmp_path: Path, mapping: dict[str, Any], change: Callable[[dict[str, Any]], Any], named: str
) -> None:
    change(mapping)
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(mapping))
    with pytest.raises(ConfigurationError) as raised:
        bank_sources(tmp_path)
    assert "wrong.yml" in str(raised.value)
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_mapping_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text("bank_id: x\n  header: [\n")
    with pytest.raises(ConfigurationError, match=r"wrong\.yml, line 2"):
        bank_sources(tmp_path)


def test_two_mappings_of_one_bank_are_refused(tmp_path: Path, mapping: dict[str, Any]) -> None:
    for name in ("one.yml", "two.yml"):
        (tmp_path / name).write_text(yaml.safe_dump(mapping))
    with pytest.raises(ConfigurationError, match="northlake"):
        bank_sources(tmp_path)
