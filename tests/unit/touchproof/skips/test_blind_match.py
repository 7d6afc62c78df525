"""Rule: a bank matches on its own side with one file, and only matches leave it."""

from __future__ import annotations

import ast
import csv
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from touchproof.errors import BadInputError, ConfigurationError
from touchproof.settings import Settings
from touchproof.skips import blind_match
from touchproof.skips.blind_kit import hashed_list, write_kit
from touchproof.skips.keyed_hash import keyed_hash

SECRET = bytes(range(32))
DAY = date(2026, 6, 1)
CUSTOMERS = """reference,email,phone,first_name,last_name,birth_date,postal_code
B1, ANN@example.com,,Anna,Other,1990-01-01,
B2,,(555) 123-4567,,,,
B3,,,JEAN LUC,Lévesque,1980-02-03,h2x 1y4
B4,shared@example.com,,,,,
B5,nobody@example.com,,No,Body,1970-01-01,10001
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return a world whose warehouse holds four people, one of whom refuses analytics."""
    keys = json.dumps({"northlake-1": SECRET.hex()})
    made = Settings(data_dir=tmp_path / "data", world="tiny", bank_hash_keys=keys)
    made.paths.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(made.paths.warehouse)) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.int_person_identifiers as select * from (values"
            " ('per_ann', 'email', 'ann@example.com'), ('per_ann', 'cookie', '1.2'),"
            " ('per_one', 'email', 'shared@example.com'), ('per_two', 'email',"
            " 'shared@example.com'), ('per_no', 'email', 'nobody@example.com'))"
            " as rows(person_id, identifier_type, identifier)"
        )
        connection.execute(
            "create table intermediate.int_skip_people_described as select * from (values"
            " ('per_jean', 'jeanluc', 'levesque', date '1980-02-03', 'H2X1Y4', '+15551234567'),"
            " ('per_no', 'no', 'body', date '1970-01-01', '10001', null))"
            " as rows(person_id, first_name, last_name, birth_date, postal_code, phone)"
        )
        connection.execute(
            "create table intermediate.int_consents_current as"
            " select 'per_no' as person_id, 'opted_out' as analytics_state"
        )
    return made


def test_the_kit_alone_finds_whom_both_know_and_writes_nothing_else(
    settings: Settings, tmp_path: Path
) -> None:
    kit = tmp_path / "kit"
    report = write_kit(settings, "northlake", kit, DAY)
    assert (report.persons, report.hashes, report.key_id) == (4, 5, "northlake-1")
    names = {"blind_match.py", "test_vectors.json", "our_hashes.csv", "README.txt"}
    assert {path.name for path in kit.iterdir()} == names
    for path in kit.iterdir():
        text = path.read_text()
        assert SECRET.hex() not in text or path.name == "test_vectors.json"
        assert "per_ann" not in text
        assert "levesque" not in path.read_text() or path.name == "test_vectors.json"
    (kit / "key.hex").write_text(SECRET.hex())
    (kit / "openings.csv").write_text(CUSTOMERS)
    run = [sys.executable, "-I", "blind_match.py"]
    subprocess.run([*run, "--check", "test_vectors.json"], cwd=kit, check=True)
    arguments = ["--ours", "our_hashes.csv", "--customers", "openings.csv", "--key-file"]
    ended = subprocess.run(
        [*run, *arguments, "key.hex", "--key-id", "northlake-1", "--out", "matches.csv"],
        cwd=kit, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.stdout == "5 customers, 3 matches, 1 undecided.\n"
    with (kit / "matches.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    ann, jean = keyed_hash(SECRET, "row", "per_ann"), keyed_hash(SECRET, "row", "per_jean")
    assert rows == [
        ["reference", "matched_row_id", "match_tier", "hash_key_id"],
        ["B1", ann, "2", "northlake-1"],
        ["B2", jean, "2", "northlake-1"],
        ["B3", jean, "3", "northlake-1"],
    ]


def test_another_key_matches_nobody(tmp_path: Path) -> None:
    ours = tmp_path / "ours.csv"
    rows = hashed_list([("per_ann", "email", "ann@example.com")], SECRET)
    ours.write_text("kind,hash,row_id\n" + "".join(",".join(row) + "\n" for row in rows))
    customers = tmp_path / "customers.csv"
    customers.write_text(CUSTOMERS)
    out = tmp_path / "out.csv"
    assert blind_match.match(ours, customers, SECRET, "k", out) == (5, 1, 0)
    assert blind_match.match(ours, customers, b"x" * 32, "k", out) == (5, 0, 0)


def test_the_script_needs_duckdb_and_the_standard_library_only() -> None:
    tree = ast.parse(Path(blind_match.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - {"duckdb", "__future__"} <= set(sys.stdlib_module_names)
    assert "duckdb" in imported


def test_a_kit_needs_a_shared_secret_a_bank_with_a_key_and_a_warehouse(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="maple-1 has no secret"):
        write_kit(settings, "maple", tmp_path / "kit", DAY)
    with pytest.raises(ConfigurationError, match="pinecrest has no hash key"):
        write_kit(settings, "pinecrest", tmp_path / "kit", DAY)
    settings.paths.warehouse.unlink()
    with pytest.raises(BadInputError, match="no warehouse"):
        write_kit(settings, "northlake", tmp_path / "kit", DAY)
