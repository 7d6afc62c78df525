"""Fixed-width files: every character in its place, no row more or less than the trailer says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.fixed_width import FixedField, Trailer, read_fixed_width

FIELDS = (FixedField("reference", 2, 6), FixedField("name", 8, 10), FixedField("amount", 20, 5))
TRAILER = Trailer("T", 2, 6)
WIDTH = 24


def line(reference: str, name: str, amount: str) -> str:
    return f"D{reference:<6}{name:<10}  {amount:>5}"


def file_of(*rows: str, count: int | None = None) -> bytes:
    told = len(rows) if count is None else count
    return "\r\n".join(["H20260501", *rows, f"T{told:06d}", ""]).encode()


def read(content: bytes, **options: str) -> list[tuple[str, ...]]:
    table = read_fixed_width(
        content, FIELDS, row_marker="D", header_marker="H", trailer=TRAILER, **options
    )
    return list(zip(*(table.column(field.name).to_pylist() for field in FIELDS), strict=True))


def rule_of(content: bytes, **options: str) -> str:
    with pytest.raises(StructuralFaultError) as raised:
        read(content, **options)
    return raised.value.rule


def test_values_are_cut_at_their_places_and_freed_from_filling() -> None:
    content = file_of(line("A1", "Ann Lee", "12"), line("A2", "", "00.50"))
    assert read(content) == [("A1", "Ann Lee", "12"), ("A2", "", "00.50")]


def test_latin_1_letters_take_one_place_each() -> None:
    content = file_of(line("A1", "Zoë Müll", "1")).decode().encode("latin-1")
    assert read(content, encoding="latin-1") == [("A1", "Zoë Müll", "1")]


def test_a_file_without_its_trailer_was_cut_off() -> None:
    content = file_of(line("A1", "Ann", "1"), line("A2", "Bob", "2"))
    assert rule_of(content[:-12]) in ("no_trailer", "ragged_rows")
    assert rule_of(content.split(b"T0")[0]) == "no_trailer"


def test_a_trailer_that_counts_otherwise_is_a_fault() -> None:
    assert rule_of(file_of(line("A1", "Ann", "1"), count=2)) == "control_total"
    assert rule_of(file_of(line("A1", "Ann", "1")).replace(b"T000001", b"T      ")) == (
        "control_total"
    )


def test_a_row_of_another_length_or_kind_is_a_fault_that_names_the_row() -> None:
    good, long = line("A1", "Ann", "1"), line("A2", "Bob", "2") + "x"
    with pytest.raises(StructuralFaultError) as raised:
        read(file_of(good, long))
    assert (raised.value.rule, raised.value.row, raised.value.rows_in) == ("ragged_rows", 2, 2)
    assert rule_of(file_of("X" + good[1:])) == "ragged_rows"


def test_a_missing_header_line_is_a_fault() -> None:
    assert rule_of(file_of(line("A1", "Ann", "1")).removeprefix(b"H20260501\r\n")) == "wrong_header"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b"\r\n \r\n", "empty_file"),
        (b"H\r\nT000000\r\n", "no_data_rows"),
        (b"H\0\r\n", "nul_bytes"),
        (b"H\xff\r\n", "wrong_encoding"),
    ],
)
def test_what_holds_no_rows_says_why(content: bytes, rule: str) -> None:
    assert rule_of(content) == rule


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=6),
            st.text(st.characters(codec="latin-1", categories=["L", "N"]), max_size=10),
            st.text(st.characters(codec="ascii", categories=["N"]), max_size=5),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_was_written_is_read(rows: list[tuple[str, str, str]]) -> None:
    assert read(file_of(*(line(*row) for row in rows))) == rows
