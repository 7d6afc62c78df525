"""What Salesforce is known to hold: the ledger's acknowledged values, and what was read since.

Belongs here: both as one, for a plan. Doesn't belong here: reading the ledger (outbox.py), what an
observation tells (observe.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from touchproof.salesforce.tables import Rows

COLUMNS = ("object", "record_key", "salesforce_id", "fields_json")


@dataclass(frozen=True)
class Acknowledged:
    """Hold the acknowledged records as files, one row a record.

    Args:
        ledger: `COLUMNS` and `acknowledged_at`, as the ledger has them.
        newer: `COLUMNS` of records that a later observation tells, in place of the ledger's.
    """

    ledger: Rows
    newer: Rows | None = None

    @property
    def sql(self) -> str:
        """Return a query of all records."""
        columns = ", ".join(COLUMNS)
        known = f"select {columns} from {self.ledger.sql}"  # noqa: S608
        if self.newer is None:
            return known
        newer = f"select {columns} from {self.newer.sql}"  # noqa: S608
        return (
            f"{known} as a where not exists (select 1 from ({newer}) as n "  # noqa: S608
            f"where n.object = a.object and n.record_key = a.record_key) union all {newer}"
        )
