"""Where a session came from, in GA4's words.

Belongs here: utm tags with their misspellings, page addresses and GA4's own verdict, all derived
from a session's origin. Doesn't belong here: the events (ga4.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from touchproof_sandbox.world import ga4_schema as schema
from touchproof_sandbox.world.arrow import ArrowArray, Index, gather, struct, texts
from touchproof_sandbox.world.campaigns import CAMPAIGNS, DIRECT, ORGANIC
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.records import Sessions

HOST = "www.touchproof-app.example"
PAGES = ("", "savings", "checking", "loans", "transfers", "rates", "help")
GOOGLE_SPELLINGS = ("google", "google", "google", "google", "Google", "google ads", "GOOGLE",
                    "AdWords", "google_cpc", "Googl")  # fmt: skip
"""Spellings of one source, as tags made by hand really look (the plain one is the commonest)."""

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


def tag_of(origin: int) -> dict[str, str]:
    """Return source, medium and name that GA4 gives to an origin."""
    if origin >= 0:
        campaign = CAMPAIGNS[origin]
        return {"source": campaign.source, "medium": campaign.medium, "name": campaign.name}
    if origin == ORGANIC:
        return {"source": "google", "medium": "organic", "name": "(organic)"}
    if origin == DIRECT:
        return {"source": "(direct)", "medium": "(none)", "name": "(direct)"}
    return {"source": "moneyblog.example", "medium": "referral", "name": "(referral)"}


def tags_of(sessions: Sessions) -> dict[str, ArrowArray]:
    """Return the tags of each session's first address, by field of collected_traffic_source."""
    pairs = list(zip(sessions.origin.tolist(), sessions.started.tolist(), strict=True))

    def campaign(field: str) -> ArrowArray:
        return texts([getattr(CAMPAIGNS[o], field) if o >= 0 else None for o, _ in pairs])

    clicks = [
        _click_id(number, started) if _is_paid_search(origin) else None
        for number, (origin, started) in enumerate(pairs)
    ]
    return {
        "manual_campaign_id": campaign("code"),
        "manual_campaign_name": campaign("name"),
        "manual_source": texts([_spelled_source(o, s) for o, s in pairs]),
        "manual_medium": texts([tag_of(o)["medium"] for o, _ in pairs]),
        "manual_content": texts([f"creative_{s % 3 + 1}" if o >= 0 else None for o, s in pairs]),
        "gclid": texts(clicks),
    }


def addresses_of(
    people: People, sessions: Sessions, pages: Sequence[int]
) -> tuple[ArrowArray, ArrowArray]:
    """Return each session's first page address and its referrer."""
    places: list[str | None] = []
    referrers: list[str | None] = []
    columns = zip(
        sessions.person.tolist(), sessions.origin.tolist(), sessions.started.tolist(),
        sessions.address.tolist(), pages, strict=True,
    )  # fmt: skip
    for number, (person, origin, started, address, page) in enumerate(columns):
        place = f"https://{HOST}/{PAGES[page]}"
        referrer: str | None = None
        if origin >= 0:
            campaign = CAMPAIGNS[origin]
            source = _spelled_source(origin, started).replace(" ", "%20")
            place += f"?utm_source={source}&utm_medium={campaign.medium}&utm_id={campaign.code}"
            if _is_paid_search(origin):
                place += f"&gclid={_click_id(number, started)}"
                referrer = "https://www.google.com/"
            if address >= 0:
                place += f"&rid={people.recipients[address][person]}"
        elif origin == ORGANIC:
            referrer = "https://www.google.com/"
        elif origin != DIRECT:
            referrer = "https://moneyblog.example/best-accounts"
        places.append(place)
        referrers.append(referrer)
    return texts(places), texts(referrers)


def first_source(sessions: Sessions, index: Index) -> ArrowArray:
    """Return traffic_source, the source of the device's first session, for each row."""
    tags = [tag_of(origin) for origin in sessions.first_origin.tolist()]
    return struct(
        schema.TRAFFIC_SOURCE,
        {
            name: gather(texts([tag[name] for tag in tags]), index)
            for name in ("name", "medium", "source")
        },
    )


def last_click(sessions: Sessions, index: Index, tags: dict[str, ArrowArray]) -> ArrowArray:
    """Return session_traffic_source_last_click, GA4's own verdict, for each row."""
    tagged = (sessions.origin >= 0)[index]
    manual = struct(
        schema.MANUAL_CAMPAIGN,
        {
            "campaign_id": gather(tags["manual_campaign_id"], index),
            "campaign_name": gather(tags["manual_campaign_name"], index),
            "source": gather(tags["manual_source"], index),
            "medium": gather(tags["manual_medium"], index),
            "content": gather(tags["manual_content"], index),
        },
        ~tagged,
    )
    groups = gather(texts([_channel_group(origin) for origin in sessions.origin.tolist()]), index)
    cross = struct(
        schema.CROSS_CHANNEL,
        {
            "campaign_id": gather(tags["manual_campaign_id"], index),
            "source": gather(tags["manual_source"], index),
            "medium": gather(tags["manual_medium"], index),
            "default_channel_group": groups,
            "primary_channel_group": groups,
        },
    )
    return struct(
        schema.SESSION_SOURCE, {"manual_campaign": manual, "cross_channel_campaign": cross}
    )


def _is_paid_search(origin: int) -> bool:
    return origin >= 0 and CAMPAIGNS[origin].channel == "paid_search"


def _spelled_source(origin: int, started: int) -> str:
    if _is_paid_search(origin):
        return GOOGLE_SPELLINGS[started % len(GOOGLE_SPELLINGS)]
    return tag_of(origin)["source"]


def _click_id(session: int, started: int) -> str:
    return f"Cj0K{started * 7919 % 16**8:08x}{session:05x}"


def _channel_group(origin: int) -> str:
    if origin >= 0:
        return _CHANNEL_GROUP[CAMPAIGNS[origin].channel]
    return {DIRECT: "Direct", ORGANIC: "Organic Search"}.get(origin, "Referral")
