"""Quarantine keeps what was refused, once, with the reason and what a person decided."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from touchproof import quarantine
from touchproof.errors import BadInputError
from touchproof.landing import Landing
from touchproof.quarantine import Reason

DAY = "2026-03-01"
NEXT = "2026-03-02"
Drops = Any

REASON = Reason(
    source="media",
    entity="spend",
    file="spend_x_20260301.csv",
    content="c0ffee",
    window="2026-03-01_2026-03-02",
    kind="structural",
    rule="ragged_rows",
    column=None,
    rows=(),
    row_count=0,
    shape=None,
    rows_in=None,
    night=DAY,
    what_to_do="Ask again.",
)


def keep_nothing(folder: Path) -> None:
    (folder / "rows.parquet").write_bytes(b"")


def test_the_same_fault_is_one_entry_and_other_content_or_rule_is_another(tmp_path: Path) -> None:
    assert quarantine.write_entry(tmp_path, REASON, keep_nothing, "t")
    assert not quarantine.write_entry(tmp_path, replace(REASON, night=NEXT), keep_nothing, "u")
    assert quarantine.write_entry(tmp_path, replace(REASON, content="dead"), keep_nothing, "t")
    assert quarantine.write_entry(tmp_path, replace(REASON, rule="nul_bytes"), keep_nothing, "t")


def test_an_entry_whose_reason_was_not_written_does_not_count_and_is_written_again(
    drops: Drops,
) -> None:
    root = drops.settings.paths.quarantine

    def killed(folder: Path) -> None:
        (folder / ".original.tmp").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quarantine.write_entry(root, REASON, killed, "t")
    assert quarantine.list_entries(drops.settings) == []
    assert quarantine.write_entry(root, REASON, keep_nothing, "t")
    [entry] = quarantine.list_entries(drops.settings)
    assert entry.payload is not None
    assert entry.payload.name == "rows.parquet"


def test_the_reason_on_disk_has_the_agreed_fields(drops: Drops) -> None:
    quarantine.write_entry(drops.settings.paths.quarantine, REASON, keep_nothing, "t")
    [path] = drops.settings.paths.quarantine.glob(f"media/spend/{REASON.id}/_reason.json")
    assert set(json.loads(path.read_text())) >= {
        "id",
        "source",
        "entity",
        "file",
        "window",
        "kind",
        "rule",
        "column",
        "rows",
        "shape",
        "rows_in",
        "found_at",
        "what_to_do",
    }


def duplicate(drops: Drops) -> str:
    original = drops.spend(DAY)
    drops.put(NEXT, "media", "spend_google_ads_20260302.csv", original.read_bytes())
    drops.extract("media", NEXT)
    [entry] = quarantine.list_entries(drops.settings)
    return str(entry.id)


def windows(drops: Drops) -> list[str]:
    return [w.name for w in Landing(drops.settings.paths.landing).newest("media", "spend")]


def test_a_released_duplicate_lands_with_the_next_extract_and_only_once(drops: Drops) -> None:
    entry_id = duplicate(drops)
    released = quarantine.release(
        drops.settings, entry_id[:6], drops.clock, by="ops", note="two bookings"
    )
    assert released.decision is not None
    assert (released.decision.by, released.decision.decided_at) == (
        "ops",
        "2026-06-29T05:00:00+00:00",
    )
    assert drops.extract("media", NEXT).rows == 3
    assert windows(drops) == ["2026-03-01_2026-03-02", "2026-03-02_2026-03-03"]
    assert drops.extract("media", NEXT).batches == 0
    assert quarantine.list_entries(drops.settings) == []
    assert len(quarantine.list_entries(drops.settings, include_decided=True)) == 1


def test_a_released_file_stays_landed_when_its_window_is_read_again(drops: Drops) -> None:
    entry_id = duplicate(drops)
    quarantine.release(drops.settings, entry_id, drops.clock, by="ops")
    drops.extract("media", NEXT)
    drops.spend(NEXT, file_platform="meta_ads", arrives="2026-03-03")
    assert drops.extract("media", "2026-03-03").rows == 6


def test_a_file_that_still_cannot_be_read_is_not_released(drops: Drops) -> None:
    drops.put(DAY, "email", "events_20260301.json.gz", b"\x1f\x8b")
    drops.extract("email", DAY)
    [entry] = quarantine.list_entries(drops.settings)
    with pytest.raises(BadInputError, match="truncated gzip"):
        quarantine.release(drops.settings, entry.id, drops.clock, by="ops")
    assert quarantine.show(drops.settings, entry.id).decision is None


def test_a_file_of_an_unknown_name_is_not_released(drops: Drops) -> None:
    drops.put(DAY, "email", "report.xlsx", b"x")
    drops.extract("email", DAY)
    [entry] = quarantine.list_entries(drops.settings)
    assert entry.reason.entity == "unknown"
    with pytest.raises(BadInputError, match="Rename"):
        quarantine.release(drops.settings, entry.id, drops.clock, by="ops")


def test_a_discarded_entry_loses_its_original_and_keeps_its_record(drops: Drops) -> None:
    entry_id = duplicate(drops)
    discarded = quarantine.discard(drops.settings, entry_id, drops.clock, by="ops", note="twice")
    assert discarded.payload is None
    assert quarantine.show(drops.settings, entry_id).decision == discarded.decision
    drops.extract("media", "2026-03-03", from_=date(2026, 3, 1))
    assert windows(drops) == ["2026-03-01_2026-03-02"]
    assert quarantine.list_entries(drops.settings) == []


def test_a_decision_is_not_turned_round(drops: Drops) -> None:
    entry_id = duplicate(drops)
    first = quarantine.release(drops.settings, entry_id, drops.clock, by="ops")
    assert quarantine.release(drops.settings, entry_id, drops.clock, by="other") == first
    with pytest.raises(BadInputError, match="released"):
        quarantine.discard(drops.settings, entry_id, drops.clock, by="ops")


@pytest.mark.parametrize("entry_id", ["", "zzz"])
def test_an_unknown_id_is_bad_input(drops: Drops, entry_id: str) -> None:
    duplicate(drops)
    with pytest.raises(BadInputError, match="quarantine list"):
        quarantine.show(drops.settings, entry_id)
