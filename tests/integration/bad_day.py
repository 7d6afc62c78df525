"""A day on which everything goes wrong at once, planted into a world's inbox before its night.

Belongs here: the faults, the canaries, and the CRM's part. Doesn't belong here: what must follow
from them (test_bad_day.py).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from nights import World

from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.world import generate_days

CANARIES = {
    "good name": "Zanzibarquill",
    "good e-mail": "canary.good.mail@heron.example",
    "good phone": "+15550199871",
    "good cookie": "7777777777.1313131313",
    "bad name": "Quetzalfinch",
    "bad e-mail": "canary.bad.mail@heron.example",
    "bad phone": "+15550199872",
}
REFUSAL = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


@dataclass(frozen=True)
class BadDay:
    """Name what was planted: the day, the refused campaign and the lead that opted out."""

    day: date
    refused_campaign: str
    opted_out_lead: str


def plant(demo: World, day: date, seed: int = 7) -> BadDay:
    """Make the day's drops and spoil them; return what was planted."""
    generate_days(demo.settings.paths.sandbox, demo.customers, seed, day, day)
    control = Control(lifecycle.ensure(demo.settings.paths.salesforce_server).url)
    _new_lead(control)
    refused = _campaign_with_daily_spend(demo)
    control.refuse("Campaign", "Id", refused, REFUSAL)
    leaving = _lead_that_may_leave(demo)
    _truncated_gzip(demo, day)
    _wrong_header(demo, day)
    _negative_amount(demo, day)
    _future_date(demo, day)
    _duplicate_file(demo, day)
    _empty_file(demo, day)
    _unsubscribe_and_good_canary(demo, day, leaving["Email"])
    _good_cookie(demo, day)
    return BadDay(day, refused, leaving["Id"])


def named(day: date, pattern: str) -> str:
    return pattern.format(day.strftime("%Y%m%d"))


def _campaign_with_daily_spend(demo: World) -> str:
    campaigns = pq.read_table(demo.settings.paths.salesforce_server / "seed" / "Campaign.parquet")
    found = [
        str(campaign["Id"])
        for campaign in campaigns.to_pylist()
        if campaign["Campaign_Code__c"] == "tv_spring_us"
    ]
    return found[0]


def _new_lead(control: Control) -> None:
    record = {
        "FirstName": "Test",
        "LastName": CANARIES["good name"],
        "Email": "somebody.new@heron.example",
        "Phone": CANARIES["good phone"],
        "Company": "Individual",
        "Status": "Open",
        "LeadSource": "Web",
    }
    control.apply([{"op": "create", "object": "Lead", "record": record}])


def _lead_that_may_leave(demo: World) -> dict[str, str]:
    leads = pq.read_table(demo.settings.paths.salesforce_server / "seed" / "Lead.parquet")
    for lead in leads.to_pylist():
        if lead["Email"] and not lead["IsConverted"] and not lead["HasOptedOutOfEmail"]:
            return {"Id": str(lead["Id"]), "Email": str(lead["Email"]).strip().lower()}
    raise AssertionError("the world has no lead that could opt out")


def _truncated_gzip(demo: World, day: date) -> None:
    path = demo.inbox(day, "app") / named(day, "products_{}.csv.gz")
    path.write_bytes(path.read_bytes()[:-20])


def _wrong_header(demo: World, day: date) -> None:
    path = demo.inbox(day, "media") / named(day, "spend_google_ads_{}.csv")
    path.write_text(path.read_text().replace("campaign_code", "campagin_code", 1))


def _negative_amount(demo: World, day: date) -> None:
    path = demo.inbox(day, "media") / named(day, "spend_meta_ads_{}.csv")
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    cells[7] = "-5.00"
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")


def _future_date(demo: World, day: date) -> None:
    path = demo.inbox(day, "app") / named(day, "registrations_{}.csv.gz")
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    rows[0] |= {
        "registered_at": "2041-01-01T00:00:00Z",
        "last_name": CANARIES["bad name"],
        "email": CANARIES["bad e-mail"],
        "phone": CANARIES["bad phone"],
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode()))


def _duplicate_file(demo: World, day: date) -> None:
    earlier = day - timedelta(days=10)
    source = demo.inbox(earlier, "app") / named(earlier, "consents_{}.csv.gz")
    (demo.inbox(day, "app") / named(day, "consents_{}.csv.gz")).write_bytes(source.read_bytes())


def _empty_file(demo: World, day: date) -> None:
    path = demo.inbox(day, "bank_northlake") / named(day, "openings_{}.csv.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def _unsubscribe_and_good_canary(demo: World, day: date, address: str) -> None:
    path = demo.inbox(day, "email") / named(day, "events_{}.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))
    moment = events[0]["timestamp"]
    for number, (event, email) in enumerate(
        [("unsubscribe", address), ("delivered", CANARIES["good e-mail"])]
    ):
        events.append(
            {
                "email": email,
                "timestamp": moment,
                "smtp-id": f"<planted{number}@mail.example>",
                "event": event,
                "sg_event_id": f"planted-{number}",
                "sg_message_id": f"planted-{number}.recvd",
                "recipient_id": f"rcp_planted{number}",
                "category": "service",
                "list_id": "service",
            }
        )
    path.write_bytes(gzip.compress(json.dumps(events).encode()))


def _good_cookie(demo: World, day: date) -> None:
    path: Path = demo.inbox(day, "ga4") / named(day, "events_{}.parquet")
    table = pq.read_table(path)
    column = table.schema.get_field_index("user_pseudo_id")
    cookies = table.column(column)
    first = next(cookie for cookie in cookies.to_pylist() if cookie)
    replaced = pc.if_else(pc.equal(cookies, first), CANARIES["good cookie"], cookies)
    field = pa.field("user_pseudo_id", pa.string())
    pq.write_table(table.set_column(column, field, replaced), path)
