"""The months that finance closed, as the ledger knows them.

Belongs here: reading and writing the ledger's `closed_periods`. Doesn't belong here: which months
a night closes, and the files that hold what they showed (touchproof.closed_months).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from touchproof.ledger import schema
from touchproof.ledger.records import ClosedPeriod, canonical_json

if TYPE_CHECKING:
    from touchproof.ledger.store import Ledger


def closed_periods(ledger: Ledger) -> list[ClosedPeriod]:
    """Return the closed months, earliest first."""
    table = schema.closed_periods
    with ledger.reading() as connection:
        rows = connection.execute(select(table).order_by(table.c.month)).all()
    return [ClosedPeriod(row.month, row.closed_night, json.loads(row.files_json)) for row in rows]


def commit_closings(connection: Connection, periods: Iterable[ClosedPeriod], at: datetime) -> None:
    """Write the months that a night closes, in the transaction that commits it.

    Args:
        connection: That transaction.
        periods: The months; none of them is closed yet.
        at: When the night was published.
    """
    rows = [
        {
            "month": period.month,
            "closed_night": period.closed_night,
            "files_json": canonical_json(dict(period.files)),
            "closed_at": at,
        }
        for period in periods
    ]
    if rows:
        connection.execute(schema.closed_periods.insert(), rows)
