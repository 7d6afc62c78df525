"""Merging: what becomes of two or three records that a CRM user merges into one.

Belongs here: the merge of leads, contacts and accounts, as the documentation of `merge()` has it.
Doesn't belong here: single writes (writer.py), who asks for it (seeding.py, routes_control.py).

The master keeps its own values, except for those that the user chose of the others. The others go
to the recycle bin with `MasterRecordId`, and what hung on them hangs on the master. Guesses: a
membership of a campaign of which the master is a member already is deleted, a record that is hung
anew has a new SystemModstamp, and what an earlier merge or conversion said stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.memberships import MEMBER
from touchproof_sandbox.salesforce.schema import MASTER_FIELD, OBJECTS, SObject
from touchproof_sandbox.salesforce.storage import Record, Storage
from touchproof_sandbox.salesforce.writer import Writer

_MAX_LOSERS = 2


def merge(
    storage: Storage, sobject: SObject, master: Mapping[str, str | None], losers: Sequence[str]
) -> str:
    """Merge records into one.

    Args:
        storage: The org's state; the caller holds the transaction.
        sobject: Their object.
        master: `Id` of the one that stays, with the values that it takes from the others.
        losers: Ids of one or two others.

    Returns:
        The master's Id.

    Raises:
        ApiError: 400 for records that can't be merged, or a value that the master refuses.
    """
    master_id = str(master["Id"])
    if MASTER_FIELD not in sobject.by_name or not 0 < len(losers) <= _MAX_LOSERS:
        raise ApiError(400, "INVALID_OPERATION", f"{sobject.name}: can't merge {len(losers)}")
    found = storage.find(sobject, "Id", [master_id, *losers])
    for name in (master_id, *losers):
        record = next(iter(found.get(name, [])), None)
        if record is None or record["IsDeleted"] == "true" or losers.count(name) > 1:
            raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if record.get("IsConverted") == "true":
            raise ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if master_id in losers:
        raise ApiError(400, "INVALID_ID_FIELD", "a record can't be merged into itself")
    _put_into_the_bin(storage, sobject, [found[name][0] for name in losers], master_id)
    for child in OBJECTS.values():
        for field in child.fields:
            if field.refers_to == sobject.name and field.writable:
                _hang_anew(storage, child, field.name, losers, master_id)
    (outcome,) = Writer(storage, sobject.name, privileged=True).apply("update", [master])
    if outcome.refusal is not None:
        raise ApiError(400, outcome.refusal.code, outcome.refusal.message)
    return outcome.id


def _put_into_the_bin(
    storage: Storage, sobject: SObject, losers: Sequence[Record], master_id: str
) -> None:
    stamp = storage.next_stamp()
    gone = {"IsDeleted": "true", MASTER_FIELD: master_id, "SystemModstamp": stamp}
    storage.write(sobject, [{**loser, **gone} for loser in losers])


def _hang_anew(
    storage: Storage, child: SObject, field: str, losers: Sequence[str], master_id: str
) -> None:
    """Hang the live children of the losers on the master; second memberships are deleted."""
    found = storage.find(child, field, [*losers, master_id])
    theirs = [one for name in losers for one in found.get(name, []) if one["IsDeleted"] != "true"]
    campaigns = {
        one["CampaignId"]
        for one in (found.get(master_id, []) if child.name == MEMBER else [])
        if one["IsDeleted"] != "true"
    }
    changed = []
    for record in theirs:
        is_second = child.name == MEMBER and record["CampaignId"] in campaigns
        moved = {"IsDeleted": "true"} if is_second else {field: master_id}
        changed.append({**record, **moved, "SystemModstamp": storage.next_stamp()})
        if child.name == MEMBER:
            campaigns.add(record["CampaignId"])
    storage.write(child, changed)
