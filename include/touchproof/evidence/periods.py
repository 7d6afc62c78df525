"""Claim periods: which months are closed and which pack a claim belongs to.

Belongs here: the calendar of packs, as pure functions. Doesn't belong here: which openings are
claims (the ledger) and what month an opening falls in (`opened_date`, by dbt, in the business time
zone or as the bank dated it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from touchproof.errors import BadInputError


@dataclass(frozen=True)
class PlannedPack:
    """Name one pack that is due: its period and its claims, sorted by id."""

    period: str
    claim_ids: tuple[str, ...]


def period_of(day: date) -> str:
    """Return the claim period of a business date, e.g. `2026-05`."""
    return f"{day.year:04d}-{day.month:02d}"


def parse_period(text: str) -> str:
    """Check a period that a person gave.

    Raises:
        BadInputError: If it isn't a month.
    """
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise BadInputError("A period is a month", where=text[:20], todo="Write it as YYYY-MM.")
    return text


def last_closed_period(night: date) -> str:
    """Return the newest month all of whose days lie in the data of a night."""
    return period_of((night + timedelta(days=1)).replace(day=1) - timedelta(days=1))


def next_period(period: str) -> str:
    """Return the month after a period."""
    year, month = (int(part) for part in period.split("-"))
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def plan_packs(
    opened: Mapping[str, date], last_issued: str | None, until: str
) -> list[PlannedPack]:
    """Distribute one bank's claims that aren't issued yet over the packs that are due.

    Each closed month with claims gives a pack; packs are issued in the order of their periods. A
    claim whose month has been issued already (a late opening) goes into the next pack.

    Args:
        opened: Opening date by claim id.
        last_issued: Period of the bank's last pack, if any.
        until: The newest period that may be issued.
    """
    first = next_period(last_issued) if last_issued else ""
    due: dict[str, list[str]] = {}
    for claim_id, day in opened.items():
        period = max(period_of(day), first)
        if period <= until:
            due.setdefault(period, []).append(claim_id)
    return [PlannedPack(period, tuple(sorted(due[period]))) for period in sorted(due)]
