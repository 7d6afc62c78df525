"""Web and app sessions as GA4's BigQuery export tables.

Belongs here: turning a day's sessions into event rows of the nested schema, with duplicates and
late rows. Doesn't belong here: who visits (contacts.py) or the types (ga4_schema.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world import ga4_schema as schema
from touchproof_sandbox.world.campaigns import CAMPAIGNS, DIRECT, ORGANIC
from touchproof_sandbox.world.people import APP_DEVICE, People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import (
    BANK_CLICK,
    FIRST_VISIT,
    FORM,
    IN_APP_CLICK,
    IN_APP_VIEW,
    LOGIN,
    PUSH_OPEN,
    SIGN_UP,
    Day,
    Sessions,
)

HOST = "www.touchproof-app.example"
GOOGLE_SPELLINGS = ("google", "google", "google", "google", "Google", "google ads", "GOOGLE",
                    "AdWords", "google_cpc", "Googl")  # fmt: skip
"""Six spellings of one source, as tags by hand really look (the plain one is the commonest)."""

_LATE_SHARE, _DUPLICATE_SHARE = 0.03, 0.002
_PAGES = ("", "savings", "checking", "loans", "transfers", "rates", "help")
_WEB_KINDS = (
    ("mobile", "iOS", "Safari"), ("mobile", "Android", "Chrome"), ("desktop", "Windows", "Chrome"),
    ("desktop", "Macintosh", "Safari"), ("desktop", "Windows", "Edge"), ("tablet", "iOS", "Safari"),
)  # fmt: skip
_CHANNEL_GROUP = {
    "paid_search": "Paid Search",
    "paid_social": "Paid Social",
    "organic_social": "Organic Social",
    "display": "Display",
    "list_email": "Email",
    "cross_sell_email": "Email",
    "tv": "Unassigned",
    "in_app": "Unassigned",
    "push": "Mobile Push Notifications",
}


@dataclass(frozen=True)
class EventTable:
    """Hold a day's complete table and which of its rows arrive only a day later."""

    day: int
    table: pa.Table
    is_late: NDArray[np.bool_]

    def as_first_exported(self) -> pa.Table:
        """Return the table as the export of the day itself shows it, without the late rows."""
        return self.table.filter(pa.array(~self.is_late))


@dataclass(frozen=True)
class _Rows:
    """Hold event rows: index of the session, name, seconds after its start."""

    session: NDArray[np.int64]
    name: NDArray[np.int64]
    offset: NDArray[np.int64]


_NAMES = ("first_visit", "first_open", "session_start", "page_view", "screen_view",
          "notification_open", "firebase_in_app_message_impression",
          "firebase_in_app_message_action", "login", "user_engagement", "bank_referral_click",
          "form_page", "generate_lead", "sign_up")  # fmt: skip
_EVENT = {name: number for number, name in enumerate(_NAMES)}
_ARRIVAL = tuple(_EVENT[n] for n in ("first_visit", "first_open", "session_start"))


def event_table(seed: int, people: People, day: Day) -> EventTable:
    """Return the complete export table of one day, in order of time."""
    sessions = day.sessions
    rng = stream(seed, "ga4", day.day)
    count = len(sessions.person)
    logged_in = sessions.is_known & (
        (sessions.device == APP_DEVICE)
        | ((sessions.flags & (LOGIN | SIGN_UP | BANK_CLICK)) > 0)
        | (rng.random(count) < 0.45)
    )
    rows = _event_rows(day, rng, logged_in)
    is_late = (rng.random(count) < _LATE_SHARE)[rows.session]
    micros = rng.integers(0, 900_000, count)
    order = np.lexsort((rows.name, rows.session, sessions.started[rows.session] + rows.offset))
    doubled = np.sort(np.concatenate([order_positions(order), _doubles(rng, len(order))]))
    chosen = order[doubled]
    rows = _Rows(rows.session[chosen], rows.name[chosen], rows.offset[chosen])
    stamp = (sessions.started[rows.session] + rows.offset) * 1_000_000
    stamp = stamp + micros[rows.session] + rows.name
    table = _table(people, day, rows, stamp, logged_in, rng.integers(1, 4, count))
    return EventTable(day.day, table, is_late[chosen])


def order_positions(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, 2 … for an order."""
    return np.arange(len(order), dtype=np.int64)


def _doubles(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    return np.flatnonzero(rng.random(count) < _DUPLICATE_SHARE).astype(np.int64)


def _event_rows(day: Day, rng: np.random.Generator, logged_in: NDArray[np.bool_]) -> _Rows:
    sessions = day.sessions
    count = len(sessions.person)
    app, flags = sessions.device == APP_DEVICE, sessions.flags
    registered_at = {r.person: r.at for r in day.registrations}
    sign_up_after = np.array(
        [registered_at.get(int(p), 0) for p in sessions.person], dtype=np.int64
    )
    sign_up_after = np.maximum(sign_up_after - sessions.started, 30)

    def has(flag: int) -> NDArray[np.bool_]:
        return (flags & flag) > 0

    reads_on = rng.random(count) < 0.45
    engaged = rng.random(count) < 0.5
    parts: list[tuple[str, NDArray[np.bool_], NDArray[np.int64] | int]] = [
        ("first_visit", ~app & has(FIRST_VISIT), 0),
        ("first_open", app & has(FIRST_VISIT), 0),
        ("session_start", np.ones(count, dtype=np.bool_), 0),
        ("page_view", ~app, 0),
        ("screen_view", app, 1),
        ("notification_open", has(PUSH_OPEN), 0),
        ("firebase_in_app_message_impression", has(IN_APP_VIEW), 5),
        ("firebase_in_app_message_action", has(IN_APP_CLICK), 20),
        ("login", logged_in & ~has(SIGN_UP) & ~app, 15),
        ("page_view", ~app & reads_on, 25),
        ("screen_view", app & reads_on, 25),
        ("user_engagement", engaged, 40),
        ("bank_referral_click", has(BANK_CLICK), 50),
        ("form_page", has(FORM), 150),
        ("generate_lead", has(FORM), 240),
        ("sign_up", has(SIGN_UP), sign_up_after),
    ]
    index, names, offsets = [], [], []
    for name, mask, offset in parts:
        where = np.flatnonzero(mask)
        index.append(where)
        names.append(np.full(len(where), _EVENT[name]))
        offsets.append(np.broadcast_to(np.asarray(offset, dtype=np.int64), (count,))[where])
    return _Rows(np.concatenate(index), np.concatenate(names), np.concatenate(offsets))


def _table(
    people: People,
    day: Day,
    rows: _Rows,
    stamp: NDArray[np.int64],
    logged_in: NDArray[np.bool_],
    pages: NDArray[np.int64],
) -> pa.Table:
    sessions = day.sessions
    total = len(rows.session)
    app = (sessions.device == APP_DEVICE)[rows.session]
    refused = people.refuses_analytics[sessions.person][rows.session]
    person, device = sessions.person.tolist(), sessions.device.tolist()
    pseudo = _strings(
        [people.installs[p] if d == APP_DEVICE else people.cookies[d][p]
         for p, d in zip(person, device, strict=True)]
    )  # fmt: skip
    users = _strings([people.app_users[p] for p in person])
    shows_user = logged_in[rows.session] & (app | (rows.offset >= 15)) & ~refused
    shows_user &= (rows.name != _EVENT["sign_up"]) | logged_in[rows.session]
    names = _strings(["page_view" if name == "form_page" else name for name in _NAMES])
    landing = np.isin(rows.name, _ARRIVAL) | (
        (rows.name == _EVENT["page_view"]) & (rows.offset == 0)
    )
    landing |= rows.name == _EVENT["notification_open"]
    origin = sessions.origin
    tags = _tags(sessions)
    storage = np.where(refused, "No", "Yes")
    columns: dict[str, pa.Array] = {
        "event_date": pa.repeat(pa.scalar(f"{calendar.date_of(day.day):%Y%m%d}"), total),
        "event_timestamp": pa.array(stamp),
        "event_name": names.take(pa.array(rows.name)),
        "event_params": _params(people, day, rows, pages, refused),
        "event_bundle_sequence_id": pa.array(sessions.number[rows.session] * 7),
        "event_server_timestamp_offset": pa.nulls(total, pa.int64()),
        "user_id": _take(users, rows.session, shows_user),
        "user_pseudo_id": _take(pseudo, rows.session, ~refused),
        "privacy_info": _struct(
            schema.PRIVACY,
            {
                "analytics_storage": pa.array(storage.tolist()),
                "ads_storage": pa.array(storage.tolist()),
                "uses_transient_token": pa.repeat(pa.scalar("No"), total),
            },
        ),
        "user_first_touch_timestamp": pa.array(
            sessions.first_seen[rows.session] * 1_000_000, mask=refused
        ),
        "device": _devices(people, sessions, rows, app),
        "geo": _geo(people, sessions, rows),
        "app_info": _struct(
            schema.APP_INFO,
            {
                "id": pa.repeat(pa.scalar("example.touchproof.app"), total),
                "version": pa.repeat(pa.scalar("4.2.0"), total),
            },
            ~app,
        ),
        "traffic_source": _struct(
            schema.TRAFFIC_SOURCE,
            {
                name: _strings(
                    [tag[name] for tag in map(_tag, sessions.first_origin.tolist())]
                ).take(pa.array(rows.session))
                for name in ("name", "medium", "source")
            },
        ),
        "stream_id": pa.array(np.where(app, "4002", "4001").tolist()),
        "platform": _take(_strings(_platforms(people, sessions)), rows.session),
        "collected_traffic_source": _struct(
            schema.COLLECTED,
            {name: tags[name].take(pa.array(rows.session)) for name in tags},
            ~landing | (origin == DIRECT)[rows.session],
        ),
        "is_active_user": pa.array(rows.name != _EVENT["notification_open"]),
        "batch_event_index": pa.array(rows.name + 1),
        "batch_page_id": pa.array(sessions.started[rows.session] * 1000, mask=app),
        "batch_ordering_id": pa.array(rows.offset + 1),
        "session_traffic_source_last_click": _last_click(sessions, rows, tags),
    }
    arrays = [
        columns[field.name].cast(field.type)
        if field.name in columns
        else pa.nulls(total, field.type)
        for field in schema.EVENTS
    ]
    return pa.Table.from_arrays(arrays, schema=schema.EVENTS)


def _params(
    people: People,
    day: Day,
    rows: _Rows,
    pages: NDArray[np.int64],
    refused: NDArray[np.bool_],
) -> pa.Array:
    sessions = day.sessions
    name, offset = rows.name, rows.offset
    app = (sessions.device == APP_DEVICE)[rows.session]
    page_view = name == _EVENT["page_view"]
    form_page = name == _EVENT["form_page"]
    messages = np.isin(name, [_EVENT[n] for n in _NAMES[5:8]])
    lead = name == _EVENT["generate_lead"]
    landing = page_view & (offset == 0)
    locations, referrers = _locations(people, sessions, pages)
    person = sessions.person.tolist()
    recipient = _strings(
        [people.recipients[max(a, 0)][p]
         for p, a in zip(person, sessions.address.tolist(), strict=True)]
    )  # fmt: skip
    form_recipient = _strings([people.recipients[0][p] for p in person])
    has_link = (sessions.address >= 0)[rows.session]
    inner = _strings([f"https://{HOST}/{_PAGES[page]}" for page in pages.tolist()])
    form = pa.repeat(pa.scalar(f"https://{HOST}/contact/thank-you"), len(sessions.person))
    codes = _strings([CAMPAIGNS[m].code if m >= 0 else None for m in sessions.message.tolist()])
    tokens = _strings([f"TPR-{people.recipients[0][p][4:12].upper()}" for p in person])
    submissions = _strings([f"web_{day.day:04d}_{p}" for p in person])
    click = name == _EVENT["bank_referral_click"]
    texts: list[tuple[str, NDArray[np.bool_], pa.Array]] = [
        ("page_location", landing, locations),
        ("page_location", page_view & (offset > 0), inner),
        ("page_location", form_page | lead, form),
        ("page_referrer", landing, referrers),
        ("page_title", page_view, _strings([_PAGES[p].title() or "Home" for p in pages.tolist()])),
        ("recipient_id", landing & has_link, recipient),
        ("recipient_id", form_page | lead, form_recipient),
        ("submission_id", lead, submissions),
        ("campaign_code", messages, codes),
        ("message_name", messages, codes),
        ("referral_token", click, tokens),
        ("bank_id", click, _strings([people.bank(p) for p in person])),
        ("method", name == _EVENT["sign_up"], _strings(["email"] * len(person))),
        ("session_engaged", ~refused, _strings(["1"] * len(person))),
    ]
    numbers: list[tuple[str, NDArray[np.bool_], NDArray[np.int64]]] = [
        ("ga_session_id", ~refused, sessions.started),
        ("ga_session_number", ~refused, sessions.number),
    ]
    keys, at, strings, integers = [], [], [], []
    for key, mask, text in texts:
        where = np.flatnonzero(mask)
        taken = text.take(pa.array(rows.session[where]))
        keys.append(pa.repeat(pa.scalar(key), len(where)))
        at.append(where)
        strings.append(taken)
        integers.append(pa.nulls(len(where), pa.int64()))
    engagement = np.flatnonzero(name == _EVENT["user_engagement"])
    for key, mask, values in numbers:
        where = np.flatnonzero(mask)
        keys.append(pa.repeat(pa.scalar(key), len(where)))
        at.append(where)
        strings.append(pa.nulls(len(where), pa.string()))
        integers.append(pa.array(values[rows.session[where]]))
    keys.append(pa.repeat(pa.scalar("engagement_time_msec"), len(engagement)))
    at.append(engagement)
    strings.append(pa.nulls(len(engagement), pa.string()))
    integers.append(pa.array(1000 * (1 + rows.session[engagement] % 90)))
    positions = np.concatenate(at)
    order = pa.array(np.argsort(positions, kind="stable"))
    counts = np.bincount(positions, minlength=len(rows.session))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    empty = pa.nulls(len(positions), pa.float64())
    value = pa.StructArray.from_arrays(
        [
            pa.concat_arrays(strings).take(order),
            pa.concat_arrays(integers).take(order),
            empty,
            empty,
        ],
        fields=list(schema.VALUE),
    )
    entry = pa.StructArray.from_arrays(
        [pa.concat_arrays(keys).take(order), value], fields=list(schema.PARAMS.value_type)
    )
    del app
    return pa.ListArray.from_arrays(pa.array(offsets), entry)


def _tag(origin: int) -> dict[str, str]:
    """Return source, medium and name that GA4 gives to an origin."""
    if origin >= 0:
        campaign = CAMPAIGNS[origin]
        return {"source": campaign.source, "medium": campaign.medium, "name": campaign.name}
    if origin == ORGANIC:
        return {"source": "google", "medium": "organic", "name": "(organic)"}
    if origin == DIRECT:
        return {"source": "(direct)", "medium": "(none)", "name": "(direct)"}
    return {"source": "moneyblog.example", "medium": "referral", "name": "(referral)"}


def _spelled_source(origin: int, started: int) -> str:
    if origin >= 0 and CAMPAIGNS[origin].channel == "paid_search":
        return GOOGLE_SPELLINGS[started % len(GOOGLE_SPELLINGS)]
    return _tag(origin)["source"]


def _click_id(session: int, started: int) -> str:
    return f"Cj0K{started * 7919 % 16**8:08x}{session:05x}"


def _tags(sessions: Sessions) -> dict[str, pa.Array]:
    pairs = list(zip(sessions.origin.tolist(), sessions.started.tolist(), strict=True))

    def campaign(field: str) -> pa.Array:
        return _strings([getattr(CAMPAIGNS[o], field) if o >= 0 else None for o, _ in pairs])

    paid = [o >= 0 and CAMPAIGNS[o].channel == "paid_search" for o, _ in pairs]
    return {
        "manual_campaign_id": campaign("code"),
        "manual_campaign_name": campaign("name"),
        "manual_source": _strings([_spelled_source(o, s) for o, s in pairs]),
        "manual_medium": _strings([_tag(o)["medium"] for o, _ in pairs]),
        "manual_content": _strings([f"creative_{s % 3 + 1}" if o >= 0 else None for o, s in pairs]),
        "gclid": _strings(
            [_click_id(i, s) if yes else None
             for i, ((_, s), yes) in enumerate(zip(pairs, paid, strict=True))]
        ),
    }  # fmt: skip


def _locations(
    people: People, sessions: Sessions, pages: NDArray[np.int64]
) -> tuple[pa.Array, pa.Array]:
    places, referrers = [], []
    columns = zip(
        sessions.person.tolist(), sessions.origin.tolist(), sessions.started.tolist(),
        sessions.address.tolist(), pages.tolist(), strict=True,
    )  # fmt: skip
    for index, (person, origin, started, address, page) in enumerate(columns):
        place = f"https://{HOST}/{_PAGES[page]}"
        referrer: str | None = None
        if origin >= 0:
            campaign = CAMPAIGNS[origin]
            source = _spelled_source(origin, started).replace(" ", "%20")
            place += f"?utm_source={source}&utm_medium={campaign.medium}&utm_id={campaign.code}"
            if campaign.channel == "paid_search":
                place += f"&gclid={_click_id(index, started)}"
                referrer = "https://www.google.com/"
            if address >= 0:
                place += f"&rid={people.recipients[address][person]}"
        elif origin == ORGANIC:
            referrer = "https://www.google.com/"
        elif origin != DIRECT:
            referrer = "https://moneyblog.example/best-accounts"
        places.append(place)
        referrers.append(referrer)
    return _strings(places), _strings(referrers)


def _last_click(sessions: Sessions, rows: _Rows, tags: dict[str, pa.Array]) -> pa.Array:
    index = pa.array(rows.session)
    tagged = (sessions.origin >= 0)[rows.session]
    manual = _struct(
        schema.MANUAL_CAMPAIGN,
        {
            "campaign_id": tags["manual_campaign_id"].take(index),
            "campaign_name": tags["manual_campaign_name"].take(index),
            "source": tags["manual_source"].take(index),
            "medium": tags["manual_medium"].take(index),
            "content": tags["manual_content"].take(index),
        },
        ~tagged,
    )
    cross = [
        (_CHANNEL_GROUP[CAMPAIGNS[o].channel] if o >= 0 else
         {DIRECT: "Direct", ORGANIC: "Organic Search"}.get(o, "Referral"))
        for o in sessions.origin.tolist()
    ]  # fmt: skip
    channel = _struct(
        schema.CROSS_CHANNEL,
        {
            "campaign_id": tags["manual_campaign_id"].take(index),
            "source": tags["manual_source"].take(index),
            "medium": tags["manual_medium"].take(index),
            "default_channel_group": _strings(cross).take(index),
            "primary_channel_group": _strings(cross).take(index),
        },
    )
    nothing = pa.nulls(len(rows.session), schema.GOOGLE_ADS_CAMPAIGN)
    return pa.StructArray.from_arrays(
        [manual, nothing, channel], fields=list(schema.SESSION_SOURCE)
    )


def _platforms(people: People, sessions: Sessions) -> list[str]:
    return [
        ("IOS" if people.app_platform[p] == 1 else "ANDROID") if d == APP_DEVICE else "WEB"
        for p, d in zip(sessions.person.tolist(), sessions.device.tolist(), strict=True)
    ]


def _devices(people: People, sessions: Sessions, rows: _Rows, app: NDArray[np.bool_]) -> pa.Array:
    kinds = [
        ("mobile", "iOS" if people.app_platform[p] == 1 else "Android", None)
        if d == APP_DEVICE
        else _WEB_KINDS[(int(people.device_kind[p]) + 2 * d) % len(_WEB_KINDS)]
        for p, d in zip(sessions.person.tolist(), sessions.device.tolist(), strict=True)
    ]
    index = pa.array(rows.session)
    web = _struct(
        schema.WEB_INFO,
        {
            "browser": _strings([kind[2] for kind in kinds]).take(index),
            "hostname": pa.repeat(pa.scalar(HOST), len(rows.session)),
        },
        app,
    )
    fields = {
        "category": _strings([kind[0] for kind in kinds]).take(index),
        "operating_system": _strings([kind[1] for kind in kinds]).take(index),
        "language": pa.repeat(pa.scalar("en-us"), len(rows.session)),
        "web_info": web,
    }
    return _struct(schema.DEVICE, fields)


def _geo(people: People, sessions: Sessions, rows: _Rows) -> pa.Array:
    index = pa.array(rows.session)
    person = sessions.person.tolist()
    countries = ["Canada" if people.is_canadian[p] else "United States" for p in person]
    fields = {
        "city": _strings([people.cities[p] for p in person]).take(index),
        "country": _strings(countries).take(index),
        "continent": pa.repeat(pa.scalar("Americas"), len(rows.session)),
        "region": _strings([people.regions[p] for p in person]).take(index),
        "sub_continent": pa.repeat(pa.scalar("Northern America"), len(rows.session)),
    }
    return _struct(schema.GEO, fields)


def _strings(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _take(
    values: pa.Array, index: NDArray[np.int64], keep: NDArray[np.bool_] | None = None
) -> pa.Array:
    return values.take(pa.array(index, mask=None if keep is None else ~keep))


def _struct(
    kind: pa.StructType, fields: dict[str, pa.Array], is_null: NDArray[np.bool_] | None = None
) -> pa.Array:
    count = len(next(iter(fields.values())))
    arrays = [fields.get(field.name, pa.nulls(count, field.type)) for field in kind]
    mask = None if is_null is None else pa.array(is_null)
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=mask)
