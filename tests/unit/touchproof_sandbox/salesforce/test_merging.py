"""Merging in the loopback org: one record stays, the others lie in the bin and name it."""

from __future__ import annotations

from typing import Any

import pytest

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce.control import Control


def make(control: Control, object_name: str, **values: Any) -> str:
    usual = {"Lead": {"LastName": "L", "Company": "C"}, "Contact": {"LastName": "C"}}
    record = {**usual.get(object_name, {}), **values}
    (made,) = control.apply([{"op": "create", "object": object_name, "record": record}])
    return made


def read(api, object_name: str, *fields: str, everything: bool = False) -> dict[str, Any]:
    soql = f"SELECT Id, {', '.join(fields)} FROM {object_name}"
    answer = api.call("GET", "queryAll" if everything else "query", params={"q": soql})
    return {row["Id"]: row for row in answer.json()["records"]}


def test_the_master_stays_and_the_losers_name_it(api, control: Control) -> None:
    master, *losers = [
        make(control, "Lead", LastName=name, Touchproof_Key__c=f"app:{name}") for name in "abc"
    ]
    control.merge("Lead", master, *losers, Phone="1", Touchproof_Key__c="app:b")
    fields = ("LastName", "Phone", "Touchproof_Key__c", "IsDeleted", "MasterRecordId")
    live = read(api, "Lead", *fields)
    assert list(live) == [master]
    assert [live[master][name] for name in fields] == ["a", "1", "app:b", False, None]
    everything = read(api, "Lead", *fields, everything=True)
    named = {name: everything[name]["MasterRecordId"] for name in losers}
    assert named == dict.fromkeys(losers, master)
    assert all(everything[name]["IsDeleted"] for name in losers)


def test_a_loser_counts_as_changed_and_can_not_be_written_to(api, control: Control) -> None:
    master, loser = make(control, "Lead"), make(control, "Lead")
    before = read(api, "Lead", "SystemModstamp")[loser]["SystemModstamp"]
    control.merge("Lead", master, loser)
    after = read(api, "Lead", "SystemModstamp", everything=True)[loser]["SystemModstamp"]
    assert after > before
    (error,) = api.ingest("Lead", "update", f"Id,Phone\n{loser},1\n").errors
    assert error.startswith("ENTITY_IS_DELETED:")


def test_children_hang_on_the_master_then(api, control: Control) -> None:
    master, loser = make(control, "Lead"), make(control, "Lead")
    campaigns = [make(control, "Campaign", Name=name) for name in "ab"]
    members = [
        make(control, "CampaignMember", CampaignId=campaign, LeadId=lead)
        for campaign, lead in [(campaigns[0], loser), (campaigns[0], master), (campaigns[1], loser)]
    ]
    profile = make(control, "Touchproof_Profile__c", Lead__c=loser, Touchproof_Key__c="profile:1")
    control.merge("Lead", master, loser)
    live = read(api, "CampaignMember", "CampaignId", "LeadId")
    assert {(row["CampaignId"], row["LeadId"]) for row in live.values()} == {
        (campaign, master) for campaign in campaigns
    }
    assert set(live) == {members[1], members[2]}
    assert read(api, "Touchproof_Profile__c", "Lead__c")[profile]["Lead__c"] == master


def test_contacts_and_opportunities_go_with_a_merged_account(api, control: Control) -> None:
    master, loser = make(control, "Account", Name="A"), make(control, "Account", Name="B")
    contact = make(control, "Contact", AccountId=loser)
    control.merge("Account", master, loser)
    assert read(api, "Contact", "AccountId")[contact]["AccountId"] == master


def test_a_restored_loser_is_a_record_of_its_own(api, control: Control) -> None:
    master, loser = make(control, "Lead"), make(control, "Lead")
    control.merge("Lead", master, loser)
    control.apply([{"op": "undelete", "object": "Lead", "record": {"Id": loser}}])
    assert read(api, "Lead", "MasterRecordId")[loser]["MasterRecordId"] is None


def test_what_can_not_be_merged_is_refused_and_nothing_changes(api, control: Control) -> None:
    leads = [make(control, "Lead") for _ in range(4)]
    campaign = make(control, "Campaign", Name="a")
    converted = make(control, "Lead", IsConverted=True)
    for object_name, master, losers in [
        ("Lead", leads[0], leads[1:4]),
        ("Lead", leads[0], [leads[0]]),
        ("Lead", leads[0], [leads[1], leads[1]]),
        ("Lead", leads[0], ["00QTPAAAAAAAzzz255"]),
        ("Lead", leads[0], [converted]),
        ("Campaign", campaign, [campaign]),
    ]:
        with pytest.raises(BadInputError):
            control.merge(object_name, master, *losers)
    assert len(read(api, "Lead", "IsDeleted")) == 5
