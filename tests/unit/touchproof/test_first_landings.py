"""First landings: a row sent once more keeps the batch and the moment in which it first came."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from touchproof.landing import Landing
from touchproof.load import load_batches
from touchproof.quality.gate import run_gate
from touchproof.warehouse import connect_warehouse

DAY, NEXT, THIRD = "2026-03-01", "2026-03-02", "2026-03-03"
Drops = Any
Landed = tuple[str, str, datetime]


def night(drops: Drops, day: str) -> None:
    """Extract, judge and load one night, which begins at six the next morning."""
    moment = datetime.fromisoformat(f"{day}T06:00:00").replace(tzinfo=UTC)
    later = replace(drops, clock=lambda: moment)
    later.extract("media", day)
    run_gate(drops.settings, date.fromisoformat(day), later.clock)
    load_batches(drops.settings, date.fromisoformat(day), later.clock)


def landed(drops: Drops) -> list[Landed]:
    with closing(connect_warehouse(drops.settings.paths.warehouse)) as connection:
        return connection.execute(
            "select campaign_code, cost, _landed_at from raw.media__spend order by 1, 2"
        ).fetchall()


def at_six(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T06:00:00")


def test_equal_rows_keep_their_first_landing_and_changed_and_late_ones_are_new(
    drops: Drops,
) -> None:
    drops.spend(DAY, rows=3)
    night(drops, DAY)
    drops.spend(DAY, rows=3, arrives=NEXT, cost="9.99")
    night(drops, NEXT)
    drops.spend(DAY, rows=4, arrives=THIRD)
    night(drops, THIRD)
    assert landed(drops) == [
        ("C0", "12.50", at_six(DAY)),
        ("C1", "12.50", at_six(DAY)),
        ("C2", "12.50", at_six(DAY)),
        ("C3", "12.50", at_six(THIRD)),
    ]


def test_a_row_names_the_batch_that_held_it_first(drops: Drops) -> None:
    drops.spend(DAY, rows=2)
    night(drops, DAY)
    drops.spend(DAY, rows=2, arrives=NEXT, cost="9.99")
    night(drops, NEXT)
    [window] = Landing(drops.settings.paths.landing).newest("media", "spend")
    first, second = Landing(drops.settings.paths.landing).of_window("media", "spend", window)
    with closing(connect_warehouse(drops.settings.paths.warehouse)) as connection:
        rows = connection.execute(
            "select cost, _batch_id from raw.media__spend order by campaign_code"
        ).fetchall()
    assert rows == [("12.50", first.manifest.batch), ("9.99", second.manifest.batch)]


def test_a_rebuilt_warehouse_says_the_same(drops: Drops) -> None:
    drops.spend(DAY, rows=3)
    night(drops, DAY)
    drops.spend(DAY, rows=4, arrives=NEXT)
    night(drops, NEXT)
    before = landed(drops)
    drops.settings.paths.warehouse.unlink()
    load_batches(drops.settings, date.fromisoformat(NEXT), drops.clock)
    assert landed(drops) == before
    assert {row[2] for row in before} == {at_six(DAY), at_six(NEXT)}
