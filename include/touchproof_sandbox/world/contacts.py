"""How people meet us on a day: visits, mails, app sessions.

Belongs here: the chances of each contact and what it adds to a person's exposure. Doesn't belong
here: what television does (television.py), what people then do (outcomes.py) or how it is written
down (the renderers).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import (
    CAMPAIGNS,
    DIRECT,
    INDEX,
    ORGANIC,
    PRODUCT_LINES,
    REFERRAL,
    WEB_CHANNELS,
    numbers_of,
)
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.people import APP_DEVICE, People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import FORM, IN_APP_CLICK, IN_APP_VIEW, PUSH_OPEN, Mails
from touchproof_sandbox.world.state import State

_FAMILY = {"paid_search": 0, "paid_social": 1, "organic_social": 2, "display": 3}
_ORGANIC_RATE, _DIRECT_RATE, _REFERRAL_RATE = 0.018, 0.014, 0.003
_INTENT_PULL = 14.0
"""How strongly stored effects bring people back through brand search, organic and direct."""
_FORM_SHARE = 0.016
_FOLLOWS_INTENT = {"ps_brand_us", "ps_brand_ca", "di_retargeting", "so_loans_retarget"}
_CROSS_SELL = {
    "xs_checking_to_savings": ("checking", "savings"),
    "xs_savings_to_loan": ("savings", "loan"),
    "xs_transfer_ca": ("", "transfer"),
}
_LIST_WEEKDAY = {"pl_homeowners_us": 1, "pl_graduates_us": 2, "pl_newcomers_ca": 3}
_CROSS_SELL_WEEKDAY, _PUSH_WEEKDAY = 3, 4


def visit_the_web(
    seed: int, day: int, people: People, state: State, drafts: SessionDrafts
) -> NDArray[np.int64]:
    """Add the day's web sessions and return the clicks by campaign, shape (campaigns,)."""
    rng = stream(seed, "web", day)
    pull = 1.0 + _INTENT_PULL * (state.pull())
    weekend = 0.8 if calendar.date_of(day).weekday() >= 5 else 1.05
    midnight = calendar.epoch_of(day)
    clicks = np.zeros(len(CAMPAIGNS), dtype=np.int64)

    def visits(rate: NDArray[np.float64], origin: int) -> int:
        who = np.flatnonzero(rng.random(people.count) < rate * weekend)
        drafts.add(who, midnight + calendar.second_of_day(rng, len(who)), origin)
        return len(who)

    for number in numbers_of(*WEB_CHANNELS, "tv"):
        campaign = CAMPAIGNS[number]
        if not campaign.runs_on(day):
            continue
        audience = people.is_canadian == (campaign.country == "CA")
        if campaign.channel == "tv":
            rate = campaign.reach * (audience & people.watches_tv)
        else:
            rate = campaign.reach * audience * people.affinity[_FAMILY[campaign.channel]]
        if campaign.code in _FOLLOWS_INTENT:
            rate = rate * (pull - 0.6)
        clicks[number] = visits(rate, number)
    visits(_ORGANIC_RATE * people.affinity[4] * pull, ORGANIC)
    visits(_DIRECT_RATE * people.affinity[5] * pull, DIRECT)
    visits(np.full(people.count, _REFERRAL_RATE) * people.affinity[4], REFERRAL)
    return clicks


def receive_mails(
    seed: int, day: int, people: People, state: State, drafts: SessionDrafts
) -> tuple[Mails, NDArray[np.int64]]:
    """Send the day's campaign mails and add the sessions that their links bring.

    Returns:
        The mails, and how many were sent by campaign, shape (campaigns,).
    """
    rng = stream(seed, "mail", day)
    weekday = calendar.date_of(day).weekday()
    persons, campaigns = [], []
    for number in numbers_of("list_email", "cross_sell_email"):
        who = np.flatnonzero(_mail_audience(number, weekday, day, people, state))
        persons.append(who)
        campaigns.append(np.full(len(who), number, dtype=np.int64))
    person, campaign = np.concatenate(persons), np.concatenate(campaigns)
    is_list = np.isin(campaign, numbers_of("list_email"))
    address = np.where(is_list, people.list_address[person], people.app_address[person])
    count = len(person)
    sent = calendar.epoch_of(day) + 13 * 3600 + rng.integers(0, 3 * 3600, count)
    bounced = rng.random(count) < np.where(is_list, 0.012, 0.002)
    arrives = ~bounced
    machine = arrives & people.opens_by_machine[person] & (rng.random(count) < 0.9)
    scanned = arrives & people.has_scanner[person] & (address == 1)
    opens = arrives & (rng.random(count) < np.where(is_list, 0.20, 0.42))
    clicks = opens & (rng.random(count) < np.where(is_list, 0.11, 0.24))
    leaves = opens & (rng.random(count) < 0.010)
    opened = sent + 60 + np.minimum(rng.exponential(6000, count), 20_000).astype(np.int64)
    clicked = opened + rng.integers(5, 120, count)
    mails = Mails(
        person=person,
        address=address,
        campaign=campaign,
        sent=sent,
        bounced=bounced,
        machine_opened=np.where(machine, sent + rng.integers(10, 600, count), 0),
        opened=np.where(opens, opened, 0),
        clicked=np.where(clicks, clicked, 0),
        scanned=np.where(scanned, sent + rng.integers(3, 9, count), 0),
        unsubscribed=np.where(leaves, opened + rng.integers(5, 300, count), 0),
    )
    state.exposure[person[opens], campaign[opens]] += 0.15
    state.bounced[address[bounced], person[bounced]] = True
    state.unsubscribed[address[leaves], person[leaves]] = True
    state.is_known[person[clicks]] = True
    drafts.add(person[clicks], clicked[clicks] + 2, campaign[clicks], address=address[clicks])
    return mails, np.bincount(campaign, minlength=len(CAMPAIGNS))


def _mail_audience(
    number: int, weekday: int, day: int, people: People, state: State
) -> NDArray[np.bool_]:
    campaign = CAMPAIGNS[number]
    nobody = np.zeros(people.count, dtype=np.bool_)
    if campaign.channel == "list_email":
        if weekday != _LIST_WEEKDAY[campaign.code]:
            return nobody
        address = people.list_address
        audience = people.list_member[number] & (state.registered == 0)
    else:
        if weekday != _CROSS_SELL_WEEKDAY or (day // 7) % 2:
            return nobody
        owns, lacks = _CROSS_SELL[campaign.code]
        has = state.owned[PRODUCT_LINES.index(owns)] if owns else state.owned.any(axis=0)
        address = people.app_address
        audience = has & ~state.owned[PRODUCT_LINES.index(lacks)] & state.consents_email
        audience &= people.is_canadian == (campaign.country == "CA")
    everyone = np.arange(people.count)
    blocked = state.unsubscribed[address, everyone] | state.bounced[address, everyone]
    reached: NDArray[np.bool_] = audience & ~blocked
    return reached


def use_the_app(seed: int, day: int, people: People, state: State, drafts: SessionDrafts) -> None:
    """Add app sessions of people who have installed the app, in-app messages and push opens."""
    rng = stream(seed, "app", day)
    who = np.flatnonzero(state.has_install & (rng.random(people.count) < 0.13))
    started = calendar.epoch_of(day) + calendar.second_of_day(rng, len(who))
    canadian = people.is_canadian[who]
    message = np.where(canadian, INDEX["ia_savings_goal"], INDEX["ia_loan_banner"])
    has_it = np.where(
        canadian,
        state.owned[PRODUCT_LINES.index("savings"), who],
        state.owned[PRODUCT_LINES.index("loan"), who],
    )
    viewed = ~has_it & (rng.random(len(who)) < 0.35)
    reach = np.where(canadian, 0.12, 0.10)
    clicked = viewed & (rng.random(len(who)) < reach)
    flags = np.where(viewed, IN_APP_VIEW, 0) | np.where(clicked, IN_APP_CLICK, 0)
    message = np.where(viewed, message, -1)
    drafts.add(who, started, DIRECT, device=APP_DEVICE, message=message, flags=flags)
    state.exposure[who[viewed], message[viewed]] += 0.1
    state.exposure[who[clicked], message[clicked]] += 1.0
    state.contact(who[clicked], started[clicked] + 20)
    if calendar.date_of(day).weekday() == _PUSH_WEEKDAY:
        chosen = np.flatnonzero(state.has_install & (rng.random(people.count) < 0.05))
        push = np.where(people.is_canadian[chosen], INDEX["pu_rate_ca"], INDEX["pu_payday_us"])
        opened = calendar.epoch_of(day) + 15 * 3600 + rng.integers(0, 10_000, len(chosen))
        drafts.add(chosen, opened, push, device=APP_DEVICE, message=push, flags=PUSH_OPEN)


def note_contacts(
    seed: int, day: int, state: State, drafts: SessionDrafts
) -> tuple[dict[int, int], NDArray[np.int64], NDArray[np.int64]]:
    """Add the day's clicks to exposures and contacts, and choose who sends a web form.

    A click that a TV spot caused is a contact, but its effect is the spot's (television.py).

    Returns:
        FORM flags by draft position, each person's last touch of the day (Unix seconds, 0: none)
        and the device of that touch.
    """
    rng = stream(seed, "form", day)
    columns = drafts.columns()
    person, origin, started = columns["person"], columns["origin"], columns["started"]
    tagged = origin >= 0
    moved = tagged & (columns["spot"] < 0)
    np.add.at(state.exposure, (person[moved], origin[moved]), 1.0)
    state.contact(person[tagged], started[tagged])
    fresh = (state.registered[person] == 0) & (state.form_sent[person] == 0)
    sends = fresh & (columns["device"] != APP_DEVICE) & (rng.random(len(person)) < _FORM_SHARE)
    forms: dict[int, int] = {}
    for position in np.flatnonzero(sends):
        if state.form_sent[person[position]] == 0:
            state.form_sent[person[position]] = started[position] + 240
            forms[int(position)] = FORM
    positions = np.fromiter(forms, dtype=np.int64, count=len(forms))
    state.contact(person[positions], started[positions] + 240)
    state.is_known[person[positions]] = True
    last = np.zeros_like(state.registered)
    np.maximum.at(last, person, started)
    device = np.zeros_like(last)
    newest = started == last[person]
    device[person[newest]] = columns["device"][newest]
    web = newest & (columns["device"] != APP_DEVICE)
    state.last_origin[person[web]] = origin[web]
    return forms, last, device
