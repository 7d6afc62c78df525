"""Load: raw tables hold exactly what the gate let pass of each window's newest batch."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from touchproof import quarantine
from touchproof.errors import CheckFailedError, LockTimeoutError
from touchproof.landing import Landing, PartTable, Window
from touchproof.load import LoadReport, load_batches
from touchproof.quality.gate import run_gate
from touchproof.settings import Settings
from touchproof.sources import ledger
from touchproof.sources.extract import extract
from touchproof.sources.registry import entities
from touchproof.warehouse import connect_warehouse

DAY, NEXT = "2026-03-01", "2026-03-02"
NIGHT = date(2026, 3, 1)
Drops = Any


def night(drops: Drops, day: str = DAY, source: str = "media") -> LoadReport:
    """Extract, judge and load one night."""
    drops.extract(source, day)
    run_gate(drops.settings, date.fromisoformat(day), drops.clock)
    return load(drops, day)


def load(drops: Drops, day: str = DAY) -> LoadReport:
    return load_batches(drops.settings, date.fromisoformat(day), drops.clock)


def query(drops: Drops, sql: str) -> list[tuple[Any, ...]]:
    with closing(connect_warehouse(drops.settings.paths.warehouse)) as connection:
        return list(connection.execute(sql).fetchall())


def test_every_declared_table_exists_even_before_anything_landed(drops: Drops) -> None:
    report = load(drops)
    assert (report.rows_loaded, report.rows_total, report.windows_replaced) == (0, 0, 0)
    for entity in entities():
        described = query(drops, f'describe raw."{entity.raw_table}"')
        assert [row[0] for row in described] == entity.raw_schema.names


def test_rows_carry_where_they_came_from(drops: Drops) -> None:
    drops.spend(DAY)
    night(drops)
    [batch] = Landing(drops.settings.paths.landing).newest("media", "spend").values()
    assert query(
        drops,
        "select cost, _file, _row, _batch_id, _window_start, _window_end, _landed_at "
        "from raw.media__spend order by _row limit 1",
    ) == [
        (
            "12.50",
            "spend_google_ads_20260301.csv",
            1,
            batch.manifest.batch,
            date(2026, 3, 1),
            date(2026, 3, 2),
            datetime(2026, 6, 29, 5, 0),
        )
    ]


def test_excluded_rows_and_files_stay_out(drops: Drops) -> None:
    drops.spend(DAY, rows=150, cost="-1")
    drops.spend(DAY, rows=5, file_platform="meta_ads", cost="-1")
    report = night(drops)
    assert (report.rows_loaded, report.rows_total) == (149, 149)
    assert query(drops, "select count(*) from raw.media__spend where cost = '-1'") == [(0,)]


def test_a_batch_without_verdict_is_not_loaded(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    assert load(drops).rows_total == 0


def test_loading_again_is_a_no_op(drops: Drops) -> None:
    drops.spend(DAY)
    night(drops)
    before = query(drops, "from raw._loads")
    report = load(drops, NEXT)
    assert (report.windows_replaced, report.rows_loaded, report.rows_total) == (0, 0, 3)
    assert query(drops, "from raw._loads") == before


def test_a_superseding_batch_replaces_its_window_and_no_other(drops: Drops) -> None:
    drops.spend(DAY, cost="1.00")
    drops.spend(NEXT, rows=4, arrives=NEXT)
    night(drops, NEXT)
    drops.spend(DAY, rows=2, arrives="2026-03-03", cost="2.00")
    report = night(drops, "2026-03-03")
    assert (report.windows_replaced, report.rows_loaded, report.rows_total) == (1, 2, 6)
    assert query(
        drops,
        "select _window_start, count(*), max(cost) from raw.media__spend group by all order by 1",
    ) == [(date(2026, 3, 1), 2, "2.00"), (date(2026, 3, 2), 4, "12.50")]
    assert query(
        drops, "select window_start, rows, night from raw._loads where entity = 'spend' order by 1"
    ) == [(date(2026, 3, 1), 2, date(2026, 3, 3)), (date(2026, 3, 2), 4, date(2026, 3, 2))]


def test_a_refused_batch_leaves_the_older_accepted_rows(drops: Drops) -> None:
    drops.spend(DAY, cost="1.00")
    night(drops)
    drops.spend(DAY, rows=5, arrives=NEXT, cost="-1.00")
    report = night(drops, NEXT)
    assert (report.windows_replaced, report.rows_total) == (0, 3)


def test_released_rows_are_loaded_with_the_next_load(drops: Drops) -> None:
    drops.spend(DAY, rows=150, cost="-1")
    night(drops)
    [entry] = quarantine.list_entries(drops.settings)
    quarantine.release(drops.settings, entry.id, drops.clock, by="ops")
    report = night(drops)
    assert (report.windows_replaced, report.rows_total) == (1, 150)


def land_claims(settings: Settings, day: date, claim_ids: list[str]) -> None:
    end = date.fromordinal(day.toordinal() + 1)
    rows = [{"claim_id": claim, "fee_cents": 5000} for claim in claim_ids]
    table = pa.Table.from_pylist(rows, schema=ledger.CLAIMS.schema)
    Landing(settings.paths.landing).write(
        "ledger",
        "claims",
        Window(day, end),
        [PartTable("claims", table)],
        content_sha256=hashlib.sha256(repr((day, claim_ids)).encode()).hexdigest(),
        landed_at=datetime(2026, 3, 3, tzinfo=UTC),
    )


def test_of_the_ledger_only_the_newest_snapshot_is_kept_and_no_gate_is_asked(
    drops: Drops,
) -> None:
    land_claims(drops.settings, date(2026, 3, 1), ["a", "b"])
    assert load(drops).rows_total == 2
    land_claims(drops.settings, date(2026, 3, 2), ["a", "b", "c"])
    load(drops, NEXT)
    assert query(
        drops, "select claim_id, fee_cents, _window_start from raw.ledger__claims order by 1"
    ) == [(claim, 5000, date(2026, 3, 2)) for claim in "abc"]
    land_claims(drops.settings, date(2026, 3, 3), [])
    assert load(drops, "2026-03-03").rows_total == 0


def test_a_column_that_the_schema_gained_is_added_and_null_in_older_rows(drops: Drops) -> None:
    drops.spend(DAY)
    night(drops)
    query(drops, "alter table raw.media__spend drop column ad_group")
    drops.spend(NEXT, arrives=NEXT)
    night(drops, NEXT)
    assert query(
        drops, "select _window_start, count(ad_group) from raw.media__spend group by 1 order by 1"
    ) == [(date(2026, 3, 1), 0), (date(2026, 3, 2), 3)]


def test_rows_that_differ_from_the_verdict_s_promise_undo_the_load(drops: Drops) -> None:
    drops.spend(DAY, cost="1.00")
    night(drops)
    drops.spend(DAY, arrives=NEXT, cost="2.00")
    drops.extract("media", NEXT)
    run_gate(drops.settings, date(2026, 3, 2), drops.clock)
    batch = Landing(drops.settings.paths.landing).newest("media", "spend")[
        Window(date(2026, 3, 1), date(2026, 3, 2))
    ]
    [path] = batch.part_paths
    pq.write_table(pq.read_table(path, partitioning=None).slice(1), path)
    with pytest.raises(CheckFailedError, match="media__spend"):
        load(drops, NEXT)
    assert query(drops, "select max(cost), count(*) from raw.media__spend") == [("12.50", 3)]
    assert query(drops, "select cost from raw.media__spend where _row = 3") == [("1.00",)]


def test_a_load_waits_for_the_lock_and_then_names_its_holder(drops: Drops, tmp_path: Path) -> None:
    lock = drops.settings.paths.warehouse_lock
    lock.parent.mkdir(parents=True)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from touchproof.warehouse import warehouse_lock\n"
        f"with warehouse_lock(Path({str(lock)!r}), 'build'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        impatient = Settings(data_dir=tmp_path / "data", world="test", lock_timeout_seconds=0.1)
        told: list[str] = []
        with pytest.raises(LockTimeoutError, match="step build"):
            load_batches(impatient, NIGHT, drops.clock, on_wait=told.append)
        assert told
    finally:
        holder.communicate("")


@pytest.mark.parametrize("point", ["delete", "insert", "remember", "before-commit"])
def test_a_load_killed_anywhere_leaves_the_old_rows_and_the_next_one_finishes(
    drops: Drops, point: str
) -> None:
    drops.spend(DAY, cost="1.00")
    night(drops)
    drops.spend(DAY, arrives=NEXT, rows=7, cost="2.00")
    drops.extract("media", NEXT)
    run_gate(drops.settings, date(2026, 3, 2), drops.clock)
    after = {
        "delete": "delete_windows",
        "insert": "insert_batches",
        "remember": "remember_loads",
        "before-commit": "count_rows",
    }[point]
    code = f"""
import os, signal
from datetime import UTC, date, datetime
from pathlib import Path
import touchproof.load as load
from touchproof.settings import Settings

real = load.{after}
def then_die(connection, entity, *rest):
    result = real(connection, entity, *rest)
    if entity.raw_table == "media__spend":
        os.kill(os.getpid(), signal.SIGKILL)
    return result
load.{after} = then_die
settings = Settings(data_dir=Path({str(drops.settings.data_dir)!r}), world="test")
load.load_batches(settings, date(2026, 3, 2), lambda: datetime(2026, 3, 3, tzinfo=UTC))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    count = "select count(*), max(cost) filter (_row = 3) from raw.media__spend"
    assert query(drops, count) == [(3, "1.00")]
    assert query(drops, "select rows from raw._loads where entity = 'spend'") == [(3,)]
    assert load(drops, NEXT).rows_loaded == 7
    assert query(drops, "select count(*) from raw.media__spend") == [(7,)]


def test_a_large_first_load_shows_its_rows_at_once(drops: Drops) -> None:
    """DuckDB 2.0 hides large inserts into tables made empty by the same transaction."""
    rows = 300_000
    table = pa.table(
        {
            "identifier_hmac": pa.array([f"{number:032x}" for number in range(rows)]),
            "person_id": pa.array(["per_x"] * rows),
            "assigned_night": pa.array([NIGHT] * rows),
        }
    )
    Landing(drops.settings.paths.landing).write(
        "ledger",
        "person_ids",
        Window(date(2026, 3, 1), date(2026, 3, 2)),
        [PartTable("person_ids", table)],
        content_sha256="cd" * 32,
        landed_at=datetime(2026, 3, 3, tzinfo=UTC),
    )
    assert load(drops).rows_total == rows
    sql = "select count(distinct identifier_hmac) from raw.ledger__person_ids"
    assert query(drops, sql) == [(rows,)]


row = st.fixed_dictionaries(
    {
        "impressions": st.sampled_from(["10", "0", "", "-1", "x"]),
        "cost": st.sampled_from(["1.00", "1", "0", "0.5", "-2", "", "1,5"]),
        "campaign_name": st.text(
            st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8
        ),
        "currency": st.sampled_from(["USD", "CAD", "CAD", "EUR"]),
    }
)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=st.lists(st.lists(row, min_size=1, max_size=12), min_size=1, max_size=3))
def test_rows_in_are_rows_loaded_plus_rows_quarantined(files: list[list[dict[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), world="test")
        write_spend_files(settings, files)
        report = extract("media", NIGHT, settings, clock)
        gated = run_gate(settings, NIGHT, clock)
        loaded = load_batches(settings, NIGHT, clock)
        total = sum(len(rows) for rows in files)
        assert report.rows == gated.rows_in == total
        assert gated.rows_in == gated.rows_loaded + gated.rows_quarantined
        assert loaded.rows_total == gated.rows_loaded
        kept = sum(entry.reason.row_count for entry in quarantine.list_entries(settings))
        assert kept == gated.rows_quarantined


def clock() -> datetime:
    return datetime(2026, 3, 2, 5, tzinfo=UTC)


def write_spend_files(settings: Settings, files: list[list[dict[str, str]]]) -> None:
    columns = "date,platform,campaign_code,campaign_name,ad_group,impressions,clicks,cost,currency"
    folder = settings.drops / DAY / "media"
    folder.mkdir(parents=True)
    for number, rows in enumerate(files):
        with (folder / f"spend_p{number}_20260301.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns.split(","), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            for line, values in enumerate(rows):
                writer.writerow(
                    {
                        "date": DAY,
                        "platform": f"p{number}",
                        "campaign_code": f"C{line}",
                        "ad_group": "",
                        "clicks": "1",
                        **values,
                    }
                )


def test_a_bank_without_a_legal_basis_stays_out_with_one_sentence_and_the_others_come_in(
    drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = "M{};PRET;01.03.2026;;Zoé;;01.01.1990;;;;1,00;"
    rows = [row.format(number) for number in range(3)]
    drops.table(DAY, "bank_maple", "maple", "ouvertures_20260301.txt", rows)
    drops.spend(DAY, rows=2)
    sentence = "The bank maple has no legal basis for the data that it shares."
    monkeypatch.setattr("touchproof.load.banks_without_basis", lambda: {"maple": sentence})
    drops.extract("bank_maple", DAY)
    report = night(drops)
    assert report.stopped == (sentence,)
    assert report.rows_loaded == 2
    assert query(drops, "select count(*) from raw.bank_maple__openings") == [(0,)]
    monkeypatch.setattr("touchproof.load.banks_without_basis", dict)
    assert load(drops).rows_loaded == 3
