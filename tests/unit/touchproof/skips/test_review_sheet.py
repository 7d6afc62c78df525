"""The review sheet goes out to a person and comes back exactly, or not at all."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from touchproof.errors import BadInputError
from touchproof.ledger import schema
from touchproof.ledger.claims import claims_by_status
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.skips.review import RULES, ReviewRow, RowDecision, decide_rows, rule_sentences
from touchproof.skips.review_sheet import COLUMNS, read_sheet, write_sheet

NOW = datetime(2026, 6, 29, 5, tzinfo=UTC)
OPENING = ReviewRow(
    kind="opening",
    bank_id="maple",
    bank_reference="ML-1",
    product_line="savings",
    opened_date="2026-06-01",
    fee_cents=5550,
    currency="CAD",
    code="same_day_contact",
    why="The bank gives a date only, and the only contact lies on that very day.",
    match_method="email",
    match_probability="0.9950",
    candidates=1,
    contacts=0,
    first_contact="",
    last_contact="",
    evidence="no contact before the day of the opening",
    steps="",
    person_id="per_1",
    claim_id="clm_opening",
)
NASTY = replace(
    OPENING, bank_reference='=HYPERLINK("http://x","y")', evidence="+1+1; @SUM(A1)",
    claim_id="clm_nasty",
)  # fmt: skip


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "review.xlsx"
    write_sheet([OPENING, NASTY], path, title="Skips to review", made_at=NOW)
    return path


def fill(path: Path, **cells: dict[str, Any]) -> Path:
    """Fill cells of the rows by claim id, as a person does in a spreadsheet."""
    workbook = openpyxl.load_workbook(path)
    worksheet = workbook["Review"]
    names = [column.name for column in COLUMNS]
    for row in worksheet.iter_rows(min_row=6):
        for name, value in cells.get(str(row[names.index("claim_id")].value), {}).items():
            row[names.index(name)].value = value
    workbook.save(path)
    return path


def test_what_was_decided_comes_back_and_empty_rows_are_left_alone(sheet: Path) -> None:
    assert read_sheet(sheet, [OPENING, NASTY]) == []
    fill(sheet, clm_opening={"decision": "accept", "reason": "the mail came first"})
    assert read_sheet(sheet, [OPENING, NASTY]) == [
        RowDecision(OPENING, "accept", "the mail came first")
    ]


def test_no_cell_is_a_formula_or_a_link_whatever_the_data_says(sheet: Path) -> None:
    workbook = openpyxl.load_workbook(sheet)
    kinds = {cell.data_type for row in workbook["Review"].iter_rows() for cell in row}
    assert "f" not in kinds
    assert not any(cell.hyperlink for row in workbook["Review"].iter_rows() for cell in row)
    fill(sheet, clm_nasty={"decision": "reject", "reason": "nonsense"})
    assert read_sheet(sheet, [OPENING, NASTY])[0].row == NASTY


def test_the_decision_is_a_dropdown_and_only_its_cells_can_be_typed_in(sheet: Path) -> None:
    worksheet = openpyxl.load_workbook(sheet)["Review"]
    [validation] = worksheet.data_validations.dataValidation
    assert (validation.formula1, str(validation.sqref)) == ('"accept,reject"', "A6:A7")
    assert worksheet.protection.sheet
    unlocked = [cell.coordinate for cell in worksheet[6] if not cell.protection.locked]
    assert unlocked == ["A6", "B6"]


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        ({"decision": "maybe", "reason": "r"}, "accept or reject"),
        ({"decision": "accept"}, "needs a reason"),
        ({"decision": "reject", "reason": "ann@example.com says no"}, "holds an e-mail address"),
        ({"reason": "only a reason"}, "accept or reject"),
        ({"decision": "accept", "reason": "=1+1"}, "formula"),
        ({"decision": "accept", "reason": "r", "fee_cents": 99.0}, "fee_cents was changed"),
        ({"decision": "accept", "reason": "r", "person_id": "per_2"}, "person_id was changed"),
        ({"decision": "accept", "reason": "r", "row_hash": "0" * 20}, "changed since"),
        ({"decision": "accept", "reason": "r", "claim_id": "clm_nasty"}, "changed since"),
        ({"decision": "accept", "reason": "r", "claim_id": "clm_gone"}, "any more"),
        ({"decision": "accept", "reason": "x" * 501}, "longer than 500"),
    ],
)
def test_a_sheet_with_one_wrong_row_is_refused_as_a_whole_and_names_it(
    sheet: Path, cells: dict[str, Any], named: str
) -> None:
    fill(sheet, clm_opening=cells, clm_nasty={"decision": "reject", "reason": "fine"})
    with pytest.raises(BadInputError, match=named) as raised:
        read_sheet(sheet, [OPENING, NASTY])
    assert "row 6" in str(raised.value)


def test_a_row_that_changed_meanwhile_refuses_the_sheet(sheet: Path) -> None:
    fill(sheet, clm_opening={"decision": "accept", "reason": "r"})
    for now in (replace(OPENING, fee_cents=1), replace(OPENING, candidates=2)):
        with pytest.raises(BadInputError, match=r"changed since.*row 6, maple ML-1"):
            read_sheet(sheet, [now])
    with pytest.raises(BadInputError, match="any more"):
        read_sheet(sheet, [])


def rewritten(path: Path, name: str, content: bytes) -> Path:
    """Return a copy of a sheet with one more or another part."""
    target = path.with_name("other.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("part", "content", "named"),
    [
        ("xl/vbaProject.bin", b"x", "macros or links"),
        ("xl/externalLinks/externalLink1.xml", b"<x/>", "macros or links"),
        ("xl/x.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "declares entities"),
        ("xl/x.xml", '<!DOCTYPE a><a/>'.encode("utf-16"), "declares entities"),
        ("xl/_rels/x.rels", b'<R TargetMode="External"/>', "macros or links"),
        ("xl/bomb.xml", b"0" * 250_000_000, "unpacks to too much"),
    ],
)  # fmt: skip
def test_what_a_sheet_of_ours_never_holds_is_refused_before_it_is_read(
    sheet: Path, part: str, content: bytes, named: str
) -> None:
    with pytest.raises(BadInputError, match=named):
        read_sheet(rewritten(sheet, part, content), [OPENING])


def test_another_file_is_refused_in_one_sentence(sheet: Path, tmp_path: Path) -> None:
    text = tmp_path / "a.xlsx"
    text.write_text("not a spreadsheet")
    large = tmp_path / "b.xlsx"
    with large.open("wb") as file:
        file.truncate(21_000_000)
    empty = tmp_path / "c.xlsx"
    openpyxl.Workbook().save(empty)
    macro = Path(shutil.copy(sheet, tmp_path / "d.xlsm"))
    for path in (text, large, empty, macro, tmp_path / "none.xlsx"):
        with pytest.raises(BadInputError):
            read_sheet(path, [OPENING])


def test_a_decision_is_kept_with_what_the_person_saw(settings: Settings) -> None:
    ledger = Ledger.of(settings)
    decisions = [RowDecision(OPENING, "accept", "the mail came first")]
    assert decide_rows(ledger, decisions, clock=lambda: NOW, actor="os:ann") == {"accepted": 1}
    with ledger.reading() as connection:
        row = connection.execute(select(schema.skip_decisions)).one()
    assert (row.bank_opening_id, row.person_id, row.code) == (
        "maple:ML-1",
        "per_1",
        "same_day_contact",
    )
    assert (row.decision, row.actor, row.reason) == ("accepted", "os:ann", "the mail came first")
    assert row.evidence_sha256 == OPENING.row_hash


def test_decisions_are_made_all_or_none_and_by_persons(settings: Settings) -> None:
    ledger = Ledger.of(settings)
    claim = replace(OPENING, kind="claim", claim_id="clm_unknown")
    decisions = [RowDecision(OPENING, "accept", "r"), RowDecision(claim, "accept", "r")]
    with pytest.raises(BadInputError, match="no such claim"):
        decide_rows(ledger, decisions, clock=lambda: NOW, actor="os:ann")
    with pytest.raises(BadInputError, match="Automation can't"):
        decide_rows(ledger, decisions[:1], clock=lambda: NOW, actor="system:x")
    with ledger.reading() as connection:
        assert connection.execute(select(schema.skip_decisions)).all() == []
    assert claims_by_status(ledger) == {}


def test_every_rule_that_asks_for_a_review_has_its_sentence() -> None:
    assert RULES.exists()
    assert {"same_day_contact", "ambiguous_match", "uncertain_match", "late_evidence"} <= set(
        rule_sentences()
    )
