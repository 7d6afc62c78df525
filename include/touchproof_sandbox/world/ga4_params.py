"""The repeated event parameters of GA4 events.

Belongs here: which event carries which parameter. Doesn't belong here: the events (ga4_rows.py).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from touchproof_sandbox.world import ga4_schema as schema
from touchproof_sandbox.world.arrow import (
    ArrowArray,
    Index,
    Mask,
    constant,
    gather,
    numbers,
    texts,
)
from touchproof_sandbox.world.campaigns import CAMPAIGNS
from touchproof_sandbox.world.ga4_rows import MESSAGES, Rows
from touchproof_sandbox.world.ga4_sources import HOST, PAGES, addresses_of
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.records import Day, submission_id


def event_params(people: People, day: Day, rows: Rows, pages: Index, refused: Mask) -> ArrowArray:
    """Return the event_params column.

    Args:
        people: The people.
        day: The day whose sessions the rows are of.
        rows: The event rows, in their final order.
        pages: Number of the first page (see PAGES), one a session.
        refused: Which rows are of people who refuse analytics storage.
    """
    text_params = _text_params(people, day, rows, pages, refused)
    engagement = rows.are("user_engagement")
    number_params: list[tuple[str, Mask, Index]] = [
        ("ga_session_id", ~refused, day.sessions.started[rows.session]),
        ("ga_session_number", ~refused, day.sessions.number[rows.session]),
        ("engagement_time_msec", engagement, 1000 * (1 + rows.session % 90)),
    ]
    keys, places, strings, integers = [], [], [], []
    for key, mask, text in text_params:
        where = np.flatnonzero(mask)
        keys.append(constant(key, len(where)))
        places.append(where)
        strings.append(gather(text, rows.session[where]))
        integers.append(pa.nulls(len(where), pa.int64()))
    for key, mask, values in number_params:
        where = np.flatnonzero(mask)
        keys.append(constant(key, len(where)))
        places.append(where)
        strings.append(pa.nulls(len(where), pa.string()))
        integers.append(numbers(values[where]))
    return _as_lists(len(rows.session), np.concatenate(places), keys, strings, integers)


def _text_params(
    people: People, day: Day, rows: Rows, pages: Index, refused: Mask
) -> list[tuple[str, Mask, ArrowArray]]:
    """Return key, rows and one text a session for each text parameter."""
    sessions = day.sessions
    person, count = sessions.person.tolist(), len(sessions.person)
    page_view = rows.are("page_view")
    landing = page_view & (rows.offset == 0)
    lead, form = rows.are("generate_lead"), rows.are("form_page", "generate_lead")
    messages, click = np.isin(rows.name, MESSAGES), rows.are("bank_referral_click")
    first_pages = pages.tolist()
    locations, referrers = addresses_of(people, sessions, first_pages)
    linked = (sessions.address >= 0)[rows.session]
    recipients = [
        people.recipients[max(address, 0)][who]
        for who, address in zip(person, sessions.address.tolist(), strict=True)
    ]
    codes = texts([CAMPAIGNS[m].code if m >= 0 else None for m in sessions.message.tolist()])
    return [
        ("page_location", landing, locations),
        (
            "page_location",
            page_view & ~landing,
            texts([f"https://{HOST}/{PAGES[n]}" for n in first_pages]),
        ),
        ("page_location", form, constant(f"https://{HOST}/contact/thank-you", count)),
        ("page_referrer", landing, referrers),
        ("page_title", page_view, texts([PAGES[n].title() or "Home" for n in first_pages])),
        ("recipient_id", landing & linked, texts(recipients)),
        ("recipient_id", form, texts([people.recipients[0][who] for who in person])),
        ("submission_id", lead, texts([submission_id(day.day, n) for n in range(count)])),
        ("campaign_code", messages, codes),
        ("message_name", messages, codes),
        ("referral_token", click, texts([people.referral_token(who) for who in person])),
        ("bank_id", click, texts([people.bank(who) for who in person])),
        ("method", rows.are("sign_up"), constant("email", count)),
        ("session_engaged", ~refused, constant("1", count)),
    ]


def _as_lists(
    count: int,
    places: Index,
    keys: list[ArrowArray],
    strings: list[ArrowArray],
    integers: list[ArrowArray],
) -> ArrowArray:
    """Gather the parameters of each row, in the order in which they were given."""
    order = numbers(np.argsort(places, kind="stable"))
    sizes = np.bincount(places, minlength=count)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    empty = pa.nulls(len(places), pa.float64())
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
        [pa.concat_arrays(keys).take(order), value], fields=list(schema.PARAM)
    )
    return pa.ListArray.from_arrays(numbers(offsets), entry)
