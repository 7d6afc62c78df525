"""Moved records: what Salesforce has under another Id since we read it, merged or converted.

Belongs here: asking where refused records went, keeping the answers in the ledger until an extract
has read them too, and letting acknowledged values follow merges that were read. Doesn't belong
here: what is sent because of it (follow.py, lane_tick.py).

A lead that was converted is its contact now, in an org of person accounts its account. A record
that was merged is its master now, which may have been merged or converted itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from touchproof.ledger import schema
from touchproof.ledger.engine import parts_of
from touchproof.ledger.records import canonical_json
from touchproof.ledger.store import Ledger, upsert
from touchproof.salesforce.answers import unreadable
from touchproof.salesforce.client import Client, soql_literal
from touchproof.salesforce.error_actions import error_action
from touchproof.salesforce.org_model import ACCOUNT, CONTACT
from touchproof.salesforce.rules import KEY_FIELD
from touchproof.settings import OrgModel

LEAD = "Lead"
MERGED = "MasterRecordId"
_MERGEABLE = (LEAD, CONTACT, ACCOUNT)
_NAMES_PER_QUERY = 100  # keeps the address short

Record = tuple[str, str]
"""Object and Id."""

Moves = Mapping[Record, Record | None]
"""What records became; None where that isn't known."""


def may_have_moved(object_name: str, code: str) -> bool:
    """Tell whether a refusal says that a record may be there under another Id."""
    return object_name in _MERGEABLE and error_action(code).is_moved


def ask_moves(
    client: Client,
    object_name: str,
    names: Collection[str],
    org_model: OrgModel,
    *,
    by: str = "Id",
) -> dict[str, Record | None]:
    """Ask where records went; one query for a hundred of them, and none without any.

    Args:
        client: Client of the org.
        object_name: Their object.
        names: Their Ids, or keys.
        org_model: The setting; it tells what a lead is converted to.
        by: Field that has the names. By Id, the recycle bin is looked into too.

    Returns:
        What each is now, by name: None where Salesforce tells that a lead was converted and
        doesn't show to what. A record that is there, or is just gone, isn't named.

    Raises:
        SalesforceCallError: If the query is refused or not answered.
    """
    fields = ["Id", by, MERGED]
    if object_name == LEAD:
        fields += ["IsConverted", "ConvertedContactId"]
        fields += ["ConvertedAccountId"] if org_model == "person_accounts" else []
    columns = tuple(dict.fromkeys(fields))
    found = list(query_in(client, object_name, by, names, columns, include_deleted=by == "Id"))
    moves: dict[str, Record | None] = {}
    for record in found:
        if record[MERGED]:
            moves[str(record[by])] = (object_name, str(record[MERGED]))
        elif record.get("IsConverted"):
            contact = record["ConvertedContactId"]
            moves[str(record[by])] = (CONTACT, str(contact)) if contact else None
    if org_model == "person_accounts":
        moves |= _person_accounts(client, by, [one for one in found if one.get("IsConverted")])
    return moves


def query_in(
    client: Client,
    object_name: str,
    field: str,
    names: Collection[str],
    columns: Sequence[str],
    *,
    include_deleted: bool = False,
) -> Iterator[Mapping[str, Any]]:
    """Yield the records whose field has one of the names, with these columns.

    Raises:
        SalesforceCallError: If a query is refused or not answered, or lacks a column.
    """
    for part in parts_of(sorted(names), _NAMES_PER_QUERY):
        chosen = ", ".join(soql_literal(name) for name in part)
        soql = f"SELECT {', '.join(columns)} FROM {object_name} WHERE {field} IN ({chosen})"  # noqa: S608
        for record in client.query(soql, include_deleted=include_deleted):
            if any(name not in record for name in columns):
                raise unreadable(
                    "Salesforce's answer lacks fields that were asked for",
                    f"query of {object_name}",
                )
            yield record


def _person_accounts(
    client: Client, by: str, leads: Sequence[Mapping[str, Any]]
) -> dict[str, Record | None]:
    """Return the accounts of leads that became persons: those of one contact."""
    accounts = {str(lead["ConvertedAccountId"]) for lead in leads if lead["ConvertedAccountId"]}
    contacts = [
        str(contact["AccountId"])
        for contact in query_in(client, CONTACT, "AccountId", accounts, ("Id", "AccountId"))
    ]
    return {
        str(lead[by]): (ACCOUNT, str(lead["ConvertedAccountId"]))
        for lead in leads
        if contacts.count(str(lead["ConvertedAccountId"])) == 1
    }


def end_of(moves: Moves, record: Record) -> Record | None:
    """Follow a record's moves to their end; None where that isn't known."""
    seen: set[Record] = set()
    at: Record | None = record
    while at is not None and at in moves:
        if at in seen:
            return None
        seen.add(at)
        at = moves[at]
    return at


# The ledger


def known_moves(ledger: Ledger, org_id: str) -> dict[Record, Record | None]:
    """Return the moves that no extract has read yet."""
    table = schema.moved_records
    query = select(table).where(table.c.org_id == org_id)
    with ledger.reading() as connection:
        return {
            (row.object, row.salesforce_id): (
                None if row.to_object is None else (row.to_object, row.to_salesforce_id)
            )
            for row in connection.execute(query)
        }


def note_moves(ledger: Ledger, org_id: str, moves: Moves, at: datetime) -> None:
    """Write moves that Salesforce told."""
    rows = [
        {
            "org_id": org_id,
            "object": name,
            "salesforce_id": record,
            "to_object": to[0] if to else None,
            "to_salesforce_id": to[1] if to else None,
            "seen_at": at,
        }
        for (name, record), to in sorted(moves.items())
    ]
    with ledger.transaction() as connection:
        upsert(connection, schema.moved_records, rows)


def forget_moves(ledger: Ledger, org_id: str, before: datetime | None) -> None:
    """Forget what an extract after that moment has read: its handoff names the records anew."""
    table = schema.moved_records
    if before is not None:
        with ledger.transaction() as connection:
            connection.execute(
                delete(table).where(table.c.org_id == org_id, table.c.seen_at < before)
            )


def follow_merges(ledger: Ledger, org_id: str, merged: Mapping[Record, str]) -> int:
    """Let what is acknowledged of merged records follow to their masters; return how many did.

    A merged record has no values any more. Its key is the master's from here on, unless that has
    one: who is known by it is never made again.

    Args:
        ledger: The ledger.
        org_id: The org.
        merged: Id of the last master, by record.
    """
    table = schema.acknowledged
    ours = table.c.org_id == org_id
    with ledger.transaction() as connection:
        known: dict[Record, dict[str, Any]] = {}
        named = {*merged, *((name, master) for (name, _), master in merged.items())}
        for name in sorted({name for name, _ in named}):
            keys = sorted(record for one, record in named if one == name)
            query = select(table.c.record_key, table.c.fields_json)
            query = query.where(ours, table.c.object == name)
            for part in parts_of(keys):
                some = table.c.record_key.in_(part)
                for row in connection.execute(query.where(some)):
                    known[name, str(row.record_key)] = row._asdict()
        followed = [record for record in sorted(merged) if record in known]
        for name, record in followed:
            key = json.loads(known[name, record]["fields_json"]).get(KEY_FIELD)
            of_master = known.get((name, merged[name, record]))
            fields = json.loads(of_master["fields_json"]) if of_master else {}
            if of_master and key and not fields.get(KEY_FIELD):
                of_master["fields_json"] = canonical_json({**fields, KEY_FIELD: key})
                master = (table.c.object == name, table.c.record_key == merged[name, record])
                connection.execute(
                    update(table).where(ours, *master).values(fields_json=of_master["fields_json"])
                )
            connection.execute(
                delete(table).where(ours, table.c.object == name, table.c.record_key == record)
            )
    return len(followed)
