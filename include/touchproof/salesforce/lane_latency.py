"""How long new leads take: from their registration or form to Salesforce's confirmation.

Belongs here: the figures of the last 24 hours, from the ledger. Doesn't belong here: writing the
times down (lane_outbox.py), showing the figures (the command line, the status).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from touchproof.ledger import schema
from touchproof.ledger.store import Ledger

_WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class LaneLatency:
    """Say how long the leads took that were acknowledged in the last 24 hours; None without any.

    Args:
        leads: How many there were.
        p50_seconds: Half of them took no longer from creation to acknowledgement.
        p99_seconds: 99 of 100 took no longer.
        landing_p50_seconds: Half of them took no longer from creation to landing: the app's share.
    """

    leads: int = 0
    p50_seconds: float | None = None
    p99_seconds: float | None = None
    landing_p50_seconds: float | None = None


def lane_latency(ledger: Ledger, now: datetime) -> LaneLatency:
    """Return the figures of the 24 hours before a moment."""
    table = schema.lane_leads
    query = select(table.c.created_at, table.c.landed_at, table.c.acknowledged_at).where(
        table.c.acknowledged_at > now - _WINDOW, table.c.acknowledged_at <= now
    )
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    took = [(row.acknowledged_at - row.created_at).total_seconds() for row in rows]
    landed = [(row.landed_at - row.created_at).total_seconds() for row in rows]
    return LaneLatency(
        leads=len(rows),
        p50_seconds=percentile(took, 0.50),
        p99_seconds=percentile(took, 0.99),
        landing_p50_seconds=percentile(landed, 0.50),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that a share of the values doesn't exceed (nearest rank)."""
    if not values:
        return None
    return round(sorted(values)[max(math.ceil(share * len(values)), 1) - 1], 3)
