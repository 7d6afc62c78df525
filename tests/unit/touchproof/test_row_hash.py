"""Row hashes: equal for equal rows in any order, different for every other difference."""

from __future__ import annotations

import hashlib

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.errors import BadInputError
from touchproof.row_hash import TableHash, hash_table, row_hashes
from touchproof.warehouse import connect_memory

Rows = list[tuple[str | None, str | None]]
TEXTS = st.one_of(st.none(), st.text(alphabet="a1:-é ", max_size=4))
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=5)


def hashed(connection: duckdb.DuckDBPyConnection, rows: Rows) -> TableHash:
    connection.execute("create or replace table pairs (one varchar, two varchar)")
    if rows:
        connection.executemany("insert into pairs values (?, ?)", rows)
    return hash_table(connection, "main", "pairs")


def key(row: tuple[str | None, str | None]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value or "") for value in row)


@settings(deadline=None, max_examples=40)
@given(ROWS, ROWS)
def test_hashes_are_equal_exactly_if_the_rows_are(one: Rows, other: Rows) -> None:
    with connect_memory() as connection:
        same = sorted(one, key=key) == sorted(other, key=key)
        assert (hashed(connection, one) == hashed(connection, other)) == same


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_the_order_of_rows_doesnt_matter(rows: Rows) -> None:
    with connect_memory() as connection:
        assert hashed(connection, rows) == hashed(connection, rows[::-1])


def test_the_definition_can_be_followed_by_hand() -> None:
    with connect_memory() as connection:
        found = hashed(connection, [("ab", None), ("", "é")])
    rows = sorted(hashlib.md5(text.encode()).hexdigest() for text in ("2:ab-", "0:1:é"))  # noqa: S324
    assert found.rows == 2
    assert found.row_hash == hashlib.md5("".join(rows).encode()).hexdigest()  # noqa: S324


def test_every_table_of_a_schema_is_hashed_and_no_other() -> None:
    with connect_memory() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.one as select 1 as number")
        connection.execute("create view marts.two as select date '2026-01-01' as day")
        connection.execute("create table elsewhere as select 1 as number")
        assert set(row_hashes(connection, "marts")) == {"one", "two"}


def test_a_missing_table_is_named() -> None:
    with connect_memory() as connection, pytest.raises(BadInputError, match="no such table"):
        hash_table(connection, "marts", "nothing")


def test_a_column_can_be_left_out_of_the_hash() -> None:
    with connect_memory() as connection:
        before = hashed(connection, [("a", "1")])
        connection.execute("update pairs set two = '2'")
        assert hash_table(connection, "main", "pairs") != before
        connection.execute("create table firsts as select one from pairs")
        wanted = hash_table(connection, "main", "firsts").row_hash
        found = hash_table(connection, "main", "pairs", frozenset({"two"}))
        assert found.row_hash == wanted
