"""The planted truth of television: which visits each spot caused.

Belongs here: the two truth tables of spots, which the pipeline never reads. Doesn't belong here:
how the visits come about (television.py) or how a lift is scored against them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from touchproof_sandbox.world.arrow import ArrowArray
from touchproof_sandbox.world.campaigns import CAMPAIGNS
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.records import Day
from touchproof_sandbox.world.spots import Spot
from touchproof_sandbox.world.stations import STATIONS
from touchproof_sandbox.world.television import NATURES, nature_of
from touchproof_sandbox.world.truth import person_key

_MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class _Visit:
    spot_id: str
    person: int
    device: int
    started: int
    nature: str


@dataclass
class AnsweredSpots:
    """Collect the aired spots and the visits that they caused, day by day."""

    _spots: list[Spot] = field(default_factory=list)
    _visits: list[_Visit] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return how many spots were aired."""
        return len(self._spots)

    def take(self, day: Day) -> None:
        """Add a day's spots and the sessions that they caused."""
        self._spots.extend(day.spots)
        sessions = day.sessions
        for place in np.flatnonzero(sessions.spot >= 0):
            self._visits.append(
                _Visit(
                    day.spots[int(sessions.spot[place])].spot_id,
                    int(sessions.person[place]),
                    int(sessions.device[place]),
                    int(sessions.started[place]),
                    nature_of(int(sessions.origin[place])),
                )
            )

    def spots_table(self) -> pa.Table:
        """Return one row per aired spot, also of one that isn't logged yet.

        Columns: spot_id, campaign_code, station, country, aired_at, visits_caused, and of these
        direct_visits_caused, organic_visits_caused, branded_search_visits_caused.
        """
        counts = Counter((visit.spot_id, visit.nature) for visit in self._visits)
        by_nature = {
            nature: [counts[spot.spot_id, nature] for spot in self._spots] for nature in NATURES
        }
        totals = [sum(numbers) for numbers in zip(*by_nature.values(), strict=True)]
        stations = [STATIONS[spot.station] for spot in self._spots]
        codes = [CAMPAIGNS[spot.campaign].code for spot in self._spots]
        return pa.table(
            {
                "spot_id": pa.array([spot.spot_id for spot in self._spots], pa.string()),
                "campaign_code": pa.array(codes, pa.string()),
                "station": pa.array([station.name for station in stations], pa.string()),
                "country": pa.array([station.country for station in stations], pa.string()),
                "aired_at": _moments([spot.aired for spot in self._spots]),
                "visits_caused": pa.array(totals, pa.int64()),
                **{
                    f"{nature}_visits_caused": pa.array(numbers, pa.int64())
                    for nature, numbers in by_nature.items()
                },
            }
        )

    def visits_table(self, people: People) -> pa.Table:
        """Return one row per visit that a spot caused.

        Columns: spot_id, true_person, nature (direct, organic, branded_search), started_at,
        user_pseudo_id and ga_session_id (both null where the person refuses analytics: GA4 then
        shows no session).
        """
        visits = self._visits
        refused = [bool(people.refuses_analytics[visit.person]) for visit in visits]
        cookies = [
            None if unseen else people.cookies[visit.device][visit.person]
            for visit, unseen in zip(visits, refused, strict=True)
        ]
        sessions = [
            None if unseen else visit.started for visit, unseen in zip(visits, refused, strict=True)
        ]
        return pa.table(
            {
                "spot_id": pa.array([visit.spot_id for visit in visits], pa.string()),
                "true_person": pa.array(
                    [person_key(visit.person) for visit in visits], pa.string()
                ),
                "nature": pa.array([visit.nature for visit in visits], pa.string()),
                "started_at": _moments([visit.started for visit in visits]),
                "user_pseudo_id": pa.array(cookies, pa.string()),
                "ga_session_id": pa.array(sessions, pa.int64()),
            }
        )


def _moments(seconds: list[int]) -> ArrowArray:
    return pa.array(np.array(seconds, dtype="datetime64[s]"), pa.timestamp("s")).cast(_MOMENT)
