"""How long new leads take: from their registration or form to Salesforce's confirmation.

Belongs here: the figures of the last 24 hours and of what waits, from the ledger. Doesn't belong
here: writing the times down (lane_outbox.py), which leads are missing (lane_plan.py), showing the
figures (the command line, the status).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, or_, select

from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.salesforce.dead_letters import OPEN
from touchproof.salesforce.lane_landed import LandedRequest
from touchproof.salesforce.lane_plan import LEAD
from touchproof.salesforce.lane_view import REFUSED, SENT

_WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class LaneLatency:
    """Say how long the leads took that were acknowledged in the last 24 hours, and how many wait.

    A lead waits from its creation until Salesforce confirms it or has it as another record; what
    consent holds back doesn't. Seconds are None without any lead.

    Args:
        leads: How many there were.
        p50_seconds: Half of them took no longer from creation to acknowledgement.
        p99_seconds: 99 of 100 took no longer.
        landing_p50_seconds: Half of them took no longer from creation to landing: the app's share.
        waiting: Leads that wait.
        waiting_refused: Those of them that Salesforce refused: they wait for the night.
        oldest_waiting_seconds: How long ago the oldest of them was created.
    """

    leads: int = 0
    p50_seconds: float | None = None
    p99_seconds: float | None = None
    landing_p50_seconds: float | None = None
    waiting: int = 0
    waiting_refused: int = 0
    oldest_waiting_seconds: float | None = None


def lane_latency(
    ledger: Ledger, org_id: str, now: datetime, missing: Iterable[LandedRequest] = ()
) -> LaneLatency:
    """Return the figures at a moment.

    Args:
        ledger: The world's ledger.
        org_id: The org.
        now: The moment.
        missing: Leads of the plan that the CRM lacks; the ledger knows those that were sent.
    """
    table = schema.lane_leads
    query = select(table.c.created_at, table.c.landed_at, table.c.acknowledged_at).where(
        table.c.org_id == org_id,
        table.c.acknowledged_at > now - _WINDOW,
        table.c.acknowledged_at <= now,
    )
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
        sent, refused = _waiting(connection, org_id)
    created = {one.source_key: one.requested_at for one in missing} | sent | refused
    took = [(row.acknowledged_at - row.created_at).total_seconds() for row in rows]
    landed = [(row.landed_at - row.created_at).total_seconds() for row in rows]
    return LaneLatency(
        leads=len(rows),
        p50_seconds=percentile(took, 0.50),
        p99_seconds=percentile(took, 0.99),
        landing_p50_seconds=percentile(landed, 0.50),
        waiting=len(created),
        waiting_refused=len(refused),
        oldest_waiting_seconds=(
            round((now - min(created.values())).total_seconds(), 3) if created else None
        ),
    )


def _waiting(
    connection: Connection, org_id: str
) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return when leads were created whose call isn't over, and whose refusal is open, by key."""
    leads, letters = schema.lane_leads, schema.dead_letters
    open_letters = select(letters.c.record_key).where(
        letters.c.org_id == org_id, letters.c.object == LEAD, letters.c.state == OPEN
    )
    waits = or_(
        leads.c.state == SENT,
        and_(leads.c.state == REFUSED, leads.c.source_key.in_(open_letters)),
    )
    query = select(leads.c.source_key, leads.c.state, leads.c.created_at).where(
        leads.c.org_id == org_id, leads.c.acknowledged_at.is_(None), waits
    )
    rows = connection.execute(query).all()
    sent = {row.source_key: row.created_at for row in rows if row.state == SENT}
    return sent, {row.source_key: row.created_at for row in rows if row.state == REFUSED}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that a share of the values doesn't exceed (nearest rank)."""
    if not values:
        return None
    return round(sorted(values)[max(math.ceil(share * len(values)), 1) - 1], 3)
