"""A night is built from the ledger as it was, however often it is repeated."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchproof.errors import LedgerError
from touchproof.ledger import schema
from touchproof.ledger.claims import register_candidates
from touchproof.ledger.snapshot import LEDGER_SCHEMAS, land_ledger
from touchproof.ledger.store import Ledger
from touchproof.settings import Settings

Clock = Callable[[], datetime]


def _commit(ledger: Ledger, settings: Settings, night: date, clock: Clock) -> None:
    batches = land_ledger(settings, night, clock)
    ledger.commit_night(
        night,
        published_at=clock(),
        published_sha256="a",
        handoff_hashes={},
        mart_hashes={},
        ledger_batch={batch.manifest.entity: batch.manifest.content_sha256 for batch in batches},
        new_person_ids=[(f"h{night}", f"per_{night}")],
    )


def test_a_first_night_lands_empty_typed_tables(
    settings: Settings, night: date, fixed_clock: Clock
) -> None:
    batches = land_ledger(settings, night, fixed_clock)
    assert [batch.manifest.entity for batch in batches] == list(LEDGER_SCHEMAS)
    for batch in batches:
        assert (batch.window.start, batch.window.end) == (night, night + timedelta(days=1))
        (part,) = batch.part_paths
        table = pq.read_table(part, partitioning=None)
        assert table.num_rows == 0
        landed = table.drop_columns(["_file", "_row"]).schema.remove_metadata()
        assert landed == LEDGER_SCHEMAS[batch.manifest.entity]


def test_the_rows_land_in_key_order_with_times_in_utc(
    settings: Settings, ledger: Ledger, night: date, fixed_clock: Clock, referrals: pa.Table
) -> None:
    register_candidates(ledger, referrals, fixed_clock, "os:test")
    with ledger.transaction() as connection:
        rows = [
            {
                "identifier_hmac": name,
                "channel": "email",
                "suppressed_at": datetime.fromisoformat("2026-06-01T00:00:00-04:00"),
                "reason": "bounced",
            }
            for name in ("h2", "h1")
        ]
        connection.execute(schema.suppressions.insert(), rows)
    _, claims, suppressions, *_ = land_ledger(settings, night, fixed_clock)
    landed = pq.read_table(suppressions.part_paths[0], partitioning=None)
    assert landed["identifier_hmac"].to_pylist() == ["h1", "h2"]
    assert landed["suppressed_at"][0].as_py() == datetime(2026, 6, 1, 4)
    found = pq.read_table(claims.part_paths[0], partitioning=None)
    assert found["claim_id"].to_pylist() == referrals["claim_id"].to_pylist()[:3]
    assert found["status"].to_pylist() == ["candidate"] * 3
    assert found["opened_at"].to_pylist() == referrals["opened_at"].to_pylist()[:3]


def test_the_same_state_is_the_same_batch_and_another_state_supersedes_it(
    settings: Settings, ledger: Ledger, night: date, fixed_clock: Clock, referrals: pa.Table
) -> None:
    first = land_ledger(settings, night, fixed_clock)
    assert land_ledger(settings, night, fixed_clock) == first
    register_candidates(ledger, referrals, fixed_clock, "os:test")
    second = land_ledger(settings, night, fixed_clock)
    assert (second[0], second[2]) == (first[0], first[2])
    assert second[1].manifest.supersedes == first[1].manifest.batch


def test_a_committed_night_is_built_from_the_same_state_again(
    settings: Settings, ledger: Ledger, night: date, fixed_clock: Clock, referrals: pa.Table
) -> None:
    first = land_ledger(settings, night, fixed_clock)
    _commit(ledger, settings, night, fixed_clock)
    register_candidates(ledger, referrals, fixed_clock, "os:test")
    assert land_ledger(settings, night, fixed_clock) == first
    following = night + timedelta(days=1)
    second = land_ledger(settings, following, fixed_clock)
    assert [batch.manifest.rows for batch in second] == [1, 3, 0, 0, 0, 0]
    _commit(ledger, settings, following, fixed_clock)
    assert land_ledger(settings, night, fixed_clock) == first


def test_a_committed_night_without_its_batch_is_not_built_from_todays_state(
    settings: Settings, ledger: Ledger, night: date, fixed_clock: Clock
) -> None:
    _commit(ledger, settings, night, fixed_clock)
    shutil.rmtree(settings.paths.landing)
    with pytest.raises(LedgerError, match="gone from landing"):
        land_ledger(settings, night, fixed_clock)
