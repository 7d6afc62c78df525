"""Which GA4 events a session leads to, and when.

Belongs here: the event rows of a day's sessions, before any column is filled. Doesn't belong here:
the columns (ga4.py, ga4_params.py, ga4_sources.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchproof_sandbox.world.arrow import Index, Mask
from touchproof_sandbox.world.people import APP_DEVICE
from touchproof_sandbox.world.records import (
    BANK_CLICK,
    FIRST_VISIT,
    FORM,
    IN_APP_CLICK,
    IN_APP_VIEW,
    PUSH_OPEN,
    SIGN_UP,
    Day,
)

NAMES = ("first_visit", "first_open", "session_start", "page_view", "screen_view",
         "notification_open", "firebase_in_app_message_impression",
         "firebase_in_app_message_action", "login", "user_engagement", "bank_referral_click",
         "form_page", "generate_lead", "sign_up")  # fmt: skip
"""Kinds of rows in the order in which they stand within one second; `form_page` is the page_view
of the page that thanks for a web form."""

EVENT = {name: number for number, name in enumerate(NAMES)}
MESSAGES = tuple(EVENT[name] for name in NAMES[5:8])
ARRIVALS = tuple(EVENT[name] for name in ("first_visit", "first_open", "session_start"))


@dataclass(frozen=True)
class Rows:
    """Hold event rows: number of the session, kind (see NAMES), seconds after its start."""

    session: Index
    name: Index
    offset: Index

    def at(self, places: Index) -> Rows:
        """Return the rows at these places."""
        return Rows(self.session[places], self.name[places], self.offset[places])

    def are(self, *names: str) -> Mask:
        """Tell which rows are of these kinds."""
        found: Mask = np.isin(self.name, [EVENT[name] for name in names])
        return found

    @property
    def is_landing(self) -> Mask:
        """Tell which rows carry the tags of the session's first address."""
        first_page = self.are("page_view") & (self.offset == 0)
        landing: Mask = np.isin(self.name, ARRIVALS) | first_page | self.are("notification_open")
        return landing


def event_rows(day: Day, rng: np.random.Generator, logged_in: Mask) -> Rows:
    """Return the rows of a day's sessions, kind by kind.

    Args:
        day: The day.
        rng: The stream that decides who reads on.
        logged_in: Which sessions include a login.
    """
    sessions = day.sessions
    count = len(sessions.person)
    app, flags = sessions.device == APP_DEVICE, sessions.flags
    registered_at = {event.person: event.at for event in day.registrations}
    sign_up_at = np.array(
        [registered_at.get(person, 0) for person in sessions.person.tolist()], dtype=np.int64
    )

    def has(flag: int) -> Mask:
        return (flags & flag) > 0

    reads_on = rng.random(count) < 0.45
    engaged = rng.random(count) < 0.5
    kinds: list[tuple[str, Mask, Index | int]] = [
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
        ("sign_up", has(SIGN_UP), np.maximum(sign_up_at - sessions.started, 30)),
    ]
    index, names, offsets = [], [], []
    for name, mask, offset in kinds:
        where = np.flatnonzero(mask)
        index.append(where)
        names.append(np.full(len(where), EVENT[name]))
        offsets.append(np.broadcast_to(np.asarray(offset, dtype=np.int64), (count,))[where])
    return Rows(np.concatenate(index), np.concatenate(names), np.concatenate(offsets))
