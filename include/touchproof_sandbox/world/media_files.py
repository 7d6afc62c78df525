"""The media files of a day: bills, spot logs, program costs, list purchases, claims, installs.

Belongs here: their columns, and what each sender reports and when. Doesn't belong here: what
happened (the simulation) and which spots run (spots.py).

An agency logs and bills a local date on the morning after it, when the last station in the west
has aired its spots; the bill is the sum of the spots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import CAMPAIGNS, numbers_of
from touchproof_sandbox.world.files import csv_text
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import Day
from touchproof_sandbox.world.spots import Spot, spots_of
from touchproof_sandbox.world.stations import STATIONS

_SPEND = ("date", "platform", "campaign_code", "campaign_name", "ad_group", "impressions",
          "clicks", "cost", "currency")  # fmt: skip
_SPOTS = ("spot_id", "station", "country", "campaign_code", "aired_local", "time_zone",
          "length_seconds", "daypart", "program", "cost", "currency")  # fmt: skip
_PROGRAM_COSTS = ("program_cost_id", "campaign_code", "period_month", "cost", "currency",
                  "note")  # fmt: skip
_LIST_PURCHASES = ("list_purchase_id", "list_id", "campaign_code", "vendor", "purchased_on",
                   "address_count", "planned_sends", "price", "currency")  # fmt: skip
_CLAIMS = ("date", "platform", "campaign_code", "claimed_conversions", "claimed_value",
           "currency", "window_days")  # fmt: skip
_INSTALLS = ("date", "platform", "campaign_code", "installs")

_CLICK_RATE = {"paid_search": 0.045, "paid_social": 0.011, "display": 0.0016}
_AGENCY = "tv_agency"
_VIEWERS_A_PRICE = 220
"""Viewers whom the agency says it reached for a unit of currency."""
_TWICE_SHARE, _MISTIMED_SHARE = 0.02, 0.06
"""Spots that stand twice in a log, and such as are logged as planned and a day later as aired."""
_PROGRAM_COST = {"cross_sell_email": 320, "organic_social": 450, "in_app": 150, "push": 120}
"""What running a program costs in a month, besides media, in whole units of currency."""
_CORRECTION_DAY = 15
_PURCHASE_DAYS, _MAILINGS = 28, 4
"""A list is bought for four weekly mailings to all its addresses."""


def media_files(seed: int, people: People, day: Day) -> dict[str, bytes]:
    """Return the media files that arrive on a day, by file name; none is without rows.

    Args:
        seed: The world's seed.
        people: The people; they tell how many addresses a list has.
        day: The day.
    """
    tables = {
        **_spend(seed, day),
        **_agency(seed, day.day - 1),
        **_program_costs(seed, day.day),
        **_list_purchases(people, day.day),
        **_claims(day),
        **_installs(day),
    }
    return {name: csv_text(header, rows).encode() for name, (header, rows) in tables.items()}


_Tables = dict[str, tuple[tuple[str, ...], list[list[Any]]]]


def _spend(seed: int, day: Day) -> _Tables:
    """Return the spend file of each platform that is paid by clicks."""
    rng = stream(seed, "spend", day.day)
    noise = rng.random((len(CAMPAIGNS), 2))
    date = calendar.date_of(day.day)
    tables: _Tables = {}
    for number, campaign in enumerate(CAMPAIGNS):
        if campaign.channel not in _CLICK_RATE or not campaign.runs_on(day.day):
            continue
        clicks = int(day.clicks[number])
        for part, share in ((1, 0.6), (2, 0.4)):
            reported = round(clicks * share * (1.05 + 0.2 * noise[number, 0]))
            impressions = round(reported / _CLICK_RATE[campaign.channel]) + 40 + part
            cents = round(reported * campaign.cost * 100 * (0.85 + 0.3 * noise[number, 1]))
            _, rows = tables.setdefault(_named("spend", day.day, campaign.platform), (_SPEND, []))
            rows.append(
                [date.isoformat(), campaign.platform, campaign.code, campaign.name,
                 f"{campaign.code}_g{part}", impressions, reported, _money(cents),
                 campaign.currency]
            )  # fmt: skip
    return tables


def _agency(seed: int, local_day: int) -> _Tables:
    """Return the log and the bill of the spots of a local date, and earlier spots logged again."""
    logged = _logged(seed, local_day)
    corrected = [spot for spot, was in _timed(seed, local_day - 1) if was != spot]
    tables: _Tables = {}
    if logged or corrected:
        rows = [_spot_row(spot) for spot in (*logged, *corrected)]
        tables[_named("spots", local_day, _AGENCY)] = (_SPOTS, rows)
    billed: dict[tuple[int, int], int] = {}
    for spot in spots_of(seed, local_day):
        key = (spot.campaign, spot.station)
        billed[key] = billed.get(key, 0) + spot.cents
    if billed:
        date = calendar.date_of(local_day).isoformat()
        tables[_named("spend", local_day, _AGENCY)] = (
            _SPEND,
            [
                [date, _AGENCY, CAMPAIGNS[campaign].code, CAMPAIGNS[campaign].name,
                 STATIONS[station].name, cents * _VIEWERS_A_PRICE // 100, 0, _money(cents),
                 CAMPAIGNS[campaign].currency]
                for (campaign, station), cents in sorted(billed.items())
            ],
        )  # fmt: skip
    return tables


def _logged(seed: int, local_day: int) -> list[Spot]:
    """Return a date's spots as first logged, a few twice."""
    twice = stream(seed, "spot-log", max(local_day, 0))
    spots = []
    for _, was in _timed(seed, local_day):
        spots += [was] * (2 if twice.random() < _TWICE_SHARE else 1)
    return spots


def _timed(seed: int, local_day: int) -> Iterable[tuple[Spot, Spot]]:
    """Return a date's spots, each as it was aired and as it is first logged."""
    rng = stream(seed, "spot-times", max(local_day, 0))
    for spot in spots_of(seed, local_day):
        is_mistimed, minutes = rng.random() < _MISTIMED_SHARE, int(rng.integers(2, 13))
        planned = spot.local - timedelta(minutes=minutes)
        yield spot, replace(spot, local=planned) if is_mistimed else spot


def _spot_row(spot: Spot) -> list[Any]:
    station, campaign = STATIONS[spot.station], CAMPAIGNS[spot.campaign]
    return [
        spot.spot_id,
        station.name,
        station.country,
        campaign.code,
        spot.local.isoformat(),
        station.zone.key,
        spot.length.seconds,
        spot.daypart.name,
        spot.program,
        _money(spot.cents),
        campaign.currency,
    ]


def _program_costs(seed: int, day: int) -> _Tables:
    """Return the month's program costs on its first day, and one of them corrected later."""
    date = calendar.date_of(day)
    if date.day not in (1, _CORRECTION_DAY):
        return {}
    month = date.replace(day=1)
    draws = stream(seed, "program-costs", calendar.day_of(month)).random(len(CAMPAIGNS))
    programs = numbers_of(*_PROGRAM_COST)
    is_correction = date.day == _CORRECTION_DAY
    if is_correction:
        programs = (programs[month.month % len(programs)],)
    rows = [
        [f"pc_{month:%Y%m}_{CAMPAIGNS[number].code}", CAMPAIGNS[number].code, month.isoformat(),
         round(_PROGRAM_COST[CAMPAIGNS[number].channel]
               * (0.85 + 0.3 * draws[number]) * (1.25 if is_correction else 1.0)),
         CAMPAIGNS[number].currency, "invoice came late" if is_correction else "as planned"]
        for number in programs
    ]  # fmt: skip
    return {_named("program_costs", day): (_PROGRAM_COSTS, rows)}


def _list_purchases(people: People, day: int) -> _Tables:
    """Return what lists cost that are bought that day, each for its coming mailings."""
    if day % _PURCHASE_DAYS:
        return {}
    rows = []
    for number in numbers_of("list_email"):
        campaign, addresses = CAMPAIGNS[number], int(people.list_member[number].sum())
        sends = addresses * _MAILINGS
        if sends:
            rows.append(
                [f"lp_{day:04d}_{campaign.code}", f"list_{campaign.code}", campaign.code,
                 campaign.source, calendar.date_of(day).isoformat(), addresses, sends,
                 _money(round(sends * campaign.cost / 10)), campaign.currency]
            )  # fmt: skip
    return {_named("list_purchases", day): (_LIST_PURCHASES, rows)} if rows else {}


def _claims(day: Day) -> _Tables:
    tables: _Tables = {}
    for claim in day.platform_claims:
        campaign = CAMPAIGNS[claim.campaign]
        name = _named("platform_claims", day.day, campaign.platform)
        _, rows = tables.setdefault(name, (_CLAIMS, []))
        rows.append(
            [calendar.date_of(claim.day).isoformat(), campaign.platform, campaign.code,
             _money(claim.hundredths), _money(claim.cents), campaign.currency, claim.window_days]
        )  # fmt: skip
    return tables


def _installs(day: Day) -> _Tables:
    tables: _Tables = {}
    for installs in day.installs:
        campaign = CAMPAIGNS[installs.campaign]
        name = _named("app_installs", day.day, campaign.platform)
        _, rows = tables.setdefault(name, (_INSTALLS, []))
        date = calendar.date_of(day.day).isoformat()
        rows.append([date, campaign.platform, campaign.code, installs.count])
    return tables


def _named(kind: str, day: int, sender: str = "") -> str:
    """Return a file's name; its date is the one that its rows are of."""
    middle = f"_{sender}" if sender else ""
    return f"{kind}{middle}_{calendar.date_of(day):%Y%m%d}.csv"


def _money(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"
