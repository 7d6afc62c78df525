"""What Salesforce is known to hold: the ledger's acknowledged values, and what was read since.

Belongs here: both as one, for a plan; what it will hold once new records are made. Doesn't belong
here: reading the ledger (outbox.py), what an observation tells (observe.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.rules import KEY_FIELD
from touchproof.salesforce.tables import Rows, fresh_path, scratch

COLUMNS = ("object", "record_key", "salesforce_id", "fields_json")
_NAMES = ", ".join(COLUMNS)
_ID_LENGTH = 18


@dataclass(frozen=True)
class Acknowledged:
    """Hold the acknowledged records as files, one row a record.

    Args:
        ledger: `COLUMNS` and `acknowledged_at`, as the ledger has them.
        newer: `COLUMNS` of records that a later observation tells, in place of the ledger's.
        made: `COLUMNS` of records that aren't there yet, and will be.
    """

    ledger: Rows
    newer: Rows | None = None
    made: Rows | None = None

    @property
    def sql(self) -> str:
        """Return a query of all records."""
        found = f"select {_NAMES} from {self.ledger.sql}"  # noqa: S608
        if self.newer is not None:
            newer = f"select {_NAMES} from {self.newer.sql}"  # noqa: S608
            found = (
                f"{found} as a where not exists (select 1 from ({newer}) as n "  # noqa: S608
                f"where n.object = a.object and n.record_key = a.record_key) union all {newer}"
            )
        if self.made is not None:
            found += f" union all select {_NAMES} from {self.made.sql}"  # noqa: S608
        return found

    def with_made(self, groups: Sequence[PlanGroup], folder: Path) -> Acknowledged:
        """Return it as it will be once the records of these groups are made.

        Args:
            groups: Creations.
            folder: For a file of the records; their Ids are as long as Salesforce's.
        """
        made = " union all ".join(
            f"select '{group.object}' as object, record_key, "  # noqa: S608
            f"json_object({_pairs(group)})::varchar as fields_json from {group.rows.sql}"
            for group in groups
        )
        numbered = f"lpad((row_number() over ())::varchar, {_ID_LENGTH}, '0')"
        query = (
            "select object, salesforce_id as record_key, salesforce_id, fields_json "  # noqa: S608
            f"from (select *, {numbered} as salesforce_id from ({made}))"
        )
        with scratch(folder) as connection:
            rows = Rows.query(fresh_path(folder / "made.parquet"), connection, query)
        return Acknowledged(self.ledger, self.newer, rows)


def _pairs(group: PlanGroup) -> str:
    pairs = [f"'{field}', \"{field}\"" for field in group.fields if field != KEY_FIELD]
    return ", ".join([*pairs, f"'{KEY_FIELD}', record_key"])
