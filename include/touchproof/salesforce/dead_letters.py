"""Dead letters: the records that Salesforce refused, until they go through or need nothing.

Belongs here: the ledger's table `dead_letters`. Doesn't belong here: what a code means
(error_actions.py), sending the record again (every push does: it isn't acknowledged).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select, update

from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.salesforce.error_actions import error_action

OPEN, RESOLVED = "open", "resolved"


@dataclass(frozen=True)
class DeadLetter:
    """Name one refused record; `record` is its Id, or its source key before it has one."""

    object: str
    record_key: str
    salesforce_id: str | None
    code: str
    reason: str
    fields: str
    owner: str
    first_seen_night: date
    last_seen_night: date
    nights: int
    state: str


@dataclass(frozen=True)
class Refusal:
    """Name one record that a job didn't write, with Salesforce's code and the fields it names.

    `salesforce_id` of a refused new lead is the record that a duplicate rule found, if that is why.
    """

    object: str
    record: str
    salesforce_id: str | None
    code: str
    fields: tuple[str, ...] = ()


def list_dead_letters(ledger: Ledger, org_id: str, state: str | None = OPEN) -> list[DeadLetter]:
    """Return the dead letters of an org, those of the most nights first; all for state None."""
    table = schema.dead_letters
    columns = [table.c[name] for name in DeadLetter.__dataclass_fields__]
    query = select(*columns).where(table.c.org_id == org_id)
    if state is not None:
        query = query.where(table.c.state == state)
    query = query.order_by(table.c.nights.desc(), table.c.object, table.c.record_key, table.c.id)
    with ledger.reading() as connection:
        return [DeadLetter(**row._mapping) for row in connection.execute(query)]


def note_refusals(
    connection: Connection, org_id: str, refusals: Iterable[Refusal], night: date
) -> None:
    """Open a dead letter for each refused record, or count one more night on the open one."""
    table = schema.dead_letters
    known = {
        (row.object, row.record_key): row
        for row in connection.execute(
            select(table).where(table.c.org_id == org_id, table.c.state == OPEN)
        )
    }
    for refusal in refusals:
        action = error_action(refusal.code)
        values = {
            "salesforce_id": refusal.salesforce_id,
            "code": action.code,
            "reason": action.reason,
            "fields": ", ".join(refusal.fields),
            "owner": action.owner,
            "last_seen_night": night,
        }
        letter = known.get((refusal.object, refusal.record))
        if letter is None:
            key = {"org_id": org_id, "object": refusal.object, "record_key": refusal.record}
            first = {"first_seen_night": night, "nights": 1, "state": OPEN}
            connection.execute(table.insert(), {**key, **values, **first})
        else:
            nights = letter.nights + (letter.last_seen_night != night)
            query = update(table).where(table.c.id == letter.id)
            connection.execute(query.values(**values, nights=nights))


def resolve_letters(
    connection: Connection, org_id: str, records: Collection[tuple[str, str]]
) -> None:
    """Resolve the open dead letters of some (object, record), where there are any."""
    table = schema.dead_letters
    found = connection.execute(
        select(table.c.id, table.c.object, table.c.record_key).where(
            table.c.org_id == org_id, table.c.state == OPEN
        )
    ).all()
    for row in found:
        if (row.object, row.record_key) in records:
            query = update(table).where(table.c.id == row.id)
            connection.execute(query.values(state=RESOLVED))


def resolve_all_but(ledger: Ledger, org_id: str, still: Collection[tuple[str, str]]) -> int:
    """Resolve the open dead letters of all records but these; return how many.

    Args:
        ledger: The ledger.
        org_id: The org.
        still: (object, record) of what was refused again or wasn't sent at all.
    """
    table = schema.dead_letters
    with ledger.transaction() as connection:
        found = connection.execute(
            select(table.c.id, table.c.object, table.c.record_key).where(
                table.c.org_id == org_id, table.c.state == OPEN
            )
        )
        gone = [row.id for row in found if (row.object, row.record_key) not in still]
        for letter in gone:
            connection.execute(update(table).where(table.c.id == letter).values(state=RESOLVED))
    return len(gone)
