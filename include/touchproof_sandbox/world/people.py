"""The people of the pretend world: who they are and by which identifiers they are known.

Belongs here: everything about a person that never changes, made once from seed and number of
people. Doesn't belong here: what they do (simulation.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world.calendar import epoch_of
from touchproof_sandbox.world.campaigns import CAMPAIGNS, numbers_of
from touchproof_sandbox.world.mess import ORDINARY, Mess, relate
from touchproof_sandbox.world.names import (
    FIRST_NAMES,
    LAST_NAMES,
    MAIL_DOMAINS,
    PLACES_CA,
    PLACES_US,
    WORK_DOMAINS,
    mail_name,
)
from touchproof_sandbox.world.randomness import hex_ids, pick, stream

APP_DEVICE = 3
"""Device number of the app; the numbers 0 to 2 are web cookies."""

BANKS = {
    "US": {"bank_northlake": 0.6, "bank_harbor": 0.25, "bank_summit": 0.15},
    "CA": {"bank_maple": 0.55, "bank_aurore": 0.25, "bank_laurent": 0.2},
}
"""The consortium's banks of a country, and how many of its people each serves."""


@dataclass(frozen=True)
class People:
    """Hold one value a person in each field; arrays of shape (people,) unless said.

    `cookies[d][p]` is the GA4 pseudo id of person p on device d (0 to 2; devices beyond
    `device_count[p]` stay unused), `emails[a][p]` the address a (0, 1; the second may be empty)
    and `recipients[a][p]` the mail system's id of that address. `affinity` has one row a channel
    family (paid_search, paid_social, organic_social, display, search, direct), `needs` one row a
    product line. `list_member[c]` says who is on purchased list c (a campaign number). `partner` is
    whom a person lives with (-1: nobody), `mess` how far the banks' records differ from ours.
    """

    count: int
    is_canadian: NDArray[np.bool_]
    first_names: list[str]
    last_names: list[str]
    birth_dates: list[date]
    postal_codes: list[str]
    cities: list[str]
    regions: list[str]
    phones: list[str]
    emails: tuple[list[str], list[str]]
    recipients: tuple[list[str], list[str]]
    has_second_email: NDArray[np.bool_]
    cookies: tuple[list[str], list[str], list[str]]
    device_count: NDArray[np.int64]
    device_kind: NDArray[np.int64]
    installs: list[str]
    app_users: list[str]
    app_platform: NDArray[np.int64]
    refuses_analytics: NDArray[np.bool_]
    affinity: NDArray[np.float64]
    needs: NDArray[np.float64]
    watches_tv: NDArray[np.bool_]
    opens_by_machine: NDArray[np.bool_]
    has_scanner: NDArray[np.bool_]
    is_bank_customer: NDArray[np.bool_]
    list_member: dict[int, NDArray[np.bool_]]
    list_address: NDArray[np.int64]
    app_address: NDArray[np.int64]
    partner: NDArray[np.int64]
    banks: list[str]
    mess: Mess

    def country(self, person: int) -> str:
        """Return `US` or `CA`."""
        return "CA" if self.is_canadian[person] else "US"

    def referral_token(self, person: int) -> str:
        """Return the token that our link to a bank carries for this person."""
        return f"TPR-{self.recipients[0][person][4:12].upper()}"

    def bank(self, person: int) -> str:
        """Return the consortium bank that serves the person."""
        return self.banks[person]


def make_people(seed: int, count: int, mess: Mess = ORDINARY) -> People:
    """Make `count` people.

    Args:
        seed: The world's seed.
        count: How many people, at least 1.
        mess: How many are related, and how the banks' records of them differ.
    """
    rng = stream(seed, "people")
    is_canadian = rng.random(count) < 0.20
    first = [FIRST_NAMES[i] for i in rng.integers(0, len(FIRST_NAMES), count)]
    last = [LAST_NAMES[i] for i in rng.integers(0, len(LAST_NAMES), count)]
    births = [
        date(1946, 1, 1) + timedelta(days=int(days)) for days in rng.integers(0, 60 * 365, count)
    ]
    cities, regions, postal_codes = _places(rng, is_canadian)
    relations = relate(seed, mess, is_canadian)
    for one, other, takes_first, takes_last, takes_birth, takes_place in relations.copies():
        first[other] = first[one if takes_first else other]
        last[other] = last[one if takes_last else other]
        births[other] = births[one if takes_birth else other]
        home = one if takes_place else other
        cities[other], regions[other] = cities[home], regions[home]
        postal_codes[other] = postal_codes[home]
    partner = np.full(count, -1, dtype=np.int64)
    partner[relations.partners[:, 0]] = relations.partners[:, 1]
    partner[relations.partners[:, 1]] = relations.partners[:, 0]
    phones = [f"+1555{number:07d}" for number in rng.permutation(9_000_000)[:count] + 1_000_000]
    has_second = rng.random(count) < 0.35
    emails = _emails(rng, first, last)
    web = np.where(rng.random(count) < 0.15, 0.08, rng.lognormal(-0.4, 0.9, count))
    affinity = np.stack([web * rng.gamma(0.8, 1 / 0.8, count) for _ in range(6)])
    lists = {
        number: (rng.random(count) < CAMPAIGNS[number].reach)
        & (is_canadian == (CAMPAIGNS[number].country == "CA"))
        for number in numbers_of("list_email")
    }
    ids = stream(seed, "identifiers")
    born = ids.integers(epoch_of(0) - 200 * 86_400, epoch_of(0), (3, count))
    randoms = ids.integers(100_000_000, 2_147_483_647, (3, count))
    cookies = tuple([f"{randoms[d, p]}.{born[d, p]}" for p in range(count)] for d in range(3))
    traits = stream(seed, "traits")
    return People(
        count=count,
        is_canadian=is_canadian,
        first_names=first,
        last_names=last,
        birth_dates=births,
        postal_codes=postal_codes,
        cities=cities,
        regions=regions,
        phones=phones,
        emails=emails,
        recipients=(
            hex_ids(ids, count, prefix="rcp_", digits=12),
            hex_ids(ids, count, prefix="rcp_", digits=12),
        ),
        has_second_email=has_second,
        cookies=(cookies[0], cookies[1], cookies[2]),
        device_count=1 + pick(traits, count, [0.5, 0.35, 0.15]),
        device_kind=traits.integers(0, 6, count),
        installs=[text.upper() for text in hex_ids(ids, count, digits=16)],
        app_users=hex_ids(ids, count, prefix="u_", digits=10),
        app_platform=pick(traits, count, [0.3, 0.4, 0.3]),
        refuses_analytics=traits.random(count) < 0.04,
        affinity=affinity,
        needs=np.stack([traits.lognormal(-0.5, 1.0, count) for _ in range(4)]),
        watches_tv=traits.random(count) < 0.45,
        opens_by_machine=traits.random(count) < 0.30,
        has_scanner=traits.random(count) < 0.04,
        is_bank_customer=traits.random(count) < 0.12,
        list_member=lists,
        list_address=np.where(has_second & (traits.random(count) < 0.5), 1, 0),
        app_address=np.where(has_second & (traits.random(count) < 0.2), 1, 0),
        partner=partner,
        banks=_banks(seed, is_canadian),
        mess=mess,
    )


def _banks(seed: int, is_canadian: NDArray[np.bool_]) -> list[str]:
    rng, count = stream(seed, "consortium"), len(is_canadian)
    names = {country: list(shares) for country, shares in BANKS.items()}
    drawn = {country: pick(rng, count, list(shares.values())) for country, shares in BANKS.items()}
    countries = np.where(is_canadian, "CA", "US").tolist()
    return [names[country][int(drawn[country][who])] for who, country in enumerate(countries)]


def _places(
    rng: np.random.Generator, is_canadian: NDArray[np.bool_]
) -> tuple[list[str], list[str], list[str]]:
    cities, regions, codes = [], [], []
    draws = rng.random(len(is_canadian))
    numbers = rng.integers(0, 100, len(is_canadian))
    letters = rng.integers(0, 20, len(is_canadian))
    for canadian, draw, number, letter in zip(is_canadian, draws, numbers, letters, strict=True):
        places = PLACES_CA if canadian else PLACES_US
        city, region, prefix = places[int(draw * len(places))]
        cities.append(city)
        regions.append(region)
        if canadian:
            sign = "ABCEGHJKLMNPRSTVWXYZ"[letter]
            codes.append(f"{prefix} {number // 10}{sign}{number % 10}")
        else:
            codes.append(f"{prefix}{number:02d}")
    return cities, regions, codes


def _emails(
    rng: np.random.Generator, first: list[str], last: list[str]
) -> tuple[list[str], list[str]]:
    count = len(first)
    private = rng.integers(0, len(MAIL_DOMAINS), count)
    work = rng.integers(0, len(WORK_DOMAINS), count)
    one, two = [], []
    for person in range(count):
        given, family = mail_name(first[person]), mail_name(last[person])
        one.append(f"{given}.{family}{person + 1}@{MAIL_DOMAINS[private[person]]}")
        two.append(f"{given[:1]}{family}{person + 1}@{WORK_DOMAINS[work[person]]}")
    return one, two
