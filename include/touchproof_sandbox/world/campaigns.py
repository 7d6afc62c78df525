"""The campaigns of the pretend world and what each truly causes.

Belongs here: names, tags, audiences, flights, prices and the planted effects, read from
campaigns.csv. Doesn't belong here:
who is reached on which day (simulation.py) and how the tags are written down (the renderers).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

PRODUCT_LINES = ("savings", "checking", "loan", "transfer")

DIRECT, ORGANIC, REFERRAL = -1, -2, -3
"""Session origins that are no campaign (campaigns are numbered from 0)."""


@dataclass(frozen=True)
class Campaign:
    """Describe one campaign.

    Args:
        code: Our campaign code; it stands in every tag, in the spend files and in the CRM.
        name: What people call it.
        channel: Family: paid_search, paid_social, organic_social, display, list_email,
            cross_sell_email, tv, in_app or push.
        platform: The platform that reports its spend, empty where nothing is paid.
        source: utm_source of its links.
        medium: utm_medium of its links.
        country: `US` or `CA`.
        reach: Clicks a person and day at average affinity (e-mail: share of the audience).
        effect: What one click adds to the daily chance to register or open, before decay.
        cost: Price in dollars of a click (TV: of a day's spots; list: of a thousand sends).
        products: Product lines whose openings it moves besides registrations.
        flight: First and last day index of each period of activity, inclusive; repeats yearly.
    """

    code: str
    name: str
    channel: str
    platform: str
    source: str
    medium: str
    country: str
    reach: float
    effect: float
    cost: float
    products: tuple[str, ...]
    flight: tuple[tuple[int, int], ...]

    def runs_on(self, day: int) -> bool:
        """Tell whether the campaign is active on a day index."""
        return any(first <= day % 365 <= last for first, last in self.flight)

    @property
    def currency(self) -> str:
        return "CAD" if self.country == "CA" else "USD"


def _read(path: Path) -> tuple[Campaign, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_campaign(row) for row in csv.DictReader(file))


def _campaign(row: dict[str, str]) -> Campaign:
    flights = (flight.split("-") for flight in row["flight"].split())
    return Campaign(
        code=row["code"],
        name=row["name"],
        channel=row["channel"],
        platform=row["platform"],
        source=row["source"],
        medium=row["medium"],
        country=row["country"],
        reach=float(row["reach"]),
        effect=float(row["effect"]),
        cost=float(row["cost"]),
        products=tuple(row["products"].split()),
        flight=tuple((int(first), int(last)) for first, last in flights),
    )


CAMPAIGNS: tuple[Campaign, ...] = _read(Path(__file__).with_name("campaigns.csv"))
"""All campaigns in the file's order. Brand search and retargeting follow intent: they have reach
and take the last click, but cause little; TV causes much and leaves hardly a trace."""

INDEX: dict[str, int] = {campaign.code: number for number, campaign in enumerate(CAMPAIGNS)}
WEB_CHANNELS = ("paid_search", "paid_social", "organic_social", "display")


def numbers_of(*channels: str) -> tuple[int, ...]:
    """Return the campaign numbers of the given channels."""
    return tuple(n for n, campaign in enumerate(CAMPAIGNS) if campaign.channel in channels)
