"""What goes over the wire: CSV that reads back as it was meant, cut by its real bytes."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_crm import kept

from touchproof.errors import SalesforceError
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.wire import job_chunks, job_sizes

cells = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1
)


def group_of(values: list[str | None], operation: str = "update") -> PlanGroup:
    ids = [f"00Q{number:04d}" for number in range(len(values))]
    rows = pa.table(
        {
            "record": ids,
            "record_key": [f"app:{number}" for number in range(len(values))],
            "salesforce_id": ids,
            "Stage__c": pa.array(values, pa.string()),
        }
    )
    return PlanGroup("Lead", operation, "values", ("Stage__c",), kept(rows))  # type: ignore[arg-type]


def read_back(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@settings(deadline=None)
@given(st.lists(cells, min_size=1, max_size=30), st.integers(150, 400))
def test_every_cell_reads_back_and_no_job_is_larger_than_it_may_be(
    values: list[str | None], max_bytes: int
) -> None:
    values = [value if value is None or len(value.encode()) < 50 else "long" for value in values]
    group = group_of(values)
    found = []
    sizes = []
    for chunk in job_chunks(group, max_bytes=max_bytes):
        content = chunk.path.read_bytes()
        header, *rows = read_back(content)
        assert header == ["Id", "Stage__c"]
        assert chunk.size.bytes == len(content) <= max_bytes
        assert chunk.size.characters == len(content.decode())
        assert len(rows) == chunk.size.rows == chunk.rows.num_rows
        assert chunk.rows.column("record").to_pylist() == [key for key, _ in rows]
        found += rows
        sizes.append(chunk.size)
    assert found == [[f"00Q{n:04d}", value or ""] for n, value in enumerate(values)]
    assert list(job_sizes(group, max_bytes=max_bytes)) == sizes


def test_an_upsert_names_the_external_id_and_no_id() -> None:
    contents = [one.path.read_bytes() for one in job_chunks(group_of(["new"], "upsert"))]
    assert contents == [b"Touchproof_Key__c,Stage__c\napp:0,new\n"]


def test_jobs_are_cut_by_bytes_and_not_by_characters() -> None:
    ascii_jobs = list(job_chunks(group_of(["e" * 40] * 10), max_bytes=300))
    accented_jobs = list(job_chunks(group_of(["é" * 40] * 10), max_bytes=300))
    assert len(accented_jobs) > len(ascii_jobs)


def test_a_record_that_no_job_can_take_is_refused() -> None:
    with pytest.raises(SalesforceError, match="larger than a job"):
        list(job_chunks(group_of(["x" * 500]), max_bytes=300))
