"""What the ledger promises: one owner, all or nothing, nothing lost between processes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from touchproof.errors import LedgerError
from touchproof.ledger import schema
from touchproof.ledger.records import AcknowledgedRow
from touchproof.ledger.store import Ledger, fetch_arrow
from touchproof.settings import Settings

ORG = "00D000000000001"


def _row(key: str, fields: dict[str, str | None], origin: str = "read") -> AcknowledgedRow:
    return AcknowledgedRow("Lead", key, key, fields, origin)


def _commit(ledger: Ledger, night: date, at: datetime, **changes: object) -> None:
    values: dict[str, object] = {
        "published_at": at,
        "published_sha256": "a" * 64,
        "handoff_hashes": {"sync/sync_lead_consent.parquet": "b" * 64},
        "mart_hashes": {"fct_touchpoints": "c" * 32},
        "ledger_batch": {"person_ids": "d" * 64},
    }
    ledger.commit_night(night, **(values | changes))  # type: ignore[arg-type]


def test_another_world_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="belongs to the world test, not to main"):
        Ledger(ledger.url, "main")


def test_another_org_is_refused_once_the_ledger_has_one(ledger: Ledger) -> None:
    ledger.require_org(ORG)
    ledger.require_org(ORG)
    with pytest.raises(LedgerError, match="belongs to the org_id"):
        Ledger(ledger.url, "test", "00D000000000002")
    with pytest.raises(LedgerError, match="belongs to the org_id"):
        ledger.acknowledged("00D000000000002")


def test_the_file_is_readable_by_its_owner_alone(settings: Settings, ledger: Ledger) -> None:
    file = settings.paths.ledger
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    Ledger.of(settings)
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_database_is_durable_and_keeps_its_references(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        pragmas = {
            name: connection.execute(text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_ledger_in_memory_is_refused() -> None:
    with pytest.raises(LedgerError, match="memory"):
        Ledger("sqlite://", "test")


def test_a_night_is_committed_whole_or_not_at_all(
    ledger: Ledger, night: date, now: datetime
) -> None:
    persons = [("h1", "per_1"), ("h2", None)]
    with pytest.raises(IntegrityError):
        _commit(ledger, night, now, new_person_ids=persons)
    assert ledger.last_published_night() is None
    with ledger.reading() as connection:
        assert connection.execute(select(schema.person_ids)).all() == []


def test_a_repeated_night_replaces_its_hashes_and_keeps_known_persons(
    ledger: Ledger, night: date, now: datetime
) -> None:
    table = pa.table({"identifier_hmac": ["h1", "h2"], "person_id": ["per_1", "per_2"]})
    _commit(ledger, night, now, new_person_ids=table, person_id_changes=[("per_2", "per_1")])
    again = [("h2", "per_9"), ("h3", "per_3")]
    _commit(
        ledger,
        night,
        now,
        published_sha256="e" * 64,
        new_person_ids=again,
        person_id_changes=[("per_2", "per_1")],
    )
    (row,) = ledger.published_nights()
    assert row == ledger.last_published_night()
    assert (row.night, row.published_sha256) == (night, "e" * 64)
    assert row.handoff_hashes == {"sync/sync_lead_consent.parquet": "b" * 64}
    assert row.published_at == now
    with ledger.reading() as connection:
        persons = connection.execute(select(schema.person_ids).order_by("identifier_hmac")).all()
    assert [tuple(person) for person in persons] == [
        ("h1", "per_1", night),
        ("h2", "per_2", night),
        ("h3", "per_3", night),
    ]


def test_the_last_published_night_is_the_latest_even_if_an_older_one_is_repeated(
    ledger: Ledger, night: date, now: datetime
) -> None:
    _commit(ledger, night, now)
    _commit(ledger, date(2026, 6, 27), now)
    last = ledger.last_published_night()
    assert last is not None
    assert last.night == night


def test_the_newest_run_of_a_step_counts(ledger: Ledger, night: date, now: datetime) -> None:
    ledger.record_run(night, "gate", "failed", {"rows": 1}, now)
    ledger.record_run(night, "load", "ok", {"rows": 2}, now)
    ledger.record_run(night, "gate", "ok", {"rows": 3}, now)
    ledger.record_run(date(2026, 6, 27), "gate", "stale", {}, now)
    found = {(run.step, run.status, run.report["rows"]) for run in ledger.runs(night)}
    assert found == {("load", "ok", 2), ("gate", "ok", 3)}
    assert len(ledger.runs()) == 3
    with pytest.raises(LedgerError, match="fresh"):
        ledger.record_run(night, "gate", "fresh", {}, now)


def test_a_moment_without_a_time_zone_is_refused(ledger: Ledger, night: date) -> None:
    with pytest.raises(Exception, match="time zone"):
        ledger.record_run(night, "gate", "ok", {}, datetime(2026, 6, 29, 5))
    assert ledger.runs() == []


def test_acknowledged_values_merge_field_by_field_and_keep_known_emptiness(
    ledger: Ledger, now: datetime
) -> None:
    ledger.acknowledge(ORG, [_row("00Q1", {"A": "1", "B": None}, "baseline")], at=now)
    ledger.acknowledge(ORG, [_row("00Q1", {"A": None, "C": "é"}, "pushed")], at=now)
    (row,) = ledger.acknowledged(ORG, "Lead").to_pylist()
    assert json.loads(row["fields_json"]) == {"A": None, "B": None, "C": "é"}
    assert row["origin"] == "pushed"
    assert ledger.acknowledged(ORG, "Contact").num_rows == 0


def test_many_records_are_merged_and_read_one_by_one(ledger: Ledger, now: datetime) -> None:
    many = [f"00Q{number:06d}" for number in range(20_003)]
    ledger.acknowledge(ORG, [_row(record, {"A": record}) for record in many[:1_200]], at=now)
    ledger.acknowledge(ORG, [_row(record, {"B": record}) for record in many], at=now)
    shape = pa.schema([("record_key", pa.string()), ("fields_json", pa.string())])
    query = select(*(schema.acknowledged.c[name] for name in shape.names))
    with ledger.reading() as connection:
        tables = list(fetch_arrow(connection, query, shape))
    assert len(tables) > 1
    found = {row["record_key"]: json.loads(row["fields_json"]) for row in rows_of(tables)}
    assert found == {
        record: {"A": record, "B": record} if number < 1_200 else {"B": record}
        for number, record in enumerate(many)
    }
    assert sum(table.num_rows for table in tables) == len(many)


def rows_of(tables: list[pa.Table]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist()
    return rows


def test_acknowledging_joins_the_callers_transaction(ledger: Ledger, now: datetime) -> None:
    with pytest.raises(RuntimeError), ledger.transaction() as connection:
        ledger.acknowledge(ORG, [_row("00Q1", {"A": "1"})], at=now, connection=connection)
        raise RuntimeError("the other half failed")
    assert ledger.acknowledged(ORG).num_rows == 0


def test_a_record_has_at_most_one_unfinished_outbox_row(
    ledger: Ledger, night: date, now: datetime
) -> None:
    row = {
        "org_id": ORG,
        "lane": "nightly",
        "night": night,
        "object": "Lead",
        "record_key": "app:1",
        "operation": "upsert",
        "fields_json": "{}",
        "state": "planned",
        "planned_at": now,
        "changed_at": now,
    }
    with ledger.transaction() as connection:
        connection.execute(schema.outbox.insert(), row)
    with pytest.raises(IntegrityError), ledger.transaction() as connection:
        connection.execute(schema.outbox.insert(), row)
    with ledger.transaction() as connection:
        connection.execute(schema.outbox.update().values(state="done", finished_at=now))
        connection.execute(schema.outbox.insert(), row)


@pytest.mark.parametrize("action", ["update", "delete"])
def test_the_claims_log_refuses_to_be_rewritten(
    ledger: Ledger, now: datetime, night: date, action: str
) -> None:
    claim = {
        "claim_id": "cl_1",
        "bank_id": "bank_maple",
        "bank_opening_id": "bank_maple:1",
        "fee_kind": "opening",
        "person_id": "per_1",
        "product_line": "savings",
        "opened_at": now,
        "opened_date": night,
        "status": "candidate",
        "fee_cents": 1,
        "currency": "CAD",
        "registered_at": now,
        "status_at": now,
    }
    event = {
        "claim_id": "cl_1",
        "to_status": "candidate",
        "happened_at": now,
        "actor": "os:a",
        "reason": "r",
    }
    with ledger.transaction() as connection:
        connection.execute(schema.claims.insert(), claim)
        connection.execute(schema.claim_events.insert(), event)
    statement = (
        schema.claim_events.update().values(actor="os:b")
        if action == "update"
        else schema.claim_events.delete()
    )
    with pytest.raises(IntegrityError, match="append-only"), ledger.transaction() as connection:
        connection.execute(statement)
    with ledger.reading() as connection:
        assert connection.execute(select(schema.claim_events.c.actor)).scalars().all() == ["os:a"]


_WRITER = """
import sys
from datetime import UTC, date, datetime
from touchproof.ledger.store import Ledger
url, name = sys.argv[1:]
ledger = Ledger(url, "test")
for number in range(40):
    ledger.record_run(date(2026, 6, 28), f"{name}:{number}", "ok", {}, datetime.now(UTC))
    with ledger.transaction() as connection:
        table = __import__("touchproof.ledger.schema").ledger.schema.meta
        from sqlalchemy import select
        value = connection.scalar(select(table.c.value).where(table.c.name == "counter"))
        if value is None:
            connection.execute(table.insert().values(name="counter", value="1"))
        else:
            connection.execute(table.update().where(table.c.name == "counter")
                               .values(value=str(int(value) + 1)))
"""


def test_two_processes_that_make_and_write_one_ledger_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger/touchproof.sqlite"
    children = [
        subprocess.Popen([sys.executable, "-c", _WRITER, url, name], stderr=subprocess.PIPE)
        for name in ("first", "second", "third")
    ]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors.decode()
    ledger = Ledger(url, "test")
    assert len(ledger.runs()) == 120
    with ledger.reading() as connection:
        counter = connection.scalar(
            select(schema.meta.c.value).where(schema.meta.c.name == "counter")
        )
    assert counter == "120"


_KILLED = """
import os, signal, sys
from datetime import UTC, date, datetime
from touchproof.ledger.store import Ledger
ledger = Ledger(sys.argv[1], "test")
def persons():
    for number in range(5000):
        yield (f"h{number}", f"per_{number}")
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
now = datetime(2026, 6, 29, 5, tzinfo=UTC)
with ledger.transaction() as connection:
    from touchproof.ledger import schema
    connection.execute(schema.meta.insert().values(name="half", value="1"))
    if sys.argv[2] == "within":
        os.kill(os.getpid(), signal.SIGKILL)
    connection.rollback()
ledger.commit_night(date(2026, 6, 28), published_at=now, published_sha256="a", handoff_hashes={},
                    mart_hashes={}, ledger_batch={}, new_person_ids=persons())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "nights"), [("within", 0), ("before", 0), ("after", 1)])
def test_a_killed_process_leaves_a_whole_night_or_none(
    tmp_path: Path, moment: str, nights: int
) -> None:
    url = f"sqlite:///{tmp_path}/touchproof.sqlite"
    done = subprocess.run([sys.executable, "-c", _KILLED, url, moment], check=False)
    assert done.returncode == -9
    ledger = Ledger(url, "test")
    assert len(ledger.published_nights()) == nights
    with ledger.reading() as connection:
        assert connection.scalar(text("select count(*) from meta where name = 'half'")) == 0
        assert connection.scalar(text("select count(*) from person_ids")) == nights * 5000


def test_times_come_back_as_the_same_moment_in_utc(ledger: Ledger, night: date) -> None:
    moment = datetime.fromisoformat("2026-06-29T01:00:00-04:00")
    ledger.record_run(night, "gate", "ok", {}, moment)
    (run,) = ledger.runs()
    assert run.recorded_at == datetime(2026, 6, 29, 5, tzinfo=UTC)


def test_opening_the_ledger_again_doesnt_unlock_what_is_open(ledger: Ledger) -> None:
    """Another process that closes the file must still see that we have it open."""
    file = Path(str(ledger.engine.url.database))
    log = file.with_name(f"{file.name}-wal")
    writes = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute(\"insert into meta values ('other', 'process')\"); db.close()"
    )
    with ledger.reading() as view:
        view.execute(select(schema.meta.c.name)).all()
        Ledger(ledger.url, ledger.world)
        subprocess.run([sys.executable, "-c", writes, str(file)], check=True, timeout=60)
        is_there = log.exists()

    assert is_there
