"""What advertising platforms say of themselves: conversions claimed and installs counted.

Belongs here: the rules by which each platform claims too much. Doesn't belong here: what truly
caused a conversion (outcomes.py) and the files (media_files.py).

Every platform sees its own clicks alone, so one conversion is claimed by several; it also claims
people who only may have seen an ad, and adds conversions that it "models" days later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from touchproof_sandbox.world.campaigns import CAMPAIGNS
from touchproof_sandbox.world.outcomes import DayOutcomes
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import stream
from touchproof_sandbox.world.records import Installs, PlatformClaim
from touchproof_sandbox.world.state import EXPOSURE_DECAY, State

RESTATED_AFTER_DAYS = 3
_RESTATED_SHARE, _RESTATED_GROWTH = 0.6, 1.12
_VALUE_CENTS = (9_000, 5_500, 12_000, 2_000)
"""What our pixel tells the platforms an opening is worth, by product line, whatever it earns us."""
_INSTALL_DAYS = 7
_OTHER_INSTALLS = 0.004
"""Installs a click by people who then never register."""


@dataclass(frozen=True)
class _Rules:
    """State how a platform claims.

    Args:
        window_days: Days after a click in which it claims a conversion.
        is_shared: Whether its campaigns share a conversion; otherwise each claims it whole.
        view_share: Share of the other conversions that it claims as seen and not clicked.
        counts_installs: Whether it reports installs.
    """

    window_days: int
    is_shared: bool
    view_share: float
    counts_installs: bool


_PLATFORMS = {
    "google_ads": _Rules(30, is_shared=True, view_share=0.04, counts_installs=True),
    "meta_ads": _Rules(7, is_shared=False, view_share=0.14, counts_installs=True),
    "display_network": _Rules(30, is_shared=False, view_share=0.22, counts_installs=False),
}


def claim_conversions(
    seed: int, day: int, people: People, state: State, out: DayOutcomes
) -> tuple[PlatformClaim, ...]:
    """Return the claims that the platforms report on a day, those of earlier days restated.

    Args:
        seed: The world's seed.
        day: Day index.
        people: The people.
        state: Tells who clicked what; remembers the claims that will be restated.
        out: The day's outcomes; openings in the app are what our pixel reports.
    """
    rng = stream(seed, "claims", day)
    hundredths: Counter[int] = Counter()
    cents: Counter[int] = Counter()
    for entry in out.ledger:
        if entry.entry_type != "opening":
            continue
        draws = rng.random((len(_PLATFORMS), 2))
        for (platform, rules), (seen, which) in zip(_PLATFORMS.items(), draws, strict=True):
            campaigns = _running(platform, day, is_canadian=bool(people.is_canadian[entry.person]))
            shares = _shares(state.exposure[entry.person, campaigns], rules)
            if not shares and campaigns and seen < rules.view_share:
                shares = {int(which * len(campaigns)): 100}
            for place, share in shares.items():
                hundredths[campaigns[place]] += share
                cents[campaigns[place]] += _VALUE_CENTS[entry.product] * share // 100
    fresh = tuple(
        PlatformClaim(day, number, hundredths[number], cents[number], _rules_of(number).window_days)
        for number in sorted(hundredths)
    )
    state.platform_claims_of[day] = fresh
    return (*fresh, *_restated(rng, state.platform_claims_of.pop(day - RESTATED_AFTER_DAYS, ())))


def count_installs(
    seed: int,
    day: int,
    people: People,
    state: State,
    out: DayOutcomes,
    clicks: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> tuple[Installs, ...]:
    """Return the installs that platforms count for their campaigns, in sums.

    Args:
        seed: The world's seed.
        day: Day index.
        people: The people.
        state: Tells who clicked what.
        out: The day's outcomes, with the registrations made in the app.
        clicks: The day's clicks by campaign.
    """
    rng = stream(seed, "installs", day)
    counts: Counter[int] = Counter()
    for platform, rules in _PLATFORMS.items():
        if not rules.counts_installs:
            continue
        for number in _running(platform, day):
            counts[number] += int(rng.poisson(_OTHER_INSTALLS * clicks[number]))
        for event in out.registrations:
            campaigns = _running(platform, day, is_canadian=bool(people.is_canadian[event.person]))
            exposure = state.exposure[event.person, campaigns]
            if event.in_app and len(campaigns) and exposure.max() >= EXPOSURE_DECAY**_INSTALL_DAYS:
                counts[campaigns[int(exposure.argmax())]] += 1
    return tuple(Installs(number, counts[number]) for number in sorted(counts) if counts[number])


def _running(platform: str, day: int, *, is_canadian: bool | None = None) -> list[int]:
    """Return the platform's campaigns that run on a day, of one country or of both."""
    return [
        number
        for number, campaign in enumerate(CAMPAIGNS)
        if campaign.platform == platform
        and campaign.runs_on(day)
        and (is_canadian is None or is_canadian == (campaign.country == "CA"))
    ]


def _rules_of(number: int) -> _Rules:
    return _PLATFORMS[CAMPAIGNS[number].platform]


def _shares(
    exposure: np.ndarray[tuple[int], np.dtype[np.float64]], rules: _Rules
) -> dict[int, int]:
    """Return which of the campaigns claim a conversion and how much of it, in hundredths."""
    clicked = np.flatnonzero(exposure >= EXPOSURE_DECAY**rules.window_days)
    if not rules.is_shared:
        return {int(place): 100 for place in clicked}
    total = float(exposure[clicked].sum())
    return {int(place): round(100 * float(exposure[place]) / total) for place in clicked}


def _restated(
    rng: np.random.Generator, claims: tuple[PlatformClaim, ...]
) -> tuple[PlatformClaim, ...]:
    """Return the earlier claims that grow by what the platform models."""
    return tuple(
        replace(
            claim,
            hundredths=round(claim.hundredths * _RESTATED_GROWTH),
            cents=round(claim.cents * _RESTATED_GROWTH),
        )
        for claim, draw in zip(claims, rng.random(len(claims)), strict=True)
        if draw < _RESTATED_SHARE
    )
