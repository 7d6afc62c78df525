"""Gate 1 on the media files: the good rows of each entity pass, a bad one is set aside."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from touchproof.landing import Landing
from touchproof.quality.gate import run_gate
from touchproof.quality.verdict import read_verdict
from touchproof.sources.media import SOURCE

DAY = "2026-03-01"
Drops = Any

FILES = {
    "spots": "spots_tv_agency_20260301.csv",
    "program_costs": "program_costs_20260301.csv",
    "list_purchases": "list_purchases_20260301.csv",
    "platform_claims": "platform_claims_meta_ads_20260301.csv",
    "app_installs": "app_installs_google_ads_20260301.csv",
}
GOOD = {
    "spots": {
        "spot_id": "s",
        "station": "KPHX",
        "country": "US",
        "campaign_code": "tv",
        "aired_local": "2026-03-01T20:14:09",
        "time_zone": "America/Phoenix",
        "length_seconds": "30",
        "daypart": "prime",
        "program": "News",
        "cost": "480.00",
        "currency": "USD",
    },
    "program_costs": {
        "program_cost_id": "p",
        "campaign_code": "xs",
        "period_month": "2026-03-01",
        "cost": "900",
        "currency": "USD",
        "note": "",
    },
    "list_purchases": {
        "list_purchase_id": "l",
        "list_id": "list_pl",
        "campaign_code": "pl",
        "vendor": "listhouse",
        "purchased_on": "2026-03-01",
        "address_count": "2500",
        "planned_sends": "10000",
        "price": "420.00",
        "currency": "USD",
    },
    "platform_claims": {
        "date": "2026-03-01",
        "platform": "meta_ads",
        "campaign_code": "so",
        "claimed_conversions": "3.5",
        "claimed_value": "120.10",
        "currency": "USD",
        "window_days": "7",
    },
    "app_installs": {
        "date": "2026-03-01",
        "platform": "google_ads",
        "campaign_code": "ps",
        "installs": "12",
    },
}
VARIED = {entity.entity: entity.key[-1] for entity in SOURCE.entities} | {
    "platform_claims": "campaign_code",
}


def arrive(drops: Drops, entity: str, *changes: dict[str, str], good: int = 120) -> None:
    """Let a file arrive: rows that differ in their key alone, then changed ones."""
    varied, row = VARIED[entity], GOOD[entity]
    rows = [row | {varied: f"{row[varied]}{number}"} for number in range(good)]
    rows += [row | change for change in changes]
    lines = [",".join(row), *(",".join(item.values()) for item in rows)]
    drops.put(DAY, "media", FILES[entity], "\n".join(lines) + "\n")
    drops.extract("media", DAY)


def refused_rows(drops: Drops, entity: str) -> list[tuple[int, str]]:
    """Return row number and rule of every row that the gate sets aside."""
    run_gate(drops.settings, date.fromisoformat(DAY), drops.clock)
    [batch] = Landing(drops.settings.paths.landing).newest("media", entity).values()
    judged = read_verdict(batch)
    assert judged is not None
    return [(row.row, row.rule) for row in judged[0].excluded_rows]


@pytest.mark.parametrize("entity", GOOD)
def test_good_rows_of_every_media_file_pass(drops: Drops, entity: str) -> None:
    arrive(drops, entity)
    assert refused_rows(drops, entity) == []


@pytest.mark.parametrize(
    ("entity", "change", "rule"),
    [
        ("spots", {"spot_id": ""}, "spot_id_required"),
        ("spots", {"cost": "-1.00"}, "cost_not_negative"),
        ("spots", {"cost": "free"}, "cost_number"),
        ("spots", {"aired_local": "2026-03-01"}, "aired_local_time"),
        ("spots", {"aired_local": "2026-03-01T20:14:09Z"}, "aired_local_time"),
        ("spots", {"aired_local": "2026-03-01T20:14:09-07:00"}, "aired_local_time"),
        ("spots", {"aired_local": "2026-02-30T20:14:09"}, "aired_local_time"),
        ("spots", {"aired_local": "2026-03-09T20:14:09"}, "aired_local_not_future"),
        ("spots", {"time_zone": ""}, "time_zone_required"),
        ("spots", {"time_zone": "America/Atlantis"}, "time_zone_time_zone"),
        ("spots", {"time_zone": "MST"}, "time_zone_time_zone"),
        ("spots", {"country": "MX"}, "country_one_of"),
        ("spots", {"length_seconds": "0"}, "length_seconds_positive"),
        ("spots", {"length_seconds": "30s"}, "length_seconds_whole_number"),
        ("spots", {"currency": "PESO"}, "currency_one_of"),
        ("program_costs", {"cost": "-5"}, "cost_whole_number"),
        ("program_costs", {"cost": "5.50"}, "cost_whole_number"),
        ("program_costs", {"period_month": "2026-03-02"}, "period_month_first_of_month"),
        ("program_costs", {"period_month": "2026-05-01"}, "period_month_not_future"),
        ("program_costs", {"campaign_code": ""}, "campaign_code_required"),
        ("program_costs", {"program_cost_id": "p7"}, "program_cost_id_not_repeated"),
        ("list_purchases", {"price": "-1"}, "price_not_negative"),
        ("list_purchases", {"planned_sends": "0"}, "planned_sends_positive"),
        ("list_purchases", {"planned_sends": ""}, "planned_sends_required"),
        ("list_purchases", {"purchased_on": "2026-04-01"}, "purchased_on_not_future"),
        ("list_purchases", {"list_purchase_id": "l7"}, "list_purchase_id_not_repeated"),
        ("platform_claims", {"claimed_conversions": "-1"}, "claimed_conversions_not_negative"),
        ("platform_claims", {"claimed_value": "much"}, "claimed_value_number"),
        ("platform_claims", {"date": "2026-03-31"}, "date_not_future"),
        ("platform_claims", {"window_days": "a week"}, "window_days_whole_number"),
        ("platform_claims", {"campaign_code": "so7"}, "date_not_repeated"),
        ("app_installs", {"installs": "-3"}, "installs_whole_number"),
        ("app_installs", {"installs": ""}, "installs_required"),
        ("app_installs", {"date": "yesterday"}, "date_time"),
        ("app_installs", {"campaign_code": "ps7"}, "date_not_repeated"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_a_faulty_media_row_is_set_aside_and_the_others_pass(
    drops: Drops, entity: str, change: dict[str, str], rule: str
) -> None:
    arrive(drops, entity, change)
    assert refused_rows(drops, entity) == [(121, rule)]


def test_a_spot_may_be_logged_twice_in_one_file(drops: Drops) -> None:
    arrive(drops, "spots", {"spot_id": "s7", "cost": "450.00"})
    assert refused_rows(drops, "spots") == []


def test_a_platform_may_claim_by_two_windows(drops: Drops) -> None:
    arrive(drops, "platform_claims", {"campaign_code": "so7", "window_days": "1"})
    assert refused_rows(drops, "platform_claims") == []
