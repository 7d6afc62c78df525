"""The pretend banks answer the packs that were issued to them, the same way every time."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from touchproof.sources.banks import bank_sources
from touchproof_sandbox.world.bank_replies import Claimed, reply_of, write_replies

ISSUED = date(2026, 5, 1)
DAYS = [ISSUED + timedelta(days=number) for number in range(40)]
SOURCES = {source.name: source for source in bank_sources()}


def pack(evidence: Path, bank: str, number: int, claims: int, issued: date = ISSUED) -> None:
    folder = evidence / bank / f"{number:04d}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"issued_at": f"{issued}T05:00:00Z"}))
    with (folder / "claims.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["claim_id", "bank_reference", "fee_cents"])
        writer.writeheader()
        for claim in range(claims):
            name = f"{bank}{number}{claim}"
            writer.writerow(
                {"claim_id": f"clm_{name}", "bank_reference": f"R-{name}", "fee_cents": "5000"}
            )


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a world in which every bank answered packs of 120 claims for forty days."""
    root = tmp_path_factory.mktemp("answered")
    for source in SOURCES:
        bank = source.removeprefix("bank_")
        pack(root / "evidence", bank, 1, 120)
    for day in DAYS:
        write_replies(root / "drops", root / "evidence", 7, day)
    return root


def rows(root: Path, source: str, entity: str) -> list[dict[str, str]]:
    [found] = [one for one in SOURCES[source].entities if one.entity == entity]
    assert found.file_pattern is not None and found.reader is not None
    tables = [
        found.reader(path, 10**6)
        for path in sorted((root / "drops").glob(f"*/{source}/*"))
        if found.file_pattern.fullmatch(path.name)
    ]
    assert tables
    return [row for table in tables for row in table.to_pylist()]


@pytest.mark.parametrize("source", list(SOURCES))
def test_every_file_is_read_back_by_the_banks_own_mapping(answered: Path, source: str) -> None:
    statements = rows(answered, source, "statements")
    assert {row["status"] for row in statements} == {"accepted", "rejected"}
    assert all(row["reason_code"] for row in statements if row["status"] == "rejected")
    for row in rows(answered, source, "remittances"):
        assert row["amount"].replace(".", "").isdigit()
    payments: dict[str, list[dict[str, str]]] = {}
    for row in rows(answered, source, "remittances"):
        payments.setdefault(row["remittance_id"], []).append(row)
    for lines in payments.values():
        total = sum(round(float(line["amount"]) * 100) for line in lines)
        assert {round(float(line["payment_amount"]) * 100) for line in lines} == {total}


def test_one_payment_settles_many_claims_and_some_statements_name_strangers(
    answered: Path,
) -> None:
    counted = Counter(row["remittance_id"] for row in rows(answered, "bank_maple", "remittances"))
    assert max(counted.values()) > 5
    strangers = [
        row for row in rows(answered, "bank_maple", "statements") if row["reference"].endswith("-X")
    ]
    assert strangers


def test_writing_again_changes_no_byte(answered: Path) -> None:
    before = {path: path.read_bytes() for path in answered.rglob("drops/*/*/*")}
    for day in DAYS:
        assert write_replies(answered / "drops", answered / "evidence", 7, day).files == 0
    assert {path: path.read_bytes() for path in answered.rglob("drops/*/*/*")} == before


def test_a_wrong_statement_comes_again_corrected_under_its_own_name(answered: Path) -> None:
    names: dict[str, list[Path]] = {}
    for path in sorted((answered / "drops").glob("*/bank_*/*")):
        names.setdefault(f"{path.parent.name}/{path.name}", []).append(path)
    twice = [paths for paths in names.values() if len(paths) == 2]
    assert twice
    assert all(first.read_bytes() != second.read_bytes() for first, second in twice)


def test_a_pack_is_answered_from_its_day_on_and_no_earlier(tmp_path: Path) -> None:
    pack(tmp_path / "evidence", "northlake", 1, 50)
    before = write_replies(tmp_path / "drops", tmp_path / "evidence", 7, ISSUED - timedelta(days=1))
    at_once = write_replies(tmp_path / "drops", tmp_path / "evidence", 7, ISSUED)
    assert (before.files, before.statement_lines) == (0, 0)
    assert at_once.statement_lines > 15 and at_once.remittance_lines > 3


def test_a_bank_without_packs_says_nothing(tmp_path: Path) -> None:
    assert write_replies(tmp_path / "drops", tmp_path / "evidence", 7, ISSUED).files == 0
    assert not (tmp_path / "drops").exists()


def test_the_shares_of_answers_are_as_told() -> None:
    replies = [reply_of(7, Claimed(f"c{n}", f"r{n}", 5000, ISSUED)) for n in range(4000)]
    words = Counter(reply.word for reply in replies)
    assert 0.01 < words[""] / 4000 < 0.05
    assert 0.05 < words["rejected"] / 4000 < 0.09
    accepted = [reply for reply in replies if reply.word == "accepted"]
    over = [reply for reply in accepted if reply.paid_on and reply.paid_cents > 5000]
    part = [reply for reply in accepted if reply.accepted_cents < 5000]
    assert 0.01 < len(over) / len(accepted) < 0.04
    assert 0.03 < len(part) / len(accepted) < 0.08
    assert all(r.paid_on is None or r.word_on is None or r.paid_on >= r.word_on for r in replies)
