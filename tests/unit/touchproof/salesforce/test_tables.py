"""Rows in files: nothing lost, nothing doubled, in order; and nothing left when a push is over."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.salesforce.tables import BATCH_ROWS, Rows, count_distinct, names_table, push_folder
from touchproof.settings import Settings
from touchproof.warehouse import connect_scratch

COUNT = 3 * BATCH_ROWS + 7
SCHEMA = pa.schema([("record", pa.string()), ("value", pa.string())])


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Return more rows than a batch, in parts of different sizes."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"

    def parts() -> Iterator[pa.Table]:
        for start, end in ((0, 5), (5, 2 * BATCH_ROWS), (2 * BATCH_ROWS, COUNT)):
            names = [f"r{number:06d}" for number in range(start, end)]
            yield pa.table([pa.array(names), pa.array(names[::-1])], schema=SCHEMA)

    return Rows.write(path, parts(), SCHEMA)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, COUNT + 5), st.integers(0, COUNT + 5), st.integers(0, COUNT))
def test_a_slice_is_the_same_rows_in_the_same_order(
    rows: Rows, start: int, count: int, inner: int
) -> None:
    names = [f"r{number:06d}" for number in range(COUNT)]
    part = rows.slice(start, count)
    assert part.column("record").to_pylist() == names[start : start + count]
    assert part.num_rows == len(names[start : start + count])
    again = part.slice(inner, 3)
    assert again.column("record").to_pylist() == names[start : start + count][inner : inner + 3]


def test_sql_reads_a_slice_and_no_more(rows: Rows) -> None:
    part = rows.slice(BATCH_ROWS - 1, 3)
    assert part.aggregate("count(*), min(record), max(record)") == (3, "r009999", "r010001")
    assert rows.aggregate("count(*)") == (COUNT,)


def test_what_is_taken_out_leaves_the_others_in_order(rows: Rows) -> None:
    names = {"r000003", "r020000", "not there"}
    assert rows.only("record", names).column("record").to_pylist() == ["r000003", "r020000"]
    others = rows.where("record not in (select name from named)", named=names_table(names))
    left = others.column("record").to_pylist()
    assert left == [one for one in rows.column("record").to_pylist() if one not in names]
    assert count_distinct("record", [rows, others]) == COUNT
    assert rows.only("record", names) != rows.only("record", names)  # each in a file of its own


def test_a_query_keeps_its_order(rows: Rows) -> None:
    with connect_scratch(rows.path.parent) as connection:
        sql = f"select * from {rows.sql} order by value desc"
        found = Rows.query(rows.path.with_name("ordered.parquet"), connection, sql)
    values = found.column("value").to_pylist()
    assert values == sorted(values, reverse=True)
    assert len(values) == COUNT


def _hold(settings: Settings, ready: object) -> None:
    with push_folder(settings) as folder:
        (folder / "rows.parquet").write_text("a person")
        ready.set()  # type: ignore[attr-defined]
        signal.pause()


def test_a_killed_push_leaves_its_files_to_the_next_one_and_a_running_one_keeps_them(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path, world="test")
    forks = multiprocessing.get_context("forkserver")
    ready = forks.Event()
    process = forks.Process(target=_hold, args=(settings, ready))
    process.start()
    assert ready.wait(60)
    with push_folder(settings) as folder:
        kept = [one for one in settings.paths.push.iterdir() if one.is_dir() and one != folder]
    assert [(one / "rows.parquet").exists() for one in kept] == [True]
    assert not folder.exists()

    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with push_folder(settings) as folder:
        assert [one for one in settings.paths.push.iterdir() if one.is_dir()] == [folder]
    assert settings.paths.push.stat().st_mode & 0o077 == 0
