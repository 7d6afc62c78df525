"""Ticks of the lane through the real loopback server: what reaches the CRM, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from lane_world import NOON, LaneWorld


@pytest.fixture
def world(crm: Any) -> LaneWorld:
    """Return a world without anybody in it, whose handoff isn't committed yet."""
    crm.control.set_clock(NOON)
    return LaneWorld(crm)


def test_a_registration_becomes_a_lead_within_one_call(world: LaneWorld) -> None:
    world.hand_over()
    world.crm.control.reset_counters()
    key = world.register("r1", email=" Ann@Example.test ", lead_source="TV ad", last_name="")

    report = world.tick()

    lead = world.leads()[key]
    assert (lead["FirstName"], lead["LastName"]) == ("Ann", "Unknown")
    assert (lead["Email"], lead["LeadSource"]) == ("ann@example.test", "TV")
    assert (lead["Company"], lead["HasOptedOutOfEmail"]) == ("Individual", "false")
    assert lead["Touchproof_Email_Consent__c"] == "opted_in"
    assert (report.status, report.created, report.push_calls, report.token_requests) == (
        "ok",
        1,
        1,
        1,
    )
    assert (report.latency.leads, report.latency.p99_seconds) == (1, 300.0)


def test_an_idle_tick_makes_no_call_at_all(world: LaneWorld) -> None:
    world.hand_over()
    world.register("r1")
    world.tick()
    world.crm.control.reset_counters()

    report = world.tick()

    counters = world.crm.control.counters()
    assert (counters.calls, counters.token_requests) == (0, 0)
    assert (report.status, report.planned, report.push_calls) == ("ok", 0, 0)
