"""Sent e-mails as the event webhook reports them.

Belongs here: events of each mail with duplicates, disorder, machine opens and scanner clicks.
Doesn't belong here: who is mailed (contacts.py).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from touchproof_sandbox.world.campaigns import CAMPAIGNS
from touchproof_sandbox.world.ga4_sources import HOST
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import WELCOME, Day

_DUPLICATE_SHARE = 0.004


def mail_events(seed: int, people: People, day: Day) -> list[dict[str, Any]]:
    """Return the webhook's events of one day, in the disorder in which they arrived."""
    mails = day.mails
    events: list[dict[str, Any]] = []
    columns = zip(
        mails.person.tolist(), mails.address.tolist(), mails.campaign.tolist(),
        mails.sent.tolist(), mails.bounced.tolist(), mails.machine_opened.tolist(),
        mails.opened.tolist(), mails.clicked.tolist(), mails.scanned.tolist(),
        mails.unsubscribed.tolist(), strict=True,
    )  # fmt: skip
    for number, mail in enumerate(columns):
        person, address, campaign, sent, bounced, machine, opened, clicked, scanned, left = mail
        message = hashlib.md5(  # noqa: S324 - a made-up id, nothing secret
            f"{seed}:{day.day}:{number}:{person}".encode()
        ).hexdigest()[:22]
        common: dict[str, Any] = {"email": people.emails[address][person]}
        if campaign >= 0:
            code = CAMPAIGNS[campaign].code
            category = (
                "prospecting" if CAMPAIGNS[campaign].channel == "list_email" else "cross_sell"
            )
            tags = {"campaign_code": code, "list_id": f"list_{code}", "category": category}
            target = f"https://{HOST}/offers?utm_id={code}&rid={people.recipients[address][person]}"
        else:
            category = "welcome" if campaign == WELCOME else "form_confirmation"
            tags = {"list_id": "service", "category": ["service", category]}
            target = f"https://{HOST}/app"
        tags["recipient_id"] = people.recipients[address][person]

        def add(
            event: str,
            at: int,
            _common: dict[str, Any] = common,
            _tags: dict[str, Any] = tags,
            _message: str = message,
            **more: Any,
        ) -> None:
            events.append(
                {
                    **_common,
                    "timestamp": at,
                    "smtp-id": f"<{_message}@mail.touchproof-app.example>",
                    "event": event,
                    "sg_event_id": f"{_message}{len(events):x}{event[:2]}",
                    "sg_message_id": f"{_message}.recvd-0",
                    **_tags,
                    **more,
                }
            )

        add("processed", sent)
        if bounced:
            add("bounce", sent + 3, type="bounce", status="5.1.1",
                reason="550 5.1.1 The address doesn't exist",
                bounce_classification="Invalid Address")  # fmt: skip
            continue
        add("delivered", sent + 2, response="250 OK", ip="192.0.2.10")
        if machine:
            add("open", machine, sg_machine_open=True, useragent="Mozilla/5.0", ip="192.0.2.44")
        if scanned:
            for step, link in enumerate((target, f"https://{HOST}/legal", f"https://{HOST}/help")):
                add("click", scanned + step // 2, url=link, useragent="MailGuard-Scanner/2.1",
                    ip="198.51.100.7")  # fmt: skip
        if opened:
            add("open", opened, sg_machine_open=False, useragent="Mozilla/5.0", ip="192.0.2.81")
        if clicked:
            add("click", clicked, url=target, useragent="Mozilla/5.0", ip="192.0.2.81")
        if left:
            add("unsubscribe", left)
    rng = stream(seed, "webhook", day.day)
    again = np.flatnonzero(rng.random(len(events)) < _DUPLICATE_SHARE)
    events += [events[index] for index in again.tolist()]
    jitter = np.array([event["timestamp"] for event in events]) + rng.integers(0, 40, len(events))
    return [events[index] for index in np.argsort(jitter, kind="stable").tolist()]
