"""JSON and Parquet files of flat rows: digits stay, totals agree, faults are named."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.json_records import read_json_records
from touchproof.sources.parquet_records import read_parquet_records

COLUMNS = ("reference", "opened", "amount")


def from_json(content: bytes) -> list[Any]:
    table = read_json_records(content, COLUMNS, records="openings", control_total="count")
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))


def from_parquet(content: bytes, limit: int = 10_000_000) -> list[Any]:
    table = read_parquet_records(content, COLUMNS, control_total="row_count", limit=limit)
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))


def document(rows: list[Any], count: int | None = None) -> bytes:
    return json.dumps({"count": len(rows) if count is None else count, "openings": rows}).encode()


def parquet(table: pa.Table, count: int | None = None) -> bytes:
    out = io.BytesIO()
    told = table.num_rows if count is None else count
    pq.write_table(table.replace_schema_metadata({"row_count": str(told)}), out)
    return out.getvalue()


TABLE = pa.table(
    {
        "reference": ["a", None],
        "opened": pa.array([datetime(2026, 5, 1, 9), None], pa.timestamp("us", "UTC")),
        "amount": pa.array([Decimal("10.50"), Decimal("-3.00")], pa.decimal128(12, 2)),
    }
)


def json_rule(content: bytes) -> str:
    with pytest.raises(StructuralFaultError) as raised:
        from_json(content)
    return raised.value.rule


def parquet_rule(content: bytes, limit: int = 10_000_000) -> str:
    with pytest.raises(StructuralFaultError) as raised:
        from_parquet(content, limit)
    return raised.value.rule


def test_json_keeps_the_digits_that_the_file_has() -> None:
    content = (
        b'{"count": 2, "openings": [{"reference": "a", "opened": null, "amount": 10.50},'
        b' {"reference": 7, "amount": 0.1000000000000000055}]}'
    )
    assert from_json(content) == [("a", "", "10.50"), ("7", "", "0.1000000000000000055")]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b'{"count": 1, "openings": [{"refer', "damaged_json"),
        (b"[" * 100_000, "damaged_json"),
        (b"[]", "wrong_type"),
        (document([]), "no_data_rows"),
        (document([["a"]]), "wrong_type"),
        (document([{"reference": {}, "opened": "", "amount": 1}]), "wrong_type"),
        (document([{"reference": "a", "opened": "", "amount": 1, "more": 1}]), "wrong_header"),
        (document([{"reference": "a", "opened": ""}]), "wrong_header"),
        (document([{"reference": "a", "opened": "", "amount": 1}], count=2), "control_total"),
    ],
)
def test_json_that_is_not_as_agreed_says_why(content: bytes, rule: str) -> None:
    assert json_rule(content) == rule


def test_parquet_becomes_text_without_losing_digits() -> None:
    assert from_parquet(parquet(TABLE)) == [
        ("a", "2026-05-01T09:00:00", "10.50"),
        ("", "", "-3.00"),
    ]
    days = TABLE.set_column(1, "opened", pa.array([date(2026, 5, 1), None], pa.date32()))
    assert from_parquet(parquet(days))[0][1] == "2026-05-01"


def test_parquet_that_is_not_as_agreed_says_why() -> None:
    whole = parquet(TABLE)
    assert parquet_rule(b"") == "empty_file"
    assert parquet_rule(whole[:-30]) == "damaged_parquet"
    assert parquet_rule(whole[:40] + whole[-8:]) == "damaged_parquet"
    assert parquet_rule(whole, limit=10) == "too_large_unpacked"
    assert parquet_rule(parquet(TABLE, count=3)) == "control_total"
    assert parquet_rule(parquet(TABLE.slice(0, 0))) == "no_data_rows"
    assert parquet_rule(parquet(TABLE.drop_columns(["amount"]))) == "wrong_header"
    nested = TABLE.set_column(0, "reference", pa.array([["a"], ["b"]]))
    assert parquet_rule(parquet(nested)) == "wrong_type"
