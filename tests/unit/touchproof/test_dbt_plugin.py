"""Rules of the plugin: the pseudonym is HMAC-SHA256, and no message holds a value."""

from __future__ import annotations

import hashlib
import hmac

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof.dbt_plugin import masked
from touchproof.pseudonym import pseudonym_macro
from touchproof.warehouse import connect_memory


def _pseudonym(key: bytes, text: str | None) -> str | None:
    with connect_memory() as connection:
        connection.execute(pseudonym_macro(key))
        row = connection.execute("select pseudonym(?)", [text]).fetchone()
    assert row is not None
    return row[0]


@given(st.binary(min_size=1, max_size=100), st.text(max_size=40))
def test_a_pseudonym_is_the_head_of_the_texts_hmac(key: bytes, text: str) -> None:
    text = text.replace("\0", "")
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
    assert _pseudonym(key, text) == expected


def test_nothing_has_no_pseudonym() -> None:
    assert _pseudonym(b"key", None) is None


def test_another_key_gives_another_pseudonym() -> None:
    assert _pseudonym(b"one", "ann") != _pseudonym(b"two", "ann")


@pytest.mark.parametrize(
    "query",
    [
        "select cast('ann@example.com' as integer)",
        "select cast('4155550123' as integer)",
        "select cast('2026-13-77x' as date)",
        "select error('ann@example.com')",
        "select 9223372036854775807 + cast('4155550123' as bigint)",
    ],
)
def test_a_databases_message_loses_the_value_that_it_quotes(query: str) -> None:
    with connect_memory() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute(query).fetchall()
    message = masked(caught.value)
    for value in ("ann@example", "4155550123", "2026-13", "9223372036854775807"):
        assert value not in message
    assert "Error" in message


def test_a_message_about_sql_itself_stays_whole() -> None:
    with connect_memory() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("select no_such_column from (select 1 as number)")
    assert "no_such_column" in masked(caught.value)
