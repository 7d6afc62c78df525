"""The consent gate: what may go by consent as it is when a job's bytes are frozen.

Belongs here: holding back the rows of people who have left since the plan. Doesn't belong here: who
has left (landed_people.py), consent as the night saw it (compare.py), the transaction (outbox.py).

A person's opt-out always goes. What else is said about their consent for e-mails isn't sent: it was
true before they left, and would take the opt-out back that the lane of new leads has sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from touchproof.errors import SalesforceError
from touchproof.salesforce.compare import PlanGroup
from touchproof.salesforce.lane_plan import EVERY_OPT_OUT
from touchproof.salesforce.moves import Record
from touchproof.salesforce.parents import HANGS_ON_NAMED
from touchproof.salesforce.rules import FieldRule
from touchproof.salesforce.tables import Rows, fresh_path, names_table


@dataclass(frozen=True)
class ConsentGate:
    """Let rows through, or hold them back.

    Args:
        rules: The seed `salesforce_fields`.
        leaving: Returns the records of everybody who has left, as a connection of the ledger sees
            it: (object, Id), and leads by their keys too.
    """

    rules: Sequence[FieldRule]
    leaving: Callable[[Connection], frozenset[Record]]

    def check(self, group: PlanGroup, connection: Connection) -> tuple[Rows, frozenset[Record]]:
        """Return what of a group's rows may go, and (object, record) of those that may not.

        Raises:
            SalesforceError: If nobody can tell who has left; opt-outs go all the same.
        """
        try:
            left = self.leaving(connection) if self._is_gated(group.object) else frozenset()
        except SalesforceError:
            if group.kind != "consent":
                raise
            return _opt_outs(group), frozenset()
        theirs = _rows_of(group, left)
        if group.kind != "consent":
            held = _records(theirs)
            rows = group.rows.without(held, "record") if held else group.rows
            return rows, frozenset((group.object, record) for record in held)
        rest = _silenced(group, theirs)
        if not rest:
            return group.rows, frozenset()
        said = [row for row in rest.values() if row is not None]
        rows = group.rows.without(rest.keys(), "record")
        held = {record for record, row in rest.items() if row is None}
        return _and(rows, said), frozenset((group.object, record) for record in held)

    def _is_gated(self, object_name: str) -> bool:
        """Tell whether an object's records are people, or marketing's records of people."""
        people = {rule.object for rule in self.rules if rule.is_consent}
        return object_name in people or any(
            rule.object == object_name and rule.refers_to in people for rule in self.rules
        )


def _rows_of(group: PlanGroup, left: frozenset[Record]) -> Rows:
    """Return the rows of some records, and of records that hang on them."""
    if not left:
        return group.rows.slice(0, 0)
    own = {record for name, record in left if name == group.object}
    parents = {f"{name} {record}" for name, record in left}
    named = "(select name from named)"
    theirs = f"record in {named} or coalesce(record_key in {named}, false)"
    if "parents" in group.rows.column_names:
        theirs += f" or {HANGS_ON_NAMED}"
    return group.rows.where(f"({theirs})", named=names_table(own | parents))


def _opt_outs(group: PlanGroup) -> Rows:
    """Return the rows of a group that say an opt-out and nothing else of e-mails."""
    said = [name for name in group.fields if name in EVERY_OPT_OUT]
    cells = " and ".join(
        f"coalesce(\"{n}\", '{EVERY_OPT_OUT[n]}') = '{EVERY_OPT_OUT[n]}'" for n in said
    )
    present = " or ".join(f'"{name}" is not null' for name in said)
    return group.rows.where(f"({cells}) and ({present})" if said else "false")


def _silenced(group: PlanGroup, rows: Rows) -> dict[str, dict[str, Any] | None]:
    """Return, by record, rows that say more of e-mails than an opt-out: what else they say."""
    found: dict[str, dict[str, Any] | None] = {}
    for row in rows.to_pylist():
        gone = [
            name
            for name in group.fields
            if row[name] is not None and EVERY_OPT_OUT.get(name, row[name]) != row[name]
        ]
        if gone:
            left = row | dict.fromkeys(gone)
            says_more = any(left[name] is not None for name in group.fields)
            found[str(row["record"])] = left if says_more else None
    return found


def _records(rows: Rows) -> set[str]:
    return {str(record) for record in rows.column("record").to_pylist()}


def _and(rows: Rows, more: Sequence[Mapping[str, Any]]) -> Rows:
    """Return some rows, and a few more after them."""
    if not more:
        return rows
    # A column without an empty cell may be declared so.
    schema = pa.schema([(field.name, field.type) for field in rows.schema])
    tables = (pa.Table.from_batches([batch]).cast(schema) for batch in rows.batches())
    last = pa.Table.from_pylist(list(more), schema)
    return Rows.write(fresh_path(rows.path), chain(tables, [last]), schema)
