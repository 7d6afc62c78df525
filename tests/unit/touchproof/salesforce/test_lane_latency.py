"""The lane's latency: nearest ranks, of the last 24 hours alone, and what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from touchproof.ledger import schema
from touchproof.ledger.store import Ledger
from touchproof.salesforce.dead_letters import Refusal, note_refusals
from touchproof.salesforce.lane_landed import LandedRequest
from touchproof.salesforce.lane_latency import LaneLatency, lane_latency, percentile
from touchproof.settings import Settings

NOW = datetime(2026, 6, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([7.0], 0.99, 7.0),
        ([3.0, 1.0, 2.0, 4.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 102)], 0.99, 100.0),
    ],
)
def test_a_percentile_is_a_value_that_occurred(
    values: list[float], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected


def test_what_was_acknowledged_a_day_ago_or_never_counts_no_more(settings: Settings) -> None:
    ledger = Ledger.of(settings)
    lead = {"org_id": "00D", "state": "acknowledged", "sent_at": NOW}
    with ledger.transaction() as connection:
        for number, (took, ago) in enumerate([(60, 1), (90, 23), (9000, 25), (5, None)]):
            at = None if ago is None else NOW - timedelta(hours=ago)
            created = (at or NOW) - timedelta(seconds=took)
            connection.execute(
                schema.lane_leads.insert(),
                {
                    **lead,
                    "source_key": f"app:{number}",
                    "created_at": created,
                    "landed_at": created + timedelta(seconds=10),
                    "acknowledged_at": at,
                },
            )
    assert lane_latency(ledger, "00D", NOW) == LaneLatency(2, 60.0, 90.0, 10.0)


def test_what_is_sent_refused_or_missing_waits_once_from_its_creation(settings: Settings) -> None:
    ledger = Ledger.of(settings)
    states = ["sent", "refused", "refused", "routed", "acknowledged"]
    with ledger.transaction() as connection:
        for number, state in enumerate(states):
            created = NOW - timedelta(minutes=10 + number)
            lead = {"org_id": "00D", "source_key": f"app:{number}", "state": state}
            times = {"created_at": created, "landed_at": created, "sent_at": created}
            at = created if state == "acknowledged" else None
            connection.execute(schema.lane_leads.insert(), {**lead, **times, "acknowledged_at": at})
        # The night has made the second refused one since.
        refused = [Refusal("Lead", "app:1", None, "INVALID_EMAIL_ADDRESS")]
        note_refusals(connection, "00D", refused, NOW.date())
    missing = [
        LandedRequest(key, (), {}, NOW - timedelta(minutes=minutes), NOW)
        for key, minutes in (("app:1", 11), ("app:9", 8))
    ]

    found = lane_latency(ledger, "00D", NOW, missing)

    assert (found.waiting, found.waiting_refused, found.oldest_waiting_seconds) == (3, 1, 660.0)
    assert lane_latency(ledger, "00D", NOW).waiting == 2
