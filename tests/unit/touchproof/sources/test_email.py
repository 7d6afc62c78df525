"""The e-mail webhook's arrays become text columns."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from touchproof.sources.email import EVENTS
from touchproof.sources.faults import StructuralFaultError

LIMIT = 1_000_000
Event = Callable[..., dict[str, Any]]


def read(tmp_path: Path, content: bytes) -> list[dict[str, Any]]:
    path = tmp_path / "events_20260301.json.gz"
    path.write_bytes(gzip.compress(content))
    assert EVENTS.reader is not None
    table = EVENTS.reader(path, LIMIT)
    assert table.schema == EVENTS.schema
    return table.to_pylist()


def fault_of(tmp_path: Path, content: bytes) -> StructuralFaultError:
    with pytest.raises(StructuralFaultError) as raised:
        read(tmp_path, content)
    return raised.value


def test_an_event_lands_as_text_with_its_unique_arguments(tmp_path: Path, event: Event) -> None:
    one = event(7, event="open", sg_machine_open=True, recipient_id="r7", category="single")
    row = read(tmp_path, json.dumps([one, event(8)]).encode())[0]
    assert row["event_id"] == "e7"
    assert row["occurred_at_unix"] == str(one["timestamp"])
    assert (row["is_machine_open"], row["recipient_id"]) == ("true", "r7")
    assert (row["category"], row["url"]) == ("single", None)


def test_a_list_of_categories_is_joined(tmp_path: Path, event: Event) -> None:
    assert read(tmp_path, json.dumps([event()]).encode())[0]["category"] == "newsletter|spring"


def test_an_event_that_comes_twice_lands_twice(tmp_path: Path, event: Event) -> None:
    assert len(read(tmp_path, json.dumps([event(), event()]).encode())) == 2


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"[]", "no_data_rows"),
        (b"[{", "damaged_json"),
        (b'{"email": "x"}', "wrong_type"),
        (b"[1]", "wrong_type"),
        (b'[{"mail": "x"}]', "wrong_header"),
        (b"[\xff]", "wrong_encoding"),
        (b"[\x00]", "nul_bytes"),
        (b"[" * 200_000, "damaged_json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_array_is_a_fault(tmp_path: Path, content: bytes, rule: str) -> None:
    assert fault_of(tmp_path, content).rule == rule


def test_the_parser_s_message_about_damaged_json_is_not_passed_on(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, b'[{"email": "eve@example.test"')
    assert "eve" not in f"{fault}{fault.__cause__}"
    assert fault.__suppress_context__
