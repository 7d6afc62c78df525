"""Campaign members: their status is made first, nobody becomes one twice or without consent."""

from __future__ import annotations

from typing import Any

import pytest

from touchproof.ledger.store import Ledger
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import PushFailedError, PushReport, run_push
from touchproof_sandbox.salesforce.faults import Calls
from touchproof_sandbox.salesforce.schema import ORG_ID

STATUS, MEMBER = "CampaignMemberStatus", "CampaignMember"


def push(crm: Any) -> PushReport:
    return run_push(crm.settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5)


def want_member(crm: Any, campaign: str, lead: str, **more: Any) -> None:
    """Ask for a member and for the status that it has."""
    crm.want("sync_statuses", record_key=campaign, Label="Engaged", HasResponded="false")
    crm.want(
        "sync_members",
        record_key=f"member:{campaign}:{lead}",
        parent_object=STATUS,
        parent_key=campaign,
        CampaignId=campaign,
        LeadId=lead,
        Status="Engaged",
        **more,
    )
    # Parents are known because they are read.
    crm.want("sync_lead_attributes", salesforce_id=lead)
    crm.want("sync_campaign_performance", salesforce_id=campaign)


def members(crm: Any) -> list[tuple[Any, ...]]:
    return sorted((m["CampaignId"], m["LeadId"], m["Status"]) for m in crm.stored(MEMBER))


def test_members_are_made_after_their_status_in_the_same_push(crm: Any) -> None:
    campaigns, lead = [crm.campaign(Name=name) for name in "AB"], crm.lead()
    for campaign in campaigns:
        want_member(crm, campaign, lead)
    crm.publish()

    report = push(crm)

    made = [(g.object, g.operation, g.pushed) for g in report.groups]
    assert made == [(STATUS, "insert", 2), (MEMBER, "upsert", 2)]
    assert members(crm) == sorted((campaign, lead, "Engaged") for campaign in campaigns)
    assert push(crm).planned == 0


def test_a_status_that_the_campaign_has_is_learnt_and_not_made(crm: Any) -> None:
    campaign, lead = crm.campaign(), crm.lead()
    record = {"CampaignId": campaign, "Label": "Engaged", "HasResponded": True}
    crm.control.apply([{"op": "create", "object": STATUS, "record": record}])
    want_member(crm, campaign, lead)
    crm.publish()

    report = push(crm)

    assert [group.object for group in report.groups] == [MEMBER]
    (status,) = crm.stored(STATUS)
    assert status["HasResponded"] == "true"  # theirs, and it stays
    assert members(crm) == [(campaign, lead, "Engaged")]


def test_members_of_a_refused_status_are_held_until_it_is_there(crm: Any) -> None:
    campaigns, lead = [crm.campaign(Name=name) for name in "AB"], crm.lead()
    for campaign in campaigns:
        want_member(crm, campaign, lead)
    crm.control.refuse(STATUS, "CampaignId", campaigns[0], "SERVER_UNAVAILABLE", times=1)
    crm.publish()

    first = push(crm)
    assert (first.refused, first.held_children) == (1, 1)
    assert members(crm) == [(campaigns[1], lead, "Engaged")]

    second = push(crm)
    assert (second.pushed, second.refused, second.dead_letters) == (2, 0, 0)
    assert len(members(crm)) == 2


def test_a_status_whose_answer_was_lost_is_made_once(crm: Any) -> None:
    campaign, lead = crm.campaign(), crm.lead()
    want_member(crm, campaign, lead)
    crm.publish()
    crm.control.cut(Calls("bulk_ingest", method="POST"), "after")

    with pytest.raises(PushFailedError):
        push(crm)
    report = push(crm)

    assert report.refused == 0
    assert len(crm.stored(STATUS)) == 1
    assert members(crm) == [(campaign, lead, "Engaged")]
    assert Outbox(Ledger.of(crm.settings), ORG_ID, crm.clock).unfinished() == []


def test_nobody_becomes_a_member_against_consent(crm: Any) -> None:
    campaign, lead = crm.campaign(), crm.lead()
    want_member(crm, campaign, lead, may_market=False)
    crm.publish()
    report = push(crm)
    assert members(crm) == []
    assert report.held == 1


def test_a_member_that_is_there_is_refused_and_named(crm: Any) -> None:
    campaign, lead = crm.campaign(), crm.lead()
    record = {"CampaignId": campaign, "LeadId": lead, "Status": "Sent"}
    crm.control.apply([{"op": "create", "object": MEMBER, "record": record}])
    want_member(crm, campaign, lead)
    crm.publish()
    report = push(crm)
    (refused,) = report.refused_rows
    assert (refused.object, refused.code) == (MEMBER, "DUPLICATE_VALUE")
    assert members(crm) == [(campaign, lead, "Sent")]


def test_an_unknown_status_would_become_the_campaigns_default(crm: Any) -> None:
    """The reason why statuses go first: the org doesn't refuse what it doesn't know."""
    campaign, lead = crm.campaign(), crm.lead()
    want_member(crm, campaign, lead)
    del crm.rows["sync_statuses"]
    for row in crm.rows["sync_members"]:
        row["parent_object"] = row["parent_key"] = None
    crm.publish()
    push(crm)
    assert members(crm) == [(campaign, lead, "Sent")]
