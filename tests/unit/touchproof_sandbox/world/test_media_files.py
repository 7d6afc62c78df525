"""Rule: media files tie out with each other and with what happened, and hold no fault."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from touchproof.quality.gate import run_gate
from touchproof.settings import Settings
from touchproof.sources.arrivals import placed
from touchproof.sources.extract import extract
from touchproof.sources.media import SOURCE
from touchproof_sandbox.world.campaigns import CAMPAIGNS

LAST = date(2026, 4, 9)
PROGRAMS = {
    campaign.code
    for campaign in CAMPAIGNS
    if campaign.channel in {"cross_sell_email", "organic_social", "in_app", "push"}
}
Row = dict[str, str]


def rows_of(world: Path, kind: str) -> list[Row]:
    """Return the rows of one kind of media file in order of arrival, with the day of arrival."""
    found = []
    for path in sorted(world.glob(f"drops/*/media/{kind}_*.csv")):
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        assert rows, f"{path.name} has no rows"
        found += [{**row, "_day": path.parts[-3]} for row in rows]
    return found


def newest_spots(world: Path) -> dict[str, Row]:
    """Return each spot as it was logged last."""
    return {row["spot_id"]: row for row in rows_of(world, "spots")}


def test_every_media_file_is_one_that_the_extract_knows(small_world: Path) -> None:
    kinds: Counter[str] = Counter()
    for path in small_world.glob("drops/*/media/*"):
        found = placed(SOURCE.entities, path.name)
        assert found is not None, path.name
        kinds[found[0].entity] += 1
    assert set(kinds) == {entity.entity for entity in SOURCE.entities}
    assert not list(small_world.glob("drops/*/media/*list_vendor*"))


def test_the_agencys_bill_of_a_date_is_the_sum_of_its_spots_by_campaign(small_world: Path) -> None:
    spots: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in newest_spots(small_world).values():
        spots[row["aired_local"][:10], row["campaign_code"]] += Decimal(row["cost"])
    bill: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows_of(small_world, "spend_tv_agency"):
        bill[row["date"], row["campaign_code"]] += Decimal(row["cost"])
    assert bill
    assert bill == spots


def test_the_newest_log_of_every_spot_says_when_it_was_truly_aired(small_world: Path) -> None:
    truth = {
        row["spot_id"]: row
        for row in pq.read_table(small_world / "truth" / "tv_spots.parquet").to_pylist()
    }
    logged = newest_spots(small_world)
    corrected_later = LAST - timedelta(days=1)
    late = 0
    for spot_id, row in logged.items():
        local = datetime.fromisoformat(row["aired_local"]).replace(
            tzinfo=ZoneInfo(row["time_zone"])
        )
        difference = truth[spot_id]["aired_at"] - local.astimezone(UTC)
        if difference and date.fromisoformat(row["aired_local"][:10]) >= corrected_later:
            late += 1  # the correction comes tomorrow
            continue
        assert difference == timedelta(0)
        assert row["station"] == truth[spot_id]["station"]
        assert row["campaign_code"] == truth[spot_id]["campaign_code"]
    assert late < 8
    unlogged = {row["aired_at"].date() for key, row in truth.items() if key not in logged}
    assert unlogged <= {LAST}


def test_some_spots_are_logged_twice_and_some_again_with_another_time(small_world: Path) -> None:
    times: dict[str, list[str]] = defaultdict(list)
    for row in rows_of(small_world, "spots"):
        times[row["spot_id"]].append(row["aired_local"])
    repeated = [found for found in times.values() if len(found) > 1]
    assert any(len(set(found)) == 1 for found in repeated)
    assert any(len(set(found)) == 2 for found in repeated)


def test_programs_cost_whole_units_from_the_first_of_the_month_and_a_correction_keeps_the_id(
    small_world: Path,
) -> None:
    rows = rows_of(small_world, "program_costs")
    currencies = {campaign.code: campaign.currency for campaign in CAMPAIGNS}
    firsts = [row for row in rows if row["_day"].endswith("-01")]
    for month in ("2026-03-01", "2026-04-01"):
        codes = {row["campaign_code"] for row in firsts if row["period_month"] == month}
        assert codes == PROGRAMS
    for row in rows:
        assert int(row["cost"]) > 0
        assert row["currency"] == currencies[row["campaign_code"]]
        assert row["period_month"] == row["_day"][:8] + "01"
    [again] = [row for row in rows if row["_day"] == "2026-03-15"]
    [before] = [row for row in firsts if row["program_cost_id"] == again["program_cost_id"]]
    assert int(again["cost"]) > int(before["cost"])


def test_a_list_is_bought_for_at_least_the_mails_that_are_sent_to_it(small_world: Path) -> None:
    purchases = rows_of(small_world, "list_purchases")
    assert {row["purchased_on"] for row in purchases} == {"2026-03-01", "2026-03-29"}
    sends: Counter[tuple[str, bool]] = Counter()
    for path in small_world.glob("drops/*/email/*.json.gz"):
        for event in json.loads(gzip.decompress(path.read_bytes())):
            if event["event"] == "processed":
                sends[event["list_id"], path.parts[-3] >= "2026-03-29"] += 1
    for row in purchases:
        assert row["list_id"] == f"list_{row['campaign_code']}"
        sent = sends[row["list_id"], row["purchased_on"] == "2026-03-29"]
        assert 0 < sent <= int(row["planned_sends"])
        assert Decimal(row["price"]) > 0


def test_platforms_claim_more_than_there_is_and_restate_what_they_claimed(
    small_world: Path,
) -> None:
    newest: dict[tuple[str, ...], Row] = {}
    restated = 0
    for row in rows_of(small_world, "platform_claims"):
        key = (row["date"], row["platform"], row["campaign_code"], row["window_days"])
        if key in newest:
            restated += 1
            assert Decimal(row["claimed_conversions"]) >= Decimal(
                newest[key]["claimed_conversions"]
            )
            assert row["_day"] == (date.fromisoformat(row["date"]) + timedelta(days=3)).isoformat()
        newest[key] = row
    assert restated > 20
    assert {key[1] for key in newest} == {"google_ads", "meta_ads", "display_network"}
    assert any("." in row["claimed_conversions"].rstrip("0") for row in newest.values())
    claimed = sum(Decimal(row["claimed_conversions"]) for row in newest.values())
    campaigns = {row["campaign_code"] for row in newest.values()}
    caused = sum(
        row["share"]
        for row in pq.read_table(small_world / "truth" / "causes.parquet").to_pylist()
        if row["conversion_kind"] == "app_opening" and row["campaign_code"] in campaigns
    )
    assert claimed > 2 * Decimal(caused)


def test_installs_are_counted_in_sums(small_world: Path) -> None:
    rows = rows_of(small_world, "app_installs")
    keys = Counter((row["date"], row["platform"], row["campaign_code"]) for row in rows)
    assert set(keys.values()) == {1}
    assert {row["platform"] for row in rows} == {"google_ads", "meta_ads"}
    assert all(int(row["installs"]) > 0 for row in rows)


def test_the_gate_finds_no_fault_in_any_media_file(
    small_world: Path, settings: Settings, fixed_clock: Callable[[], datetime]
) -> None:
    for folder in small_world.glob("drops/*/media"):
        shutil.copytree(folder, settings.drops / folder.parts[-2] / "media")
    report = extract("media", LAST, settings, fixed_clock)
    assert report.quarantined_files == 0
    gate = run_gate(settings, LAST, fixed_clock)
    assert gate.rows_quarantined == 0
    assert gate.rows_loaded == report.rows
