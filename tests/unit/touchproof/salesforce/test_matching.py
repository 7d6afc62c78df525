"""Matching results to rows: every row ends once, by the first that is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.salesforce.matching import SENT, Matching
from touchproof.salesforce.result_files import ResultKind

KINDS: tuple[ResultKind, ...] = ("successfulResults", "failedResults", "unprocessedrecords")
results = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7)), max_size=30)


def _rows(kind: ResultKind, numbers: list[int], position: int) -> Iterator[dict[str, str]]:
    for offset, number in enumerate(numbers):
        row = {"Touchproof_Key__c": f"app:{number}"}
        if kind == "successfulResults":
            row["sf__Id"] = f"00Q{number}-{position + offset}"
        if kind == "failedResults":
            row["sf__Error"] = f"CODE:{position + offset}:--"
        yield row


@settings(deadline=None)
@given(results)
def test_the_first_that_is_told_of_a_row_counts(told: list[tuple[ResultKind, int]]) -> None:
    """Keys 6 and 7 aren't ours; ours are 0 to 5, as rows 10 to 15."""
    sent = pa.table([list(range(10, 16)), [f"app:{n}" for n in range(6)]], schema=SENT)
    expected = {}
    for position, (kind, number) in enumerate(told):
        expected.setdefault(number, (kind, position))
    with closing(Matching([sent], "Touchproof_Key__c")) as matching:
        for position, (kind, number) in enumerate(told):
            matching.note(kind, _rows(kind, [number], position))
        assert matching.is_complete == set(range(6)).issubset(expected)
        written = {row["row_id"]: row["salesforce_id"] for row in matching.written().to_pylist()}
        others = {one.row_id: (one.kind, one.error) for one in matching.others()}
    for number in range(6):
        kind, position = expected.get(number, (None, 0))
        if kind == "successfulResults":
            assert written.pop(10 + number) == f"00Q{number}-{position}"
        else:
            error = f"CODE:{position}:--" if kind == "failedResults" else ""
            assert others.pop(10 + number) == (kind, error)
    assert (written, others) == ({}, {})


def test_an_update_is_told_by_its_id_alone() -> None:
    sent = pa.table([[1, 2], ["00Q1", "00Q2"]], schema=SENT)
    with closing(Matching([sent], "Id")) as matching:
        matching.note("successfulResults", iter([{"Id": "00Q2", "sf__Id": "00Q2"}]))
        assert matching.written().to_pylist() == [{"row_id": 2, "salesforce_id": "00Q2"}]
        assert [one.row_id for one in matching.others()] == [1]
