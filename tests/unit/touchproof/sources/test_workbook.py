"""Workbooks from banks: one sheet as text, nothing trusted."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.workbook import read_workbook

COLUMNS = ("Reference", "Opened", "Amount")
LIMIT = 10_000_000


def workbook(rows: list[list[Any]], *, header: Any = COLUMNS, count: Any = "rows") -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("Openings")
        for number, row in enumerate([list(header), *rows]):
            sheet.write_row(number, 0, row)
        book.add_worksheet("Control").write("B1", len(rows) if count == "rows" else count)
    return out.getvalue()


def read(content: bytes, *, control_cell: str | None = "B1", limit: int = LIMIT) -> list[Any]:
    table = read_workbook(content, "Openings", COLUMNS, control_cell=control_cell, limit=limit)
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))


def rule_of(content: bytes, **options: Any) -> str:
    with pytest.raises(StructuralFaultError) as raised:
        read(content, **options)
    return raised.value.rule


def test_cells_become_plain_text() -> None:
    rows = [
        ["007", date(2026, 5, 1), 1234.5],
        [8, datetime(2026, 5, 2, 13, 5), 0.1],
        ["x", None, 12],
        [None, None, True],
    ]
    assert read(workbook(rows)) == [
        ("007", "2026-05-01", "1234.5"),
        ("8", "2026-05-02T13:05:00", "0.1"),
        ("x", "", "12"),
        ("", "", "true"),
    ]


def test_columns_may_stand_in_another_order() -> None:
    content = workbook([[3, "r", date(2026, 5, 1)]], header=("Amount", "Reference", "Opened"))
    assert read(content) == [("r", "2026-05-01", "3")]


def test_a_missing_or_strange_column_is_a_fault_that_names_it() -> None:
    with pytest.raises(StructuralFaultError) as raised:
        read(workbook([["r", None, 1]], header=("Reference", "Opened", "Betrag")))
    assert (raised.value.rule, raised.value.column) == ("wrong_header", "Amount")
    assert raised.value.shape == "Aaaaaa"


def test_a_control_total_that_counts_otherwise_is_a_fault() -> None:
    rows = [["r", None, 1], ["s", None, 2]]
    assert rule_of(workbook(rows, count=3)) == "control_total"
    assert rule_of(workbook(rows, count="two")) == "control_total"
    assert len(read(workbook(rows, count=3), control_cell=None)) == 2


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (LIMIT + 1))
    assert rule_of(bomb.getvalue()) == "too_large_unpacked"


def test_a_workbook_with_macros_is_refused() -> None:
    content = io.BytesIO(workbook([["r", None, 1]]))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    assert rule_of(content.getvalue()) == "damaged_workbook"


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_entities_that_explode_are_refused(part: str) -> None:
    bomb = (
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(12))
        + "]><worksheet><sheetData>&m;</sheetData></worksheet>"
    )
    source, changed = io.BytesIO(workbook([["r", None, 1]])), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, bomb if name == part else old.read(name))
    assert rule_of(changed.getvalue()) == "damaged_workbook"


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_a_cut_workbook_is_a_fault(kept: float) -> None:
    content = workbook([["r", None, 1]] * 50)
    assert rule_of(content[: int(len(content) * kept)]) == "damaged_workbook"


def test_nothing_is_no_row() -> None:
    assert rule_of(b"") == "empty_file"
    assert rule_of(workbook([])) == "no_data_rows"
    assert rule_of(workbook([[None, None, None]], count=0)) == "no_data_rows"
