"""Web and app sessions as GA4's BigQuery export tables.

Belongs here: a day's table of the nested schema, with duplicates and late rows. Doesn't belong
here: who visits (contacts.py), which events follow (ga4_rows.py), parameters and sources
(ga4_params.py, ga4_sources.py) and the types (ga4_schema.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world import ga4_schema as schema
from touchproof_sandbox.world.arrow import (
    ArrowArray,
    Index,
    Mask,
    constant,
    gather,
    struct,
    texts,
)
from touchproof_sandbox.world.campaigns import DIRECT
from touchproof_sandbox.world.ga4_params import event_params
from touchproof_sandbox.world.ga4_rows import NAMES, Rows, event_rows
from touchproof_sandbox.world.ga4_sources import HOST, first_source, last_click, tags_of
from touchproof_sandbox.world.people import APP_DEVICE, People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import BANK_CLICK, LOGIN, SIGN_UP, Day, Sessions

_LATE_SHARE, _DUPLICATE_SHARE = 0.03, 0.002
_LOGIN_SECOND = 15
"""From which second of a web session on its events carry the user id."""

_WEB_KINDS = (
    ("mobile", "iOS", "Safari"), ("mobile", "Android", "Chrome"), ("desktop", "Windows", "Chrome"),
    ("desktop", "Macintosh", "Safari"), ("desktop", "Windows", "Edge"), ("tablet", "iOS", "Safari"),
)  # fmt: skip


@dataclass(frozen=True)
class EventTable:
    """Hold a day's complete table and which of its rows arrive only a day later."""

    day: int
    table: pa.Table
    is_late: Mask

    def as_first_exported(self) -> pa.Table:
        """Return the table as the export of the day itself shows it, without the late rows."""
        return self.table.filter(pa.array(~self.is_late))


def event_table(seed: int, people: People, day: Day) -> EventTable:
    """Return the complete export table of one day, in order of time.

    Args:
        seed: The world's seed.
        people: The people.
        day: The day.
    """
    sessions = day.sessions
    rng = stream(seed, "ga4", day.day)
    count = len(sessions.person)
    logged_in = sessions.is_known & (
        (sessions.device == APP_DEVICE)
        | ((sessions.flags & (LOGIN | SIGN_UP | BANK_CLICK)) > 0)
        | (rng.random(count) < 0.45)
    )
    rows = event_rows(day, rng, logged_in)
    is_late = rng.random(count) < _LATE_SHARE
    micros = rng.integers(0, 900_000, count)
    order = np.lexsort((rows.name, rows.session, sessions.started[rows.session] + rows.offset))
    doubled = np.flatnonzero(rng.random(len(order)) < _DUPLICATE_SHARE)
    rows = rows.at(order[np.sort(np.concatenate([np.arange(len(order)), doubled]))])
    stamp = (sessions.started[rows.session] + rows.offset) * 1_000_000
    stamp = stamp + micros[rows.session] + rows.name
    table = _table(people, day, rows, stamp, logged_in, rng.integers(1, 4, count))
    return EventTable(day.day, table, is_late[rows.session])


def _table(
    people: People, day: Day, rows: Rows, stamp: Index, logged_in: Mask, pages: Index
) -> pa.Table:
    sessions, index = day.sessions, rows.session
    total = len(index)
    app = (sessions.device == APP_DEVICE)[index]
    refused = people.refuses_analytics[sessions.person][index]
    pseudo_ids, user_ids = _ids(people, sessions)
    shows_user = logged_in[index] & (app | (rows.offset >= _LOGIN_SECOND)) & ~refused
    names = texts(["page_view" if name == "form_page" else name for name in NAMES])
    storage = texts(np.where(refused, "No", "Yes").tolist())
    tags = tags_of(sessions)
    untagged = ~rows.is_landing | (sessions.origin == DIRECT)[index]
    columns: dict[str, ArrowArray] = {
        "event_date": constant(f"{calendar.date_of(day.day):%Y%m%d}", total),
        "event_timestamp": pa.array(stamp),
        "event_name": gather(names, rows.name),
        "event_params": event_params(people, day, rows, pages, refused),
        "event_bundle_sequence_id": pa.array(sessions.number[index] * 7),
        "user_id": gather(user_ids, index, shows_user),
        "user_pseudo_id": gather(pseudo_ids, index, ~refused),
        "privacy_info": struct(
            schema.PRIVACY,
            {
                "analytics_storage": storage,
                "ads_storage": storage,
                "uses_transient_token": constant("No", total),
            },
        ),
        "user_first_touch_timestamp": pa.array(
            sessions.first_seen[index] * 1_000_000, mask=refused
        ),
        "device": _devices(people, sessions, index, app),
        "geo": _geo(people, sessions, index),
        "app_info": struct(
            schema.APP_INFO,
            {"id": constant("example.touchproof.app", total), "version": constant("4.2.0", total)},
            ~app,
        ),
        "traffic_source": first_source(sessions, index),
        "stream_id": texts(np.where(app, "4002", "4001").tolist()),
        "platform": gather(texts(_platforms(people, sessions)), index),
        "collected_traffic_source": struct(
            schema.COLLECTED, {name: gather(tags[name], index) for name in tags}, untagged
        ),
        "is_active_user": pa.array(~rows.are("notification_open")),
        "batch_event_index": pa.array(rows.name + 1),
        "batch_page_id": pa.array(sessions.started[index] * 1000, mask=app),
        "batch_ordering_id": pa.array(rows.offset + 1),
        "session_traffic_source_last_click": last_click(sessions, index, tags),
    }
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(total, field.type)
        for field in schema.EVENTS
    ]
    return pa.Table.from_arrays(arrays, schema=schema.EVENTS)


def _ids(people: People, sessions: Sessions) -> tuple[ArrowArray, ArrowArray]:
    """Return pseudo id and user id of each session."""
    pairs = list(zip(sessions.person.tolist(), sessions.device.tolist(), strict=True))
    pseudo = [
        people.installs[person] if device == APP_DEVICE else people.cookies[device][person]
        for person, device in pairs
    ]
    return texts(pseudo), texts([people.app_users[person] for person, _ in pairs])


def _platforms(people: People, sessions: Sessions) -> list[str]:
    return [
        ("IOS" if people.app_platform[p] == 1 else "ANDROID") if d == APP_DEVICE else "WEB"
        for p, d in zip(sessions.person.tolist(), sessions.device.tolist(), strict=True)
    ]


def _devices(people: People, sessions: Sessions, index: Index, app: Mask) -> ArrowArray:
    kinds = [
        ("mobile", "iOS" if people.app_platform[p] == 1 else "Android", None)
        if d == APP_DEVICE
        else _WEB_KINDS[(int(people.device_kind[p]) + 2 * d) % len(_WEB_KINDS)]
        for p, d in zip(sessions.person.tolist(), sessions.device.tolist(), strict=True)
    ]
    web = struct(
        schema.WEB_INFO,
        {
            "browser": gather(texts([kind[2] for kind in kinds]), index),
            "hostname": constant(HOST, len(index)),
        },
        app,
    )
    fields = {
        "category": gather(texts([kind[0] for kind in kinds]), index),
        "operating_system": gather(texts([kind[1] for kind in kinds]), index),
        "language": constant("en-us", len(index)),
        "web_info": web,
    }
    return struct(schema.DEVICE, fields)


def _geo(people: People, sessions: Sessions, index: Index) -> ArrowArray:
    person = sessions.person.tolist()
    countries = ["Canada" if people.is_canadian[p] else "United States" for p in person]
    fields = {
        "city": gather(texts([people.cities[p] for p in person]), index),
        "country": gather(texts(countries), index),
        "continent": constant("Americas", len(index)),
        "region": gather(texts([people.regions[p] for p in person]), index),
        "sub_continent": constant("Northern America", len(index)),
    }
    return struct(schema.GEO, fields)
