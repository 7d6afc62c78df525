"""What television does to people: it moves viewers unseen, and some visit us within minutes.

Belongs here: exposure of viewers, and the visits that each spot causes. Doesn't belong here: which
spots run (spots.py), when people come for other reasons (contacts.py).

Nobody records who saw a spot. Those whom it brings come under another name: straight to our
address, over a search engine, or over an ad on our own brand that takes the click. That visit is
the spot's doing, so its effect is counted for TV and none for the brand ad.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world.campaigns import CAMPAIGNS, DIRECT, INDEX, ORGANIC, numbers_of
from touchproof_sandbox.world.drafts import SessionDrafts
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import pick, stream
from touchproof_sandbox.world.spots import ANSWER_SECONDS, Spot
from touchproof_sandbox.world.state import State
from touchproof_sandbox.world.stations import STATIONS

NATURES = ("direct", "organic", "branded_search")
_NATURE_SHARES = [0.62, 0.23, 0.15]
_BRAND = {"US": INDEX["ps_brand_us"], "CA": INDEX["ps_brand_ca"]}

_WATCHING = 0.35
"""Chance that a viewer is exposed to a running campaign on a day without doing anything of it."""
_ANSWER_EXPOSURE = 7.0
"""What a visit that a spot caused counts beside that: who comes was moved, most viewers aren't."""
_FIRST_SECOND, _MEAN_SECONDS = 10, 150
"""When the first visitors come, and after how long most have; after ANSWER_SECONDS nobody does."""


def viewers_of(seed: int, people: People) -> tuple[NDArray[np.int64], ...]:
    """Return who watches each station, in the order of STATIONS; a viewer may watch several."""
    rng = stream(seed, "stations")
    cities = np.array(people.cities)
    audiences = []
    for station in STATIONS:
        reached = people.watches_tv & (people.is_canadian == (station.country == "CA"))
        if station.cities:
            reached = reached & np.isin(cities, station.cities)
        audiences.append(np.flatnonzero(reached & (rng.random(people.count) < station.watched)))
    return tuple(audiences)


def watch_tv(seed: int, day: int, people: People, state: State) -> None:
    """Expose viewers to the spots of the day; nobody records who saw them."""
    rng = stream(seed, "tv", day)
    for number in numbers_of("tv"):
        campaign = CAMPAIGNS[number]
        draws = rng.random(people.count)
        if campaign.runs_on(day):
            audience = people.watches_tv & (people.is_canadian == (campaign.country == "CA"))
            state.exposure[audience & (draws < _WATCHING), number] += 1.0


def answer_spots(
    seed: int,
    day: int,
    viewers: tuple[NDArray[np.int64], ...],
    state: State,
    drafts: SessionDrafts,
    spots: tuple[Spot, ...],
) -> NDArray[np.int64]:
    """Add the visits that the day's spots cause and return the clicks by campaign.

    Args:
        seed: The world's seed.
        day: Day index.
        viewers: Who watches each station; a spot moves them alone.
        state: The visitors' exposure to the spots' campaigns rises.
        drafts: Gets the sessions, each with the place of its spot in `spots`.
        spots: The spots aired that day.

    Returns:
        Clicks on brand ads among the visits, shape (campaigns,).
    """
    rng = stream(seed, "answers", day)
    clicks = np.zeros(len(CAMPAIGNS), dtype=np.int64)
    for place, spot in enumerate(spots):
        audience = viewers[spot.station]
        who = audience[rng.random(len(audience)) < spot.answer]
        nature = pick(rng, len(who), _NATURE_SHARES)
        brand = _BRAND[CAMPAIGNS[spot.campaign].country]
        drafts.add(
            who,
            spot.aired + _delays(rng, len(who)),
            np.array([DIRECT, ORGANIC, brand])[nature],
            spot=place,
        )
        clicks[brand] += int((nature == 2).sum())
        state.exposure[who, spot.campaign] += _ANSWER_EXPOSURE
    return clicks


def nature_of(origin: int) -> str:
    """Return which kind of visit a session caused by a spot is, by its origin."""
    return NATURES[{DIRECT: 0, ORGANIC: 1}.get(origin, 2)]


def _delays(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Draw seconds from a spot's beginning to visits: exponential, cut off at ANSWER_SECONDS."""
    span = ANSWER_SECONDS - _FIRST_SECOND
    reached = 1.0 - np.exp(-span / _MEAN_SECONDS)
    waits = -_MEAN_SECONDS * np.log1p(-rng.random(count) * reached)
    delays: NDArray[np.int64] = _FIRST_SECOND + waits.astype(np.int64)
    return delays
