"""Rules of campaign members: one a person and campaign, and only statuses that the campaign has.

Belongs here: what the objects CampaignMember and CampaignMemberStatus ask beyond their fields.
Doesn't belong here: rules that hold for every object (rules.py, neighbours.py).

Every campaign has the statuses Sent and Responded from the start; they aren't records here. Guess:
a member with a status that its campaign doesn't have is saved with the campaign's default, Sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from touchproof_sandbox.salesforce.errors import Refusal
from touchproof_sandbox.salesforce.schema import OBJECTS, SObject
from touchproof_sandbox.salesforce.storage import Record, Storage

MEMBER, STATUS = "CampaignMember", "CampaignMemberStatus"
_DEFAULT = "Sent"
_FROM_THE_START = frozenset({_DEFAULT, "Responded"})
_UNIQUE: dict[str, tuple[tuple[str, ...], str]] = {
    MEMBER: (("LeadId", "ContactId"), "Already a campaign member."),
    STATUS: (("Label",), "duplicate value found: Label"),
}


def apply_membership_rules(
    storage: Storage,
    sobject: SObject,
    records: Sequence[Record],
    refusals: list[Refusal | None],
) -> None:
    """Refuse second members and second statuses, and give unknown statuses their default."""
    if sobject.name not in _UNIQUE:
        return
    known = storage.find(sobject, "CampaignId", _campaigns(records))
    of_campaign = {
        campaign: [one for one in found if one["IsDeleted"] != "true"]
        for campaign, found in known.items()
    }
    names, message = _UNIQUE[sobject.name]
    for number, record in enumerate(records):
        if refusals[number] is not None:
            continue
        others = of_campaign.setdefault(record["CampaignId"] or "", [])
        if any(
            record[name] is not None and record[name] == other[name]
            for other in others
            if other["Id"] is None or other["Id"] != record["Id"]
            for name in names
        ):
            refusals[number] = Refusal("DUPLICATE_VALUE", message)
        else:
            others.append(record)
    if sobject.name == MEMBER:
        _set_statuses(storage, records)


def _set_statuses(storage: Storage, records: Sequence[Record]) -> None:
    rows = storage.find(OBJECTS[STATUS], "CampaignId", _campaigns(records))
    for record in records:
        labels = {
            one["Label"]
            for one in rows.get(record["CampaignId"] or "", [])
            if one["IsDeleted"] != "true"
        }
        if record["Status"] not in labels | _FROM_THE_START:
            record["Status"] = _DEFAULT


def _campaigns(records: Sequence[Record]) -> list[str]:
    return [record["CampaignId"] for record in records if record["CampaignId"]]
