"""Delimited files: strict about their form, exact about their values."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.sources.delimited import read_delimited
from touchproof.sources.faults import StructuralFaultError

COLUMNS = ("name", "amount", "note")


def fault_of(content: bytes, **options: str) -> StructuralFaultError:
    with pytest.raises(StructuralFaultError) as raised:
        read_delimited(content, COLUMNS, **options)
    return raised.value


def rows_of(content: bytes, **options: str) -> list[tuple[str, ...]]:
    table = read_delimited(content, COLUMNS, **options)
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))


def test_everything_stays_text_even_what_looks_like_a_number_or_null() -> None:
    content = b"name,amount,note\n007,1.50,NULL\nNA,,nan\n"
    assert rows_of(content) == [("007", "1.50", "NULL"), ("NA", "", "nan")]


def test_quoted_fields_hold_delimiters_quotes_and_line_breaks() -> None:
    content = b'name,amount,note\r\n"a,b",1,"say ""hi""\r\nand go"\r\nc,2,d\r\n'
    assert rows_of(content) == [("a,b", "1", 'say "hi"\r\nand go'), ("c", "2", "d")]


def test_columns_may_stand_in_another_order_and_after_a_byte_order_mark() -> None:
    assert rows_of(b"\xef\xbb\xbfnote,name,amount\nn,a,1\n") == [("a", "1", "n")]


def test_a_missing_column_in_the_header_is_a_fault_that_names_it() -> None:
    fault = fault_of(b"name,amount,remark\na,1,b\n")
    assert (fault.rule, fault.column, fault.shape) == ("wrong_header", "note", "aaaaaa")


@pytest.mark.parametrize("header", [b"name,amount,note,more", b"name,name,amount,note"])
def test_an_unexpected_or_repeated_column_in_the_header_is_a_fault(header: bytes) -> None:
    assert fault_of(header + b"\na,1,b,c\n").rule == "wrong_header"


def test_a_file_without_header_is_a_fault_that_shows_no_value_of_its_first_row() -> None:
    fault = fault_of(b"Eve Example,eve@example.test,hello\n")
    assert fault.rule == "wrong_header"
    assert "ve" not in f"{fault.shape}"
    assert "eve" not in str(fault).lower().replace("everything", "")


@pytest.mark.parametrize("row", [b"zqx,1", b"zqx,1,b,c", b"zqx"])
def test_ragged_rows_are_a_fault(row: bytes) -> None:
    fault = fault_of(b"name,amount,note\nx,1,y\n" + row + b"\n")
    assert fault.rule == "ragged_rows"
    assert "zqx" not in f"{fault} {fault.__cause__}"


def test_a_quote_that_never_ends_is_a_fault_and_swallows_no_rows() -> None:
    assert fault_of(b'name,amount,note\na,1,"b\nc,2,d\n').rule == "unbalanced_quotes"


def test_nul_bytes_are_a_fault() -> None:
    assert fault_of(b"name,amount,note\na,\x00,b\n").rule == "nul_bytes"


def test_latin_1_where_utf_8_was_agreed_is_a_fault() -> None:
    assert fault_of("name,amount,note\né,1,b\n".encode("latin-1")).rule == "wrong_encoding"


def test_utf_8_where_latin_1_was_agreed_is_a_fault() -> None:
    fault = fault_of("name,amount,note\né,1,b\n".encode(), encoding="latin-1")
    assert fault.rule == "wrong_encoding"


def test_latin_1_is_read_as_agreed() -> None:
    content = "name;amount;note\nÉloïse;1,5;ça\n".encode("latin-1")
    assert rows_of(content, delimiter=";", encoding="latin-1") == [("Éloïse", "1,5", "ça")]


@pytest.mark.parametrize(
    ("content", "rule"),
    [(b"", "empty_file"), (b"\n\n", "empty_file"), (b"name,amount,note\n", "no_data_rows")],
)
def test_an_empty_file_and_one_of_a_header_only_are_faults(content: bytes, rule: str) -> None:
    fault = fault_of(content)
    assert (fault.rule, fault.rows_in) == (rule, 0)


# Carriage returns alone end a line for one reader and not for another: senders don't use them.
fields = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=12
)


@given(st.lists(st.tuples(fields, fields, fields), min_size=1, max_size=30))
def test_every_row_that_a_writer_wrote_is_read_back_exactly(
    rows: list[tuple[str, str, str]],
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([COLUMNS, *rows])
    assert rows_of(text.getvalue().encode()) == rows


@given(st.binary(max_size=300))
def test_any_bytes_after_a_header_are_read_or_refused_with_a_named_fault(content: bytes) -> None:
    data = b"name,amount,note\n" + content
    try:
        table = read_delimited(data, COLUMNS)
    except StructuralFaultError as fault:
        assert fault.rule in {
            "ragged_rows",
            "nul_bytes",
            "wrong_encoding",
            "no_data_rows",
            "unbalanced_quotes",
        }
    else:
        text = content.decode().replace("\r\n", "\n").replace("\r", "\n")
        lines = [line for line in text.split("\n") if line]
        assert 1 <= table.num_rows <= len(lines)
