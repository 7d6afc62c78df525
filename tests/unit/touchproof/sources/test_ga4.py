"""GA4's export lands in its nested schema, from Parquet and from newline-delimited JSON."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.ga4 import EVENTS, SCHEMA

LIMIT = 50_000_000


def ga4_event(number: int = 0) -> dict[str, Any]:
    return {
        "event_date": "20260301",
        "event_timestamp": 1772323200000000 + number,
        "event_name": "page_view",
        "event_params": [
            {"key": "ga_session_id", "value": {"int_value": 42}},
            {"key": "page_location", "value": {"string_value": "https://example.test/"}},
        ],
        "user_pseudo_id": "cookie.1",
        "collected_traffic_source": {"manual_campaign_id": "C1", "gclid": None},
        "batch_page_id": 9,
    }


def read(path: Path) -> pa.Table:
    assert EVENTS.reader is not None
    table = EVENTS.reader(path, LIMIT)
    assert table.schema == SCHEMA
    return table


def fault_of(path: Path) -> StructuralFaultError:
    with pytest.raises(StructuralFaultError) as raised:
        read(path)
    return raised.value


def write_parquet(path: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def integers_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: integers_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [integers_as_text(item) for item in value]
    return str(value) if isinstance(value, int) else value


def test_parquet_and_json_lines_with_integers_as_text_land_the_same(tmp_path: Path) -> None:
    rows = [ga4_event(number) for number in range(3)]
    parquet = write_parquet(tmp_path / "events_20260301.parquet", rows, SCHEMA)
    lines = tmp_path / "events_20260301.json.gz"
    lines.write_bytes(gzip.compress(as_lines([integers_as_text(row) for row in rows])))
    numbers = tmp_path / "events_20260301.ndjson"
    numbers.write_bytes(as_lines(rows))
    assert read(parquet).to_pylist() == read(lines).to_pylist() == read(numbers).to_pylist()
    first = read(lines).to_pylist()[0]
    assert first["event_timestamp"] == 1772323200000000
    assert first["event_params"][0]["value"]["int_value"] == 42
    assert first["user_id"] is None


def test_columns_and_fields_that_google_adds_are_left_out_and_absent_ones_are_null(
    tmp_path: Path,
) -> None:
    row = ga4_event() | {"novelty": "x"}
    row["collected_traffic_source"] = {"novel_id": "n", "manual_source": "s"}
    landed = read(write_parquet(tmp_path / "a.parquet", [row])).to_pylist()[0]
    assert landed["collected_traffic_source"]["manual_source"] == "s"
    assert landed["collected_traffic_source"]["manual_campaign_id"] is None
    assert landed["device"] is None


def test_a_null_struct_and_an_empty_or_null_list_stay_what_they_are(tmp_path: Path) -> None:
    rows = [ga4_event(number) for number in range(4)]
    rows[1]["event_params"] = []
    rows[2]["event_params"] = None
    rows[3]["collected_traffic_source"] = None
    narrow = pa.schema(
        [
            (
                field.name,
                pa.list_(
                    pa.struct([("key", pa.string()), ("value", pa.struct([("int_value", "i4")]))])
                )
                if field.name == "event_params"
                else field.type,
            )
            for field in SCHEMA
        ]
    )
    landed = read(write_parquet(tmp_path / "a.parquet", rows, narrow)).to_pylist()
    assert [len(row["event_params"] or ()) for row in landed] == [2, 0, 0, 2]
    assert landed[2]["event_params"] is None
    assert landed[3]["event_params"][0]["value"]["int_value"] == 42
    assert landed[3]["collected_traffic_source"] is None


def test_a_missing_required_column_is_a_fault_that_names_it(tmp_path: Path) -> None:
    row = ga4_event()
    del row["event_timestamp"]
    fault = fault_of(write_parquet(tmp_path / "a.parquet", [row]))
    assert (fault.rule, fault.column, fault.rows_in) == ("wrong_header", "event_timestamp", 1)
    (tmp_path / "a.ndjson").write_bytes(as_lines([row]))
    assert fault_of(tmp_path / "a.ndjson").rule == "wrong_header"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event_timestamp", "yesterday"),
        ("event_params", "none"),
        ("collected_traffic_source", "direct"),
        ("event_name", {"name": "page_view"}),
    ],
)
def test_a_wrong_type_is_a_fault_that_names_the_column_and_no_value(
    tmp_path: Path, column: str, value: Any
) -> None:
    fault = fault_of(write_parquet(tmp_path / "a.parquet", [ga4_event() | {column: value}]))
    assert (fault.rule, fault.column) == ("wrong_type", column)
    assert "yesterday" not in f"{fault} {fault.__cause__}"


def test_a_truncated_parquet_file_is_a_fault(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "a.parquet", [ga4_event()]).read_bytes()
    for length in (3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "b.parquet").write_bytes(whole[:length])
        assert fault_of(tmp_path / "b.parquet").rule == "damaged_parquet", length


def test_a_truncated_json_lines_file_is_a_fault(tmp_path: Path) -> None:
    content = as_lines([ga4_event(), ga4_event(1)])
    (tmp_path / "a.ndjson").write_bytes(content[:-30])
    assert fault_of(tmp_path / "a.ndjson").rule == "damaged_json"


def test_an_empty_file_and_one_without_rows_are_faults(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    assert fault_of(tmp_path / "a.parquet").rule == "empty_file"
    assert fault_of(write_parquet(tmp_path / "b.parquet", [], SCHEMA)).rule == "no_data_rows"


def test_a_parquet_file_that_unpacks_beyond_the_limit_is_a_fault(tmp_path: Path) -> None:
    rows = [ga4_event() | {"user_id": "x" * 100_000}] * 50
    path = write_parquet(tmp_path / "a.parquet", rows)
    assert EVENTS.reader is not None
    with pytest.raises(StructuralFaultError) as raised:
        EVENTS.reader(path, 1000)
    assert raised.value.rule == "too_large_unpacked"
