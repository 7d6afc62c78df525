"""Arrived files become batches: each once, the newest readable one, faults set aside."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from touchproof import quarantine
from touchproof.errors import BadInputError, SourceUnavailableError
from touchproof.landing import Batch, Landing, Window
from touchproof.settings import Settings
from touchproof.sources.extract import extract

DAY = "2026-03-01"
NEXT = "2026-03-02"
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 2))
Drops = Any
Event = Callable[..., dict[str, Any]]


def newest(drops: Drops, source: str, entity: str) -> dict[Window, Batch]:
    return Landing(drops.settings.paths.landing).newest(source, entity)


def landed_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        row
        for path in batch.part_paths
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]


def quarantined(drops: Drops) -> list[tuple[str, str]]:
    return [
        (entry.reason.file, entry.reason.rule) for entry in quarantine.list_entries(drops.settings)
    ]


def test_the_files_of_one_day_land_as_one_batch_of_that_day_s_window(drops: Drops) -> None:
    drops.spend(DAY, rows=3)
    drops.spend(DAY, rows=2, file_platform="meta_ads")
    report = drops.extract("media", DAY)
    assert (report.status, report.batches, report.rows, report.files) == ("fresh", 1, 5, 2)
    [(window, batch)] = newest(drops, "media", "spend").items()
    assert window == WINDOW
    rows = landed_rows(batch)
    assert [(row["_file"], row["_row"]) for row in rows] == [
        ("spend_google_ads_20260301.csv", 1),
        ("spend_google_ads_20260301.csv", 2),
        ("spend_google_ads_20260301.csv", 3),
        ("spend_meta_ads_20260301.csv", 1),
        ("spend_meta_ads_20260301.csv", 2),
    ]
    assert rows[0]["cost"] == "12.50"


def test_repeating_a_night_is_a_no_op(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    files = {path: path.stat().st_mtime_ns for path in drops.settings.paths.root.rglob("*")}
    report = drops.extract("media", DAY)
    assert (report.batches, report.rows, report.files, report.quarantined_files) == (0, 0, 0, 0)
    assert files == {path: path.stat().st_mtime_ns for path in drops.settings.paths.root.rglob("*")}


def test_a_lost_memory_of_seen_files_costs_a_re_read_and_changes_nothing(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    before = newest(drops, "media", "spend")
    (drops.settings.paths.landing / "media" / "_arrivals.json").write_text('{"arrivals": [{')
    assert drops.extract("media", DAY).batches == 0
    assert newest(drops, "media", "spend") == before


def test_a_batch_without_manifest_from_a_killed_run_is_written_anew(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    [batch] = newest(drops, "media", "spend").values()
    (batch.path / "_manifest.json").unlink()
    (drops.settings.paths.landing / "media" / "_arrivals.json").unlink()
    (batch.path / "part-00000.parquet").write_bytes(b"half")
    assert drops.extract("media", DAY).batches == 1
    [again] = newest(drops, "media", "spend").values()
    assert again.manifest.batch == batch.manifest.batch
    assert len(landed_rows(again)) == 3


def test_files_of_days_after_the_night_wait(drops: Drops) -> None:
    drops.spend(DAY)
    drops.spend(NEXT, arrives=NEXT)
    assert drops.extract("media", DAY).batches == 1
    assert list(newest(drops, "media", "spend")) == [WINDOW]
    assert drops.extract("media", NEXT).batches == 1


def test_a_later_arrival_of_the_same_file_supersedes_the_earlier_batch(drops: Drops) -> None:
    drops.spend(DAY, cost="1.00")
    drops.extract("media", DAY)
    [first] = newest(drops, "media", "spend").values()
    drops.spend(DAY, arrives=NEXT, cost="2.00")
    drops.extract("media", NEXT)
    [second] = newest(drops, "media", "spend").values()
    assert second.manifest.supersedes == first.manifest.batch
    assert landed_rows(second)[-1]["cost"] == "2.00"


def test_of_two_arrivals_seen_at_once_only_the_newest_lands(drops: Drops) -> None:
    drops.spend(DAY, cost="1.00")
    drops.spend(DAY, arrives=NEXT, cost="2.00")
    assert drops.extract("media", NEXT).rows == 3
    [batch] = newest(drops, "media", "spend").values()
    assert batch.manifest.supersedes is None
    assert landed_rows(batch)[-1]["cost"] == "2.00"


def test_the_same_content_sent_again_on_a_later_day_changes_nothing(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    drops.spend(DAY, arrives=NEXT)
    report = drops.extract("media", NEXT)
    assert (report.batches, report.quarantined_files) == (0, 0)


def test_repeating_an_older_night_does_not_take_newer_rows_away(drops: Drops) -> None:
    drops.spend(DAY, cost="1.00")
    drops.spend(DAY, arrives=NEXT, cost="2.00")
    drops.extract("media", NEXT)
    drops.extract("media", DAY, from_=date(2026, 3, 1))
    [batch] = newest(drops, "media", "spend").values()
    assert landed_rows(batch)[-1]["cost"] == "2.00"


def test_a_file_of_the_day_that_comes_late_joins_the_window_s_other_files(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    drops.spend(DAY, file_platform="meta_ads", arrives=NEXT)
    assert drops.extract("media", NEXT).rows == 6
    [batch] = newest(drops, "media", "spend").values()
    assert len(batch.manifest.parts) == 2


def test_a_late_file_joins_even_after_the_earlier_drops_were_cleared_away(drops: Drops) -> None:
    drops.spend(DAY)
    drops.extract("media", DAY)
    shutil.rmtree(drops.settings.drops / DAY)
    drops.spend(DAY, file_platform="meta_ads", arrives=NEXT)
    assert drops.extract("media", NEXT).rows == 6
    [batch] = newest(drops, "media", "spend").values()
    assert [part.source_file for part in batch.manifest.parts] == [
        "spend_google_ads_20260301.csv",
        "spend_meta_ads_20260301.csv",
    ]


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        (
            "events_20260301.json.gz",
            gzip.compress(b"[" + b" " * 999, mtime=0)[:-9],
            "truncated_gzip",
        ),
        ("events_20260301.json.gz", b"", "empty_file"),
        ("events_20260301.json.gz", gzip.compress(b"[]", mtime=0), "no_data_rows"),
        ("events_20260301.json.gz", gzip.compress(b"[{]", mtime=0), "damaged_json"),
        ("events_2026031.json.gz", gzip.compress(b"[]"), "unknown_file_name"),
        ("events_20261301.json.gz", gzip.compress(b"[]"), "unknown_file_name"),
    ],
    ids=["truncated-gzip", "empty", "no-rows", "damaged", "unknown-name", "impossible-date"],
)
def test_a_structural_fault_quarantines_the_file_and_the_rest_goes_on(
    drops: Drops, event: Event, name: str, content: bytes, rule: str
) -> None:
    bad = drops.put(DAY, "email", name, content)
    drops.emails(NEXT, [event()])
    report = drops.extract("email", NEXT)
    assert (report.quarantined_files, report.batches, report.rows) == (1, 1, 1)
    [entry] = quarantine.list_entries(drops.settings)
    assert (entry.reason.file, entry.reason.rule, entry.reason.kind) == (name, rule, "structural")
    assert entry.payload is not None
    assert entry.payload.read_bytes() == bad.read_bytes()
    assert entry.reason.what_to_do


def test_a_wrong_header_quarantines_the_file_and_the_day_s_other_files_land(drops: Drops) -> None:
    drops.put(DAY, "media", "spend_meta_ads_20260301.csv", "day,cost\n2026-03-01,5\n")
    drops.spend(DAY)
    report = drops.extract("media", DAY)
    assert (report.rows, report.quarantined_files) == (3, 1)
    assert quarantined(drops) == [("spend_meta_ads_20260301.csv", "wrong_header")]


def test_a_duplicate_file_under_another_name_is_quarantined_with_its_rows_counted(
    drops: Drops,
) -> None:
    original = drops.spend(DAY)
    drops.put(NEXT, "media", "spend_google_ads_20260302.csv", original.read_bytes())
    drops.extract("media", NEXT)
    assert list(newest(drops, "media", "spend")) == [WINDOW]
    [entry] = quarantine.list_entries(drops.settings)
    assert (entry.reason.file, entry.reason.rule) == (
        "spend_google_ads_20260302.csv",
        "duplicate_file",
    )
    assert (entry.reason.rows_in, entry.reason.row_count) == (3, 3)


def test_a_duplicate_file_is_found_although_it_was_compressed_anew(
    drops: Drops, event: Event
) -> None:
    original = drops.emails(DAY, [event()])
    again = gzip.compress(gzip.decompress(original.read_bytes()), compresslevel=1, mtime=99)
    assert again != original.read_bytes()
    drops.put(NEXT, "email", "events_20260302.json.gz", again)
    drops.put(NEXT, "email", "events_20260301.json.gz", again)
    report = drops.extract("email", NEXT)
    assert (report.batches, report.rows) == (1, 1)
    assert quarantined(drops) == [("events_20260302.json.gz", "duplicate_file")]


def test_a_bad_resend_is_quarantined_and_the_good_rows_stay(drops: Drops, event: Event) -> None:
    drops.emails(DAY, [event()])
    drops.extract("email", DAY)
    before = newest(drops, "email", "events")
    drops.put(NEXT, "email", "events_20260301.json.gz", b"\x1f\x8b")
    report = drops.extract("email", NEXT)
    assert (report.batches, report.quarantined_files) == (0, 1)
    assert newest(drops, "email", "events") == before


def test_a_bad_file_seen_again_is_not_quarantined_twice(drops: Drops) -> None:
    drops.put(DAY, "email", "events_20260301.json.gz", b"\x1f\x8b")
    drops.extract("email", DAY)
    drops.put(NEXT, "email", "events_20260301.json.gz", b"\x1f\x8b")
    report = drops.extract("email", NEXT)
    assert report.quarantined_files == 0
    assert len(quarantine.list_entries(drops.settings)) == 1


def test_a_corrected_file_lands_although_the_bad_one_stays_in_quarantine(
    drops: Drops, event: Event
) -> None:
    drops.put(DAY, "email", "events_20260301.json.gz", b"\x1f\x8b")
    drops.extract("email", DAY)
    drops.emails(NEXT, [event()])
    (drops.settings.drops / NEXT / "email" / "events_20260302.json.gz").rename(
        drops.settings.drops / NEXT / "email" / "events_20260301.json.gz"
    )
    assert drops.extract("email", NEXT).rows == 1
    assert list(newest(drops, "email", "events")) == [WINDOW]


def test_a_reason_and_the_log_name_no_value_of_the_file(
    drops: Drops, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secret = "canary.person@example.test"
    drops.put(DAY, "media", "spend_x_20260301.csv", f"{secret},a,b\n1,2,3\n")
    drops.put(DAY, "email", "events_20260301.json.gz", f'[{{"email": "{secret}"')
    drops.put(DAY, "app", "consents_20260301.csv.gz", f"{secret}\n{secret}\n")
    for source in ("media", "email", "app"):
        drops.extract(source, DAY)
    reasons = list(drops.settings.paths.quarantine.glob("*/*/*/_reason.json"))
    assert len(reasons) == 3
    assert not any("canary" in path.read_text() for path in reasons)
    assert "canary" not in caplog.text
    header = next(path for path in reasons if "/media/" in path.as_posix())
    assert json.loads(header.read_text())["shape"].startswith("aaaaaa.aaaaaa@aaaaaaa.aaaa")


def test_unfinished_and_hidden_files_are_left_alone(drops: Drops) -> None:
    for name in ("spend_x_20260301.csv.part", ".spend_x_20260301.csv", "spend_x_20260301.tmp"):
        drops.put(DAY, "media", name, "half")
    report = drops.extract("media", DAY)
    assert (report.files, report.quarantined_files) == (0, 0)


def test_a_source_without_a_new_file_is_fresh(drops: Drops) -> None:
    report = drops.extract("bank_maple", DAY)
    assert (report.status, report.files, report.batches) == ("fresh", 0, 0)


def test_a_missing_drop_folder_is_a_source_that_does_not_answer(drops: Drops) -> None:
    drops.settings.drops.rmdir()
    with pytest.raises(SourceUnavailableError) as raised:
        drops.extract("media", DAY)
    assert "media" in str(raised.value)
    assert "TOUCHPROOF_DROPS_DIR" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_drop_folder_that_is_no_folder_is_a_source_that_does_not_answer(drops: Drops) -> None:
    drops.settings.drops.rmdir()
    drops.settings.drops.write_text("")
    with pytest.raises(SourceUnavailableError, match="can't be read"):
        drops.extract("media", DAY)


def test_an_unknown_source_is_bad_input(drops: Drops) -> None:
    with pytest.raises(BadInputError, match="newspaper"):
        drops.extract("newspaper", DAY)


def test_the_limit_on_unpacked_bytes_is_a_setting(drops: Drops, tmp_path: Path) -> None:
    drops.put(DAY, "email", "events_20260301.json.gz", gzip.compress(b" " * 3_000_000))
    small = Settings(data_dir=tmp_path / "data", world="test", max_unpacked_megabytes=1)
    extract("email", date(2026, 3, 1), small, drops.clock)
    assert quarantined(drops) == [("events_20260301.json.gz", "too_large_unpacked")]


def test_a_range_reads_windows_again_that_were_seen_before(drops: Drops) -> None:
    drops.spend(DAY)
    drops.spend(NEXT, arrives=NEXT)
    drops.extract("media", NEXT)
    for batch in newest(drops, "media", "spend").values():
        shutil.rmtree(batch.path)
    report = drops.extract("media", NEXT, from_=date(2026, 3, 2), to=date(2026, 3, 2))
    assert report.batches == 1
    assert [window.start for window in newest(drops, "media", "spend")] == [date(2026, 3, 2)]
