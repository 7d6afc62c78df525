"""Rule: drops look like what the real systems send, mess included, and hold no fault by default."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchproof_sandbox.world import ga4_schema
from touchproof_sandbox.world.campaigns import CAMPAIGNS
from touchproof_sandbox.world.flat_files import LEAD_SPELLINGS


def rows_of(world: Path, pattern: str) -> list[dict[str, str]]:
    """Return the rows of all CSV files that match, each with the day of its folder."""
    found = []
    for path in sorted((world / "drops").glob(f"*/{pattern}")):
        content = path.read_bytes()
        text = gzip.decompress(content).decode() if path.suffix == ".gz" else content.decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert rows, f"{path.name} has no rows"
        found.extend({**row, "_day": path.parts[-3]} for row in rows)
    return found


def mail_events(world: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield day and event of every e-mail file."""
    for path in sorted((world / "drops").glob("*/email/*.json.gz")):
        for event in json.loads(gzip.decompress(path.read_bytes())):
            yield path.parts[-3], event


@pytest.fixture(scope="module")
def events(small_world: Path) -> pa.Table:
    """Return the complete GA4 events of all days but the last."""
    tables = []
    for path in sorted((small_world / "drops").glob("*/ga4/*.parquet")):
        day = path.parts[-3].replace("-", "")
        if day not in path.name:
            tables.append(pq.read_table(path))
    return pa.concat_tables(tables)


def test_ga4_files_have_the_export_schema(small_world: Path) -> None:
    for path in (small_world / "drops").glob("*/ga4/*.parquet"):
        assert pq.read_schema(path).equals(ga4_schema.EVENTS)


def test_ga4_rewrites_the_day_before_with_its_late_rows(small_world: Path) -> None:
    late_days = 0
    for path in (small_world / "drops").glob("*/ga4/*.parquet"):
        day = date.fromisoformat(path.parts[-3])
        if f"{day:%Y%m%d}" not in path.name:
            continue
        again = list((small_world / "drops").glob(f"*/ga4/{path.name}"))
        if day == date(2026, 4, 9):
            assert again == [path]
            continue
        rewritten = next(other for other in again if other != path)
        assert date.fromisoformat(rewritten.parts[-3]).toordinal() == day.toordinal() + 1
        first, complete = pq.read_table(path), pq.read_table(rewritten)
        late_days += complete.num_rows > first.num_rows
        stamps = Counter(complete["event_timestamp"].to_pylist())
        assert not Counter(first["event_timestamp"].to_pylist()) - stamps
    assert late_days > 20


def test_ga4_events_lie_in_their_own_day(events: pa.Table) -> None:
    for day, stamp in zip(
        events["event_date"].to_pylist(), events["event_timestamp"].to_pylist(), strict=True
    ):
        assert f"{datetime.fromtimestamp(stamp // 1_000_000, UTC):%Y%m%d}" == day


def test_ga4_has_true_duplicates_and_people_without_cookies(events: pa.Table) -> None:
    keys = zip(
        events["user_pseudo_id"].to_pylist(),
        events["event_timestamp"].to_pylist(),
        events["event_name"].to_pylist(),
        strict=True,
    )
    assert max(Counter(key for key in keys if key[0]).values()) == 2
    refused = events.filter(pa.array([p is None for p in events["user_pseudo_id"].to_pylist()]))
    assert refused.num_rows > 0
    assert set(refused["user_id"].to_pylist()) == {None}
    assert {privacy["analytics_storage"] for privacy in refused["privacy_info"].to_pylist()} == {
        "No"
    }


def test_ga4_sessions_keep_one_id_and_rise_in_number(events: pa.Table) -> None:
    numbers: dict[tuple[str, int], int] = {}
    last: dict[str, tuple[int, int]] = {}
    for pseudo, params in zip(
        events["user_pseudo_id"].to_pylist(), events["event_params"].to_pylist(), strict=True
    ):
        if pseudo is None:
            continue
        values = {param["key"]: param["value"]["int_value"] for param in params}
        session, number = values["ga_session_id"], values["ga_session_number"]
        assert numbers.setdefault((pseudo, session), number) == number
        if pseudo in last and last[pseudo][0] < session:
            assert last[pseudo][1] < number
        last[pseudo] = max(last.get(pseudo, (0, 0)), (session, number))
    assert len(numbers) > 1000


def test_tagged_sessions_carry_known_campaigns_and_six_spellings_of_one_source(
    events: pa.Table,
) -> None:
    tags = [tag for tag in events["collected_traffic_source"].to_pylist() if tag]
    codes = {tag["manual_campaign_id"] for tag in tags} - {None}
    assert codes <= {campaign.code for campaign in CAMPAIGNS}
    assert {"ps_brand_us", "pl_homeowners_us", "di_retargeting"} <= codes
    spellings = {tag["manual_source"] for tag in tags if tag["manual_medium"] == "cpc"}
    assert {spelling.lower() for spelling in LEAD_SPELLINGS} <= {s.lower() for s in spellings}


def test_mail_link_clicks_and_forms_tie_a_cookie_to_an_address(
    small_world: Path, events: pa.Table
) -> None:
    recipients = {event["recipient_id"] for _, event in mail_events(small_world)}
    shown = {
        param["value"]["string_value"]
        for params in events["event_params"].to_pylist()
        for param in params
        if param["key"] == "recipient_id"
    }
    assert shown
    assert shown <= recipients


def test_mail_events_lie_in_their_day_and_repeat_now_and_then(small_world: Path) -> None:
    ids: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for day, event in mail_events(small_world):
        assert datetime.fromtimestamp(event["timestamp"], UTC).date() == date.fromisoformat(day)
        ids[event["sg_event_id"]] += 1
        kinds[event["event"]] += 1
        if "campaign_code" not in event:
            assert event["list_id"] == "service"
    assert set(ids.values()) == {1, 2}
    assert kinds["processed"] > kinds["delivered"] > kinds["open"] > kinds["click"] > 0
    assert kinds["bounce"] > 0


def test_scanners_click_within_seconds_and_machines_open(small_world: Path) -> None:
    sent: dict[str, int] = {}
    found = list(mail_events(small_world))
    for _, event in found:
        if event["event"] == "processed":
            sent[event["sg_message_id"]] = event["timestamp"]
    scanned = [e for _, e in found if "Scanner" in e.get("useragent", "")]
    assert scanned
    assert all(e["timestamp"] - sent[e["sg_message_id"]] < 10 for e in scanned)
    assert any(e.get("sg_machine_open") for _, e in found)


def test_nobody_is_mailed_again_after_unsubscribing(small_world: Path) -> None:
    left: dict[str, int] = {}
    for _, event in mail_events(small_world):
        if event["event"] == "unsubscribe":
            left[event["recipient_id"]] = event["timestamp"]
    assert left
    for _, event in mail_events(small_world):
        if event["event"] == "processed" and "campaign_code" in event:
            assert event["timestamp"] < left.get(event["recipient_id"], 2**40)


def test_spend_is_whole_and_in_its_campaigns_currency(small_world: Path) -> None:
    currencies = {campaign.code: campaign.currency for campaign in CAMPAIGNS}
    rows = rows_of(small_world, "media/spend_*.csv")
    assert {row["platform"] for row in rows} == {
        "google_ads",
        "meta_ads",
        "display_network",
        "tv_agency",
    }
    for row in rows:
        waited = date.fromisoformat(row["_day"]) - date.fromisoformat(row["date"])
        assert waited.days == (row["platform"] == "tv_agency")
        assert float(row["cost"]) >= 0
        assert int(row["clicks"]) >= 0
        assert row["currency"] == currencies[row["campaign_code"]]


def test_the_ledger_of_products_is_append_only_and_consistent(small_world: Path) -> None:
    rows = rows_of(small_world, "app/products_*.csv.gz")
    opened: dict[str, str] = {}
    earned: Counter[str] = Counter()
    assert len({row["ledger_entry_id"] for row in rows}) == len(rows)
    for row in rows:
        assert row["booked_date"] == row["_day"] == row["occurred_at"][:10]
        assert row["application_started_at"] < row["occurred_at"]
        account = row["account_id"]
        if row["entry_type"] == "opening":
            assert row["amount"] == ""
            assert account not in opened
            opened[account] = row["occurred_at"]
            continue
        assert opened[account] <= row["occurred_at"]
        cents = round(float(row["amount"]) * 100)
        assert (cents < 0) == (row["entry_type"] == "claw_back")
        earned[account] += cents
        assert earned[account] >= 0
    assert {row["currency"] for row in rows} == {"USD", "CAD"}


def test_registrations_show_the_mess_of_real_forms(small_world: Path) -> None:
    rows = rows_of(small_world, "app/registrations_*.csv.gz")
    assert all(row["last_name"] and row["email"].strip() for row in rows)
    assert all(row["registered_at"][:10] == row["_day"] for row in rows)
    tv = [row for row in rows if "tv" in row["lead_comment"].lower()]
    assert tv
    assert all(row["lead_source"] == "" for row in tv)
    assert any(row["email"] != row["email"].strip().lower() for row in rows)
    for column in ("phone", "birth_date", "postal_code", "install_id", "web_client_id"):
        assert any(row[column] == "" for row in rows), column
        assert any(row[column] for row in rows), column


def test_our_web_forms_are_known_to_ga4_and_not_to_the_crm(
    small_world: Path, events: pa.Table
) -> None:
    rows = rows_of(small_world, "web_forms/submissions_*.csv.gz")
    assert all(row["submitted_at"][:10] == row["_day"] for row in rows)
    assert {row["marketing_consent"] for row in rows} == {"true", "false"}
    seen = {
        (param["value"]["string_value"], event["user_pseudo_id"] or "")
        for event in events.select(["event_name", "user_pseudo_id", "event_params"]).to_pylist()
        if event["event_name"] == "generate_lead"
        for param in event["event_params"]
        if param["key"] == "submission_id"
    }
    last = max(row["_day"] for row in rows)
    ours = {(row["submission_id"], row["web_client_id"]) for row in rows if row["_day"] < last}
    assert ours and ours < seen
    seed = pq.read_table(small_world / "salesforce" / "seed" / "Lead.parquet").to_pylist()
    moments = {(lead["Email"].strip().lower(), lead["CreatedDate"][:10]) for lead in seed}
    formed = {(row["email"].strip().lower(), row["submitted_at"][:10]) for row in rows}
    assert len(formed & moments) < len(formed) / 10  # a few register the same day


def test_maple_writes_latin_1_with_decimal_commas_and_dates_only(small_world: Path) -> None:
    texts = [p.read_bytes().decode("latin-1") for p in small_world.glob("drops/*/bank_maple/*")]
    rows = [row for text in texts for row in csv.DictReader(io.StringIO(text), delimiter=";")]
    assert rows
    for row in rows:
        assert datetime.strptime(row["date_ouverture"], "%d.%m.%Y").replace(tzinfo=UTC)
        assert "," in row["solde"]
        assert row["client_existant"] in {"O", "N", ""}
        assert row["produit"] in {"EPARGNE", "CHEQUE", "PRET", "VIREMENT"}
    assert any(not text.isascii() for text in texts)


def test_bank_references_are_unique_and_name_no_person(small_world: Path) -> None:
    truth = pq.read_table(small_world / "truth" / "skips.parquet").to_pylist()
    references = [(row["bank_id"], row["reference"]) for row in truth]
    assert len(set(references)) == len(references)
    assert not any(row["true_person"][1:].lstrip("0") == row["reference"][3:] for row in truth)
