"""The real data set as source drops: K. Hillstrom's e-mail experiment of 2008.

Belongs here: turning the file (64,000 customers of a retailer, a row each) into the drops that the
pipeline reads. Doesn't belong here: the experiment's totals and effects (hillstrom_groups.py,
offered here too) and made-up people (touchproof_sandbox.world).

What is the file's own: group, visit, conversion and spend of each customer. What is assigned, since
the file has no times: everybody is registered on 2008-03-19; both e-mails are sent in the morning
of 2008-03-20; visits fall into the two weeks from then on, after the send; a purchase follows its
visit within the hour. A purchase is a ledger opening and accrual of product line `purchase`, which
staging, seeds and the gate accept beside the four lines of the pretend world. The e-mails' visits
carry no tags: which visit an e-mail brought isn't known, so in this world the send itself earns.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from touchproof_sandbox.hillstrom_groups import (
    CAMPAIGN_CODES,
    Customer,
    GroupEffect,
    GroupTotals,
    effect,
    groups,
    read_customers,
    totals_of,
)
from touchproof_sandbox.world import calendar, files, ga4_schema
from touchproof_sandbox.world.crm_records import OBJECTS, PREFIXES, new_record, table_of
from touchproof_sandbox.world.flat_files import PRODUCT_COLUMNS, REGISTRATION_COLUMNS
from touchproof_sandbox.world.randomness import salesforce_id, stream

__all__ = ["ConversionReport", "GroupEffect", "GroupTotals", "convert", "effect", "groups"]

REGISTERED = date(2008, 3, 19)
SENT = date(2008, 3, 20)
LAST_NIGHT = date(2008, 4, 2)
DAYS = 14
_HOST = "www.hillstrom.example"


@dataclass(frozen=True)
class ConversionReport:
    """Count what the conversion wrote; `groups` are the file's own totals."""

    out: str
    first_night: str
    customers: int
    files: int
    groups: tuple[GroupTotals, ...]


@dataclass(frozen=True)
class _Moments:
    """Hold the assigned times in Unix seconds, one a customer."""

    sent: list[int]
    visited: list[int]
    bought: list[int]


def convert(csv_path: Path, out: Path, seed: int = 1) -> ConversionReport:
    """Write the drops, the groups as truth and the CRM seed of the experiment.

    The same file and seed give the same bytes; a customer's times depend on its line and the seed.

    Args:
        csv_path: The published file.
        out: The world's sandbox folder.
        seed: Seed of the assigned times, at least 0.

    Raises:
        BadInputError: If the file can't be read as the experiment's.
    """
    customers = read_customers(csv_path)
    moments = _assign(customers, seed)
    written = 0
    contents = {
        **_registrations(customers),
        **_sends(customers, moments),
        **_visits(customers, moments),
        **_purchases(customers, moments),
        "truth/groups.parquet": files.parquet_bytes(_truth(customers)),
        **{f"salesforce/seed/{name}.parquet": _crm_seed(name) for name in OBJECTS},
    }
    for name, content in contents.items():
        files.write_bytes(out / name, content)
        written += 1
    world = {
        "kind": "hillstrom",
        "seed": seed,
        "customers": len(customers),
        "days_generated": DAYS + 1,
        "start_date": REGISTERED.isoformat(),
        "first_night": LAST_NIGHT.isoformat(),
        "crm_seed_as_of": LAST_NIGHT.isoformat(),
        "groups": "truth/groups.parquet",
        "data_sha256": hashlib.sha256(csv_path.read_bytes()).hexdigest(),
    }
    files.write_bytes(out / "world.json", files.json_bytes(world, indent=1) + b"\n")
    return ConversionReport(
        str(out), LAST_NIGHT.isoformat(), len(customers), written, totals_of(customers)
    )


def _name(customer: Customer) -> str:
    return f"{customer.line:06d}"


def _email(customer: Customer) -> str:
    return f"customer{_name(customer)}@hillstrom.example"


def _assign(customers: list[Customer], seed: int) -> _Moments:
    """Assign times by line number: sends on the first morning, then visits, then purchases."""
    highest = max(customer.line for customer in customers) + 1
    rng = stream(seed, "hillstrom")
    draws = rng.random((4, highest)).T
    midnight = calendar.epoch_of(calendar.day_of(SENT))
    sent, visited, bought = [], [], []
    for customer in customers:
        first, day, second, pause = draws[customer.line]
        sent.append(midnight + 8 * 3600 + int(first * 3 * 3600))
        # Most answers to an e-mail come in its first days: the day's square root is uniform.
        start = midnight + int(day * day * DAYS) * calendar.DAY_SECONDS
        visited.append(start + 12 * 3600 + int(second * 10 * 3600))
        bought.append(visited[-1] + 300 + int(pause * 2700))
    return _Moments(sent, visited, bought)


def _date_of(second: int) -> date:
    return calendar.date_of((second - calendar.epoch_of(0)) // calendar.DAY_SECONDS)


def _registrations(customers: list[Customer]) -> dict[str, bytes]:
    midnight = calendar.epoch_of(calendar.day_of(REGISTERED))
    rows = [
        [f"reg_h{_name(c)}", f"u_h{_name(c)}",
         calendar.iso_utc(midnight + 43_200 + c.line % 3600), _email(c), "", "",
         f"Customer {_name(c)}", "", "", "US", "", "", "", ""]
        for c in customers
    ]  # fmt: skip
    content = files.gzip_bytes(files.csv_text(REGISTRATION_COLUMNS, rows).encode())
    return {f"drops/{REGISTERED}/app/registrations_{REGISTERED:%Y%m%d}.csv.gz": content}


def _sends(customers: list[Customer], moments: _Moments) -> dict[str, bytes]:
    events: list[dict[str, Any]] = []
    for customer, sent in zip(customers, moments.sent, strict=True):
        code = CAMPAIGN_CODES.get(customer.segment)
        if code is None:
            continue
        message = f"h{_name(customer)}"
        for event, at in (("processed", sent), ("delivered", sent + 2)):
            events.append(
                {
                    "email": _email(customer),
                    "timestamp": at,
                    "smtp-id": f"<{message}@{_HOST}>",
                    "event": event,
                    "sg_event_id": f"{message}-{event}",
                    "sg_message_id": f"{message}.recvd-0",
                    "category": "promotion",
                    "campaign_code": code,
                    "list_id": "hillstrom",
                    "recipient_id": f"rcp_h{_name(customer)}",
                }
            )
    content = files.gzip_bytes(files.json_bytes(events))
    return {f"drops/{SENT}/email/events_{SENT:%Y%m%d}.json.gz": content} if events else {}


def _visits(customers: list[Customer], moments: _Moments) -> dict[str, bytes]:
    by_day: dict[date, list[tuple[int, Customer]]] = {}
    for customer, visited in zip(customers, moments.visited, strict=True):
        if customer.has_visited:
            by_day.setdefault(_date_of(visited), []).append((visited, customer))
    contents = {}
    for day, visits in sorted(by_day.items()):
        visits.sort(key=lambda visit: (visit[0], visit[1].line))
        rows = [
            _ga4_row(day, visited, customer, name)
            for visited, customer in visits
            for name in ("session_start", "page_view")
        ]
        table = pa.Table.from_pylist(rows, schema=ga4_schema.EVENTS)
        contents[f"drops/{day}/ga4/events_{day:%Y%m%d}.parquet"] = files.parquet_bytes(table)
    return contents


def _ga4_row(day: date, visited: int, customer: Customer, name: str) -> dict[str, Any]:
    cookie = f"{customer.line}.{calendar.epoch_of(calendar.day_of(REGISTERED))}"
    order = 1 if name == "session_start" else 2
    params: list[dict[str, Any]] = [
        {"key": "ga_session_id", "value": {"int_value": visited}},
        {"key": "ga_session_number", "value": {"int_value": 1}},
        {"key": "session_engaged", "value": {"string_value": "1"}},
    ]
    if name == "page_view":
        params.append({"key": "page_location", "value": {"string_value": f"https://{_HOST}/"}})
    return {
        "event_date": f"{day:%Y%m%d}",
        "event_timestamp": visited * 1_000_000 + order,
        "event_name": name,
        "event_params": params,
        "user_id": f"u_h{_name(customer)}",
        "user_pseudo_id": cookie,
        "privacy_info": {"analytics_storage": "Yes", "ads_storage": "Unset"},
        "user_first_touch_timestamp": visited * 1_000_000,
        "device": {"category": "desktop", "web_info": {"hostname": _HOST}},
        "traffic_source": {"name": "(direct)", "medium": "(none)", "source": "(direct)"},
        "stream_id": "4001",
        "platform": "WEB",
        "is_active_user": True,
        "batch_event_index": order,
        "batch_page_id": visited * 1000,
        "batch_ordering_id": order,
    }


def _purchases(customers: list[Customer], moments: _Moments) -> dict[str, bytes]:
    by_day: dict[date, list[list[Any]]] = {}
    for customer, visited, bought in zip(customers, moments.visited, moments.bought, strict=True):
        if not customer.has_bought:
            continue
        day, cents, name = _date_of(bought), customer.spend_cents, _name(customer)
        amount = f"{cents // 100}.{cents % 100:02d}"
        for kind, value in (("opening", ""), ("accrual", amount)):
            by_day.setdefault(day, []).append(
                [f"le_h{name}_{kind}", kind, f"acc_h{name}", f"u_h{name}", "purchase", "hillstrom",
                 calendar.iso_utc(bought), day.isoformat(), value, "USD",
                 calendar.iso_utc(visited + 200)]
            )  # fmt: skip
    return {
        f"drops/{day}/app/products_{day:%Y%m%d}.csv.gz": files.gzip_bytes(
            files.csv_text(PRODUCT_COLUMNS, rows).encode()
        )
        for day, rows in sorted(by_day.items())
    }


def _truth(customers: list[Customer]) -> pa.Table:
    """Return one row per customer: customer, segment, campaign_code, visit, conversion, cents."""
    return pa.table(
        {
            "customer": pa.array(np.array([c.line for c in customers], dtype=np.int64)),
            "segment": pa.array([c.segment for c in customers], pa.string()),
            "campaign_code": pa.array(
                [CAMPAIGN_CODES.get(c.segment) for c in customers], pa.string()
            ),
            "has_visited": pa.array([c.has_visited for c in customers], pa.bool_()),
            "has_bought": pa.array([c.has_bought for c in customers], pa.bool_()),
            "spend_cents": pa.array([c.spend_cents for c in customers], pa.int64()),
        }
    )


def _crm_seed(name: str) -> bytes:
    records = []
    if name == "Campaign":
        moment = calendar.iso_salesforce(calendar.epoch_of(calendar.day_of(REGISTERED)))
        records = [
            new_record(
                name,
                Id=salesforce_id(PREFIXES[name], number),
                Name=segment.replace("E-Mail", "E-Mail 2008"),
                Campaign_Code__c=code,
                Type="Email",
                Status="Completed",
                StartDate=SENT.isoformat(),
                EndDate=LAST_NIGHT.isoformat(),
                CreatedDate=moment,
                SystemModstamp=moment,
            )
            for number, (segment, code) in enumerate(CAMPAIGN_CODES.items(), 1)
        ]
    return files.parquet_bytes(table_of(name, records))
