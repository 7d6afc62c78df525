"""`touchproof sql`: read-only, and its formats exactly as the design states them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from touchproof.errors import BadInputError
from touchproof.query import FORMATS, query
from touchproof.settings import Settings


@pytest.fixture
def published(settings: Settings) -> Settings:
    """Return a world whose published file has one small mart."""
    settings.paths.published.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.paths.published)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.mart_things as select * from (values"
            " (1, 'a,\"b\"', 1.50::decimal(18, 2), timestamp '2026-03-01 10:00:00.25'),"
            " (2, '', null, null), (3, null, -0.10, timestamp '2026-03-02'))"
            " as t (id, name, amount, seen_at)"
        )
    return settings


def output(settings: Settings, sql: str, form: str) -> str:
    out = io.StringIO(newline="")
    with query(settings, sql) as result:
        FORMATS[form](result, out)
    return out.getvalue()


def test_csv_is_rfc_4180_and_tells_null_from_an_empty_text(published: Settings) -> None:
    text = output(published, "select * from mart_things order by id", "csv")
    assert text == (
        "id,name,amount,seen_at\r\n"
        '1,"a,""b""",1.50,2026-03-01T10:00:00.250000Z\r\n'
        '2,"",,\r\n'
        "3,,-0.10,2026-03-02T00:00:00Z\r\n"
    )
    assert list(csv.reader(io.StringIO(text, newline="")))[1][1] == 'a,"b"'


def test_csv_keeps_line_breaks_inside_quotes(published: Settings) -> None:
    text = output(published, "select 'a' || chr(10) || 'b' as x", "csv")
    assert text == 'x\r\n"a\nb"\r\n'


def test_json_has_decimals_as_texts_and_times_in_utc(published: Settings) -> None:
    rows = json.loads(output(published, "from mart_things order by id", "json"))
    assert rows[0] == {
        "id": 1,
        "name": 'a,"b"',
        "amount": "1.50",
        "seen_at": "2026-03-01T10:00:00.250000Z",
    }
    assert rows[1]["amount"] is None and rows[1]["name"] == ""


def test_json_of_no_rows_is_an_empty_array(published: Settings) -> None:
    assert json.loads(output(published, "from mart_things where false", "json")) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sum(id)", 6),
        ("170141183460469231731687303715884105727::hugeint", 2**127 - 1),
        ("'nan'::double", None),
        ("date '2026-03-01'", "2026-03-01"),
        ("timestamptz '2026-03-01 10:00:00+02'", "2026-03-01T08:00:00Z"),
        ("[1.5::decimal(3, 1), null]", ["1.5", None]),
        ("{'a': true}", {"a": True}),
        ("'ab'::blob", "6162"),
    ],
)
def test_json_values(published: Settings, expression: str, expected: object) -> None:
    rows = json.loads(output(published, f"select {expression} as x from mart_things", "json"))
    assert rows[0]["x"] == expected


def test_a_table_is_aligned_and_counts_its_rows(published: Settings) -> None:
    lines = output(published, "select id, amount from mart_things order by id", "table").split("\n")
    assert lines[0] == "id  amount"
    assert lines[2] == " 1    1.50"
    assert lines[5] == "(3 rows)"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "copy (select 1) to '{folder}/out.csv'",
        "attach '{folder}/other.duckdb'",
        "insert into mart_things values (4, 'x', null, null)",
        "create table marts.another as select 1",
        "set enable_external_access = true",
        "reset lock_configuration",
        "install httpfs",
        "select 1; drop table marts.mart_things",
        "",
        "select nothing from nowhere",
        "select 'a'::integer",
    ],
)
def test_nothing_but_reading_the_published_file_works(
    published: Settings, tmp_path: Path, sql: str
) -> None:
    before = published.paths.published.read_bytes()
    with pytest.raises(BadInputError) as refused:
        output(published, sql.format(folder=tmp_path), "csv")
    assert "\n" not in str(refused.value)
    assert published.paths.published.read_bytes() == before
    assert not (tmp_path / "out.csv").exists()


def test_before_the_first_night_there_is_nothing_to_query(settings: Settings) -> None:
    with pytest.raises(BadInputError, match="Nothing has been published"):
        output(settings, "select 1", "table")
