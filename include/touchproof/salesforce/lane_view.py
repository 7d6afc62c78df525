"""What the ledger says about the lane of new leads: of landed people, and to the nightly push.

Belongs here: reading, by the records and keys in question; of suppressions all. Doesn't belong
here: writing (lane_outbox.py), what follows (lane_plan.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Column, Connection, and_, select

from touchproof.ledger import schema
from touchproof.ledger.engine import parts_of
from touchproof.ledger.records import FieldValues
from touchproof.ledger.store import Ledger
from touchproof.salesforce.dead_letters import OPEN
from touchproof.salesforce.error_actions import error_action
from touchproof.salesforce.lane_known import Known
from touchproof.salesforce.lane_landed import Landed
from touchproof.salesforce.lane_plan import LEAD, LedgerView, people_of
from touchproof.salesforce.rules import KEY_FIELD

NEW_LEADS = "new-leads"
SENT, ACKNOWLEDGED, ROUTED, REFUSED = "sent", "acknowledged", "routed", "refused"
_KEY_IN_JSON = f'"{KEY_FIELD}":"'
_UNKNOWN_ORG = "unknown"


def read_view(
    connection: Connection,
    org_id: str,
    landed: Landed,
    known: Known,
    suppressed: frozenset[str],
) -> LedgerView:
    """Return what the ledger says of the people of landed rows, as the connection sees it."""
    people = people_of(landed, known, suppressed)
    keys = {key for person in people for key in person.source_keys}
    sent = _lane_leads(connection, org_id, keys)
    record_of: dict[str, tuple[str, str]] = {
        row.source_key: (row.object, row.salesforce_id)
        for row in sent
        if row.salesforce_id is not None
    }
    # Only an opt-out needs the Id of a lead that the nightly push made since the handoff.
    leaving = [person for person in people if person.state == "opted_out"]
    held = {one.record_key for person in leaving for one in person.records if one.salesforce_id}
    keys_of_leavers = {key for person in leaving for key in person.source_keys}
    open_keys = keys_of_leavers - held - record_of.keys()
    record_of |= _records_by_key(connection, org_id, open_keys)
    ids = {
        record.salesforce_id
        for person in leaving
        for record in person.records
        if record.salesforce_id is not None
    } | {salesforce_id for _, salesforce_id in record_of.values()}
    named = ids | keys
    return LedgerView(
        acknowledged=acknowledged_values(connection, org_id, ids),
        record_of=record_of,
        sent=frozenset(row.source_key for row in sent if row.state != REFUSED),
        busy=busy_records(connection, org_id, named),
        refused=_refused(connection, org_id, ids),
        suppressed=suppressed,
    )


def suppressed_identifiers(connection: Connection) -> frozenset[str]:
    """Return the pseudonyms that get no e-mail by the ledger's own list, all of them."""
    table = schema.suppressions
    other = ("sms", "push", "analytics")  # whatever else is named counts for e-mails
    query = select(table.c.identifier_hmac).where(table.c.channel.not_in(other))
    return frozenset(str(name) for (name,) in connection.execute(query))


def known_org(ledger: Ledger) -> str:
    """Return the org that the ledger belongs to, without asking it."""
    query = select(schema.meta.c.value).where(schema.meta.c.name == "org_id")
    with ledger.reading() as connection:
        return str(connection.scalar(query) or _UNKNOWN_ORG)


def lane_holds(ledger: Ledger, org_id: str) -> frozenset[tuple[str, str]]:
    """Return the (object, record) that the nightly push leaves alone for the lane's sake.

    These are the lane's unfinished rows, and leads that the CRM has under another record.
    """
    rows, leads = schema.outbox, schema.lane_leads
    unfinished = select(rows.c.object, rows.c.record_key).where(
        rows.c.org_id == org_id, rows.c.lane == NEW_LEADS, rows.c.finished_at.is_(None)
    )
    routed = select(leads.c.source_key, leads.c.state).where(
        leads.c.org_id == org_id, leads.c.state == ROUTED
    )
    with ledger.reading() as connection:
        found = [(str(name), str(record)) for name, record in connection.execute(unfinished)]
        found += [(LEAD, str(key)) for key, _ in connection.execute(routed)]
    return frozenset(found)


def lane_refusals(ledger: Ledger, org_id: str, since: date) -> frozenset[tuple[str, str]]:
    """Return the (object, record) that Salesforce refused the lane in nights from `since` on."""
    table = schema.outbox
    query = select(table.c.object, table.c.record_key).where(
        table.c.org_id == org_id,
        table.c.lane == NEW_LEADS,
        table.c.state == REFUSED,
        table.c.night >= since,
    )
    with ledger.reading() as connection:
        return frozenset((str(name), str(record)) for name, record in connection.execute(query))


def _lane_leads(connection: Connection, org_id: str, keys: Collection[str]) -> list[Any]:
    table = schema.lane_leads
    columns = [table.c.state, table.c.object, table.c.salesforce_id]
    return list(_matching(connection, table.c.source_key, keys, columns, org_id))


def _records_by_key(
    connection: Connection, org_id: str, keys: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Find the records of source keys among the acknowledged ones; reads all of our own."""
    if not keys:
        return {}
    table = schema.acknowledged
    query = select(table.c.salesforce_id, table.c.fields_json).where(
        table.c.org_id == org_id,
        table.c.object == LEAD,
        table.c.salesforce_id.is_not(None),
        table.c.fields_json.contains(_KEY_IN_JSON, autoescape=True),
    )
    found: dict[str, tuple[str, str]] = {}
    for salesforce_id, fields_json in connection.execute(query):
        key = json.loads(str(fields_json))[KEY_FIELD]
        if key in keys:
            found[str(key)] = (LEAD, str(salesforce_id))
    return found


def acknowledged_values(
    connection: Connection, org_id: str, ids: Collection[str]
) -> dict[tuple[str, str], FieldValues]:
    """Return the acknowledged values of records by (object, Id)."""
    table = schema.acknowledged
    columns = [table.c.object, table.c.fields_json]
    rows = _matching(connection, table.c.record_key, ids, columns, org_id)
    return {(name, record): json.loads(fields) for record, name, fields in rows}


def busy_records(
    connection: Connection, org_id: str, records: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return the (object, record) of these that stand unfinished in the outbox of any lane."""
    table = schema.outbox
    rows = _matching(
        connection,
        table.c.record_key,
        records,
        [table.c.object],
        org_id,
        table.c.finished_at.is_(None),
    )
    return frozenset((name, record) for record, name in rows)


def refused_opt_outs(
    connection: Connection, org_id: str, ids: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return the (object, Id) whose opt-out Salesforce refused the lane before."""
    table = schema.outbox
    condition = and_(
        table.c.lane == NEW_LEADS, table.c.operation == "update", table.c.state == REFUSED
    )
    rows = _matching(connection, table.c.record_key, ids, [table.c.object], org_id, condition)
    return frozenset((name, record) for record, name in rows)


def _refused(
    connection: Connection, org_id: str, ids: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Return what sending again wouldn't close.

    Values of a record that the nightly push couldn't write don't stop the record's opt-out.
    """
    table = schema.dead_letters
    query = select(table.c.object, table.c.record_key, table.c.code).where(
        table.c.org_id == org_id, table.c.state == OPEN
    )
    letters = {
        (str(name), str(record))
        for name, record, code in connection.execute(query)
        if not error_action(str(code)).is_passing
    }
    of_records = {letter for letter in letters if letter[1] in ids}
    return frozenset(letters - of_records) | (
        of_records & refused_opt_outs(connection, org_id, ids)
    )


def _matching(
    connection: Connection,
    column: Column[Any],
    values: Collection[str],
    others: Sequence[Column[Any]],
    org_id: str | None = None,
    condition: Any = None,
) -> Iterator[Any]:
    """Yield (column, *others) of the rows whose column is one of the values."""
    for part in parts_of(sorted(values)):
        query = select(column, *others).where(column.in_(part))
        if org_id is not None:
            query = query.where(column.table.c.org_id == org_id)
        if condition is not None:
            query = query.where(condition)
        yield from connection.execute(query)
