"""What a new fit may learn from and credit, and what is refused.

Belongs here: the pure decision. Doesn't belong here: making the fit (fits_made.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from touchproof.errors import BadInputError

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class FitRequest:
    """Hold what was asked for; None means the default.

    Args:
        through: Last business date of the journeys to learn from; the last published night.
        credits_from: First business date to credit; the day after the last published night.
        restate_from: Instead: a date that is published already, from which all is credited again.
        reason: Why; goes with `restate_from`.
    """

    through: date | None = None
    credits_from: date | None = None
    restate_from: date | None = None
    reason: str | None = None


@dataclass(frozen=True)
class FitPlan:
    """Say what a fit learns from and what it credits."""

    through: date
    credits_from: date
    restated_to: date | None


def plan_fit(request: FitRequest, last_night: date, closed_months: Iterable[date]) -> FitPlan:
    """Decide what a fit learns from and credits; no side effect.

    Args:
        request: What was asked for.
        last_night: The last published night.
        closed_months: First days of the months that finance closed.

    Raises:
        BadInputError: If it can't be done as asked; the sentence says what to do.
    """
    through = request.through or last_night
    if through > last_night:
        raise BadInputError(
            f"Journeys are published up to {last_night}",
            where=f"--through {through}",
            todo="Leave --through out to learn from all of them.",
        )
    restate = request.restate_from
    if restate is not None and request.credits_from is not None:
        raise BadInputError("A fit begins once", todo="Give --credits-from or --restate-from.")
    if (restate is None) != (not (request.reason or "").strip()):
        raise BadInputError(
            "A restatement has a date and a reason", todo="Give --restate-from and --reason."
        )
    if restate is not None and restate > last_night:
        raise BadInputError(
            "Nothing from then on is published, so there is nothing to restate",
            where=f"--restate-from {restate}",
            todo="Give --credits-from.",
        )
    credits_from = restate or request.credits_from or last_night + ONE_DAY
    closed = max(closed_months, default=None)
    if closed is not None and credits_from < _next_month(closed):
        raise BadInputError(
            f"{closed:%Y-%m} is closed and keeps what it shows",
            where=f"credits from {credits_from}",
            todo=f"A fit may credit from {_next_month(closed)} on.",
        )
    if restate is None and credits_from <= last_night:
        raise BadInputError(
            f"Conversions up to {last_night} are published and stay as they are",
            where=f"--credits-from {credits_from}",
            todo="Give --restate-from and --reason to credit them again.",
        )
    return FitPlan(through, credits_from, last_night if restate is not None else None)


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
