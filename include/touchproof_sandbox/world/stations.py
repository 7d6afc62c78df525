"""The television stations of the pretend world, and what a spot on them does and costs.

Belongs here: stations with their time zones and reach, dayparts and lengths. Doesn't belong here:
which spots run (spots.py) and who visits because of them (television.py).

The zones differ from New York's: Phoenix and Regina have no DST, St. John's is half an hour off.
They are ones whose rules no government moved lately: systems with older zone tables would make
another world of Winnipeg, Calgary or Vancouver, which stopped changing clocks in 2026.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Station:
    """Describe one station.

    Args:
        name: Call sign, as logs and bills have it.
        country: `US` or `CA`.
        zone: Time zone of its clock.
        cities: Cities that it reaches; none means the whole country.
        watched: Share of its reach's viewers who watch it.
        answer: Chance that such a viewer visits us because of one spot of 30 s in prime time.
        price: Price of that spot in units of the country's currency, before bargaining.
    """

    name: str
    country: str
    zone: ZoneInfo
    cities: tuple[str, ...]
    watched: float
    answer: float
    price: float

    def utc_of(self, local: datetime) -> int:
        """Return the Unix second at which the station's clock shows a time (naive).

        Nothing is aired in the hours in which clocks change, so the second is never in doubt.
        """
        return int(local.replace(tzinfo=self.zone).timestamp())

    def local_of(self, second: int) -> datetime:
        """Return what the station's clock shows (naive) at a Unix second."""
        return datetime.fromtimestamp(second, self.zone).replace(tzinfo=None)


@dataclass(frozen=True)
class Daypart:
    """Describe a part of the broadcast day.

    Args:
        name: Name on the rate card.
        start: Local hour at which it begins.
        end: Local hour at which it ends, exclusive.
        share: Share of the spots that run in it.
        pull: Answers relative to prime time; 0 where nobody is moved.
        cost: Price relative to prime time.
        programs: What runs then.
    """

    name: str
    start: int
    end: int
    share: float
    pull: float
    cost: float
    programs: tuple[str, ...]


@dataclass(frozen=True)
class Length:
    """Describe a spot length: seconds, share of spots, answers and price relative to 30 s."""

    seconds: int
    share: float
    pull: float
    cost: float


DAYPARTS = (
    Daypart("overnight", 3, 5, 0.12, 0.0, 0.08, ("Infomercials", "Replay")),
    Daypart("morning", 6, 9, 0.15, 0.6, 0.4, ("Breakfast News", "Traffic and Weather")),
    Daypart("daytime", 9, 16, 0.20, 0.45, 0.3, ("Talk at Noon", "Cooking Hour", "Serial")),
    Daypart("access", 16, 19, 0.13, 0.8, 0.55, ("Local News", "Quiz")),
    Daypart("prime", 19, 23, 0.30, 1.0, 1.0, ("Drama", "Hockey Night", "Evening News")),
    Daypart("late", 23, 24, 0.10, 0.4, 0.35, ("Late Show",)),
)
"""The parts in which spots are sold, by the station's clock; overnight spots move nobody."""

LENGTHS = (Length(15, 0.3, 0.6, 0.6), Length(30, 0.5, 1.0, 1.0), Length(60, 0.2, 1.5, 1.9))


def daypart_at(local: datetime) -> Daypart | None:
    """Return the daypart of a local time, None at hours in which no spots are sold."""
    return next((part for part in DAYPARTS if part.start <= local.hour < part.end), None)


def _read(path: Path) -> tuple[Station, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Station(
                name=row["station"],
                country=row["country"],
                zone=ZoneInfo(row["time_zone"]),
                cities=tuple(city for city in row["cities"].split("|") if city),
                watched=float(row["watched"]),
                answer=float(row["answer"]),
                price=float(row["price"]),
            )
            for row in csv.DictReader(file)
        )


STATIONS: tuple[Station, ...] = _read(Path(__file__).with_name("stations.csv"))
"""All stations in the file's order; a spot names its station by the place here."""
