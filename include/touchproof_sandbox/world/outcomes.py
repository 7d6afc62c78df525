"""What people do after they met us: what all outcomes share.

Belongs here: what a day's outcomes look back on and add to, and the planted causes of each.
Doesn't belong here: the outcomes themselves (registering.py, selling.py, bank_openings.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world.campaigns import CAMPAIGNS
from touchproof_sandbox.world.records import (
    BankOpening,
    Cause,
    ConsentEvent,
    LedgerEntry,
    Registration,
)
from touchproof_sandbox.world.state import State


@dataclass
class DayOutcomes:
    """Collect what one day leads to."""

    registrations: list[Registration] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    consents: list[ConsentEvent] = field(default_factory=list)
    openings: list[BankOpening] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    session_flags: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Today:
    """Hold what a day's outcomes look back on: each person's last touch and its device."""

    day: int
    last_touch: NDArray[np.int64]
    last_device: NDArray[np.int64]


def causes_of(
    kind: str,
    conversion: str,
    base: float,
    effects: NDArray[np.float64],
    state: State,
    person: int,
) -> list[Cause]:
    """Return each campaign's share of a conversion: its part of the chance, the rest `baseline`.

    Chances add up, so a campaign's share is what it truly contributed at the margin.

    Args:
        kind: `registration`, `app_opening` or `bank_opening`.
        conversion: The conversion's name in the source system.
        base: The chance that the person would have had without any campaign.
        effects: What one unit of exposure adds to the chance, by campaign.
        state: The state whose exposures count.
        person: The person who converted.
    """
    parts = state.exposure[person] * effects
    total = float(base + parts.sum())
    shares = [
        Cause(kind, conversion, CAMPAIGNS[number].code, round(float(parts[number]) / total, 9))
        for number in np.flatnonzero(parts / total >= 1e-6)
    ]
    return [
        *shares,
        Cause(kind, conversion, "baseline", round(1.0 - sum(c.share for c in shares), 9)),
    ]
