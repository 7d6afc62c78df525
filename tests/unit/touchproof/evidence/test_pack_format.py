"""Cells are safe in a spreadsheet and come back as they were; the manifest is sealed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.evidence import pack_format as form


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-cmd|x",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0=1",
        "＝1",
        "=",
        "-",
        "+5e3",
        "-1,5",
        "-٣",
    ],
)
def test_what_a_spreadsheet_could_run_is_marked_as_text(text: str) -> None:
    assert form.safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+5", "-5.25", "5", "R-1", "", "a=1", "2026-05-01", "0012"])
def test_genuine_numbers_and_plain_texts_stay(text: str) -> None:
    assert form.safe_cell(text) == text


def test_times_are_utc_and_empty_is_empty() -> None:
    assert form.safe_cell(datetime(2026, 5, 1, 4, 0, 0, 5)) == "2026-05-01T04:00:00.000005Z"
    local = datetime.fromisoformat("2026-05-01T00:00:00-04:00")
    assert form.safe_cell(local) == "2026-05-01T04:00:00Z"
    assert form.safe_cell(date(2026, 5, 1)) == "2026-05-01"
    assert form.safe_cell(None) == ""


@given(st.lists(st.lists(st.text(max_size=8), min_size=3, max_size=3), max_size=6))
def test_csv_comes_back_cell_by_cell_and_no_cell_begins_like_a_formula(
    rows: list[list[str]],
) -> None:
    content = form.csv_bytes(("a", "b", "c"), rows)
    assert content.startswith(b"a,b,c\r\n")
    header, *read = form.read_csv(content)
    assert header == ["a", "b", "c"]
    assert read == [[form.safe_cell(cell) for cell in row] for row in rows]
    for cell in (cell for row in read for cell in row):
        is_number = cell.lstrip("+-").replace(".", "", 1).isdecimal()
        assert is_number or not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_broken_csv_is_refused() -> None:
    for content in (b'a,b\r\n"x', b"\xff\xfe", b'a"b\r\n"a"b\r\n'):
        with pytest.raises(ValueError):
            form.read_csv(content)


def test_a_manifest_is_one_text_whose_seal_depends_on_everything_else() -> None:
    content = {"b": 1, "a": "é", "at": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}
    sealed = form.manifest_bytes(content)
    assert form.manifest_bytes(json.loads(sealed)) == sealed
    assert form.manifest_bytes({**content, "b": 2}) != sealed
    assert json.loads(form.manifest_bytes({**content, form.SEAL: "x"})) == json.loads(sealed)
