"""The dry run as people read it: numbers under each other, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from touchproof.salesforce.budget import CostEstimate, ObjectCost
from touchproof.salesforce.priorities import DeferredObject
from touchproof.salesforce.report import PushReport
from touchproof.salesforce.report_text import dry_run_text
from touchproof.salesforce.reserve import Reserve

NIGHT = date(2026, 6, 28)
LEADS = CostEstimate(
    rows=1_234_567,
    fields=2_469_134,
    jobs=2,
    batches=124,
    calls=16,
    new_records=1_000,
    storage_kilobytes=2_000,
    marketo_calls=6_173,
    marketo_delay_hours=123.46,
)
PROFILES = CostEstimate(rows=12, fields=24, jobs=1, batches=1, calls=6)


def report(**changes: Any) -> PushReport:
    total = replace(LEADS, rows=1_234_579, fields=2_469_158, jobs=3, batches=125, calls=22)
    made = PushReport(
        night=NIGHT,
        handoff_night=NIGHT,
        lane="nightly",
        status="ok",
        is_dry_run=True,
        groups=(),
        planned=1_234_579,
        pushed=0,
        refused=0,
        deferred=0,
        held=0,
        held_late=0,
        opt_outs=0,
        held_children=0,
        held_records=(),
        refused_rows=(),
        dead_letters=0,
        push_calls=0,
        token_requests=0,
        allowance_used=9_000,
        allowance_max=20_000,
        plan_hash="0123456789abcdef",
        changed_share=0.0,
        waiting_reason=None,
        baseline_records=0,
        drifted_records=0,
        resumed_jobs=0,
        resumed_records=0,
        estimate=total,
        object_costs=(ObjectCost("Lead", LEADS), ObjectCost("Touchproof_Profile__c", PROFILES)),
        reserve=Reserve(2_000, 400, 310, date(2026, 6, 27)),
        storage_megabytes=10_238,
        limits_seen_at=datetime(2026, 6, 28, 6, 5, tzinfo=UTC),
    )
    return replace(made, **changes)


def test_each_object_has_a_line_and_the_numbers_stand_under_each_other() -> None:
    lines = dry_run_text(report()).splitlines()
    head = next(line for line in lines if line.startswith("object"))
    table = [line for line in lines if line.startswith(("Lead ", "Touchproof_", "all "))]
    assert len(table) == 3
    for column in ("rows", "new", "fields", "jobs", "batches", "calls", "storage KB", "re-pulls"):
        end = head.index(f" {column}") + len(column) + 1
        for line in table:
            assert line[end - 1] != " " and line[end : end + 1] in (" ", ""), (column, line)
    assert "1,234,567" in table[0] and "6,173" in table[0] and table[0].endswith("yes")
    assert "1,234,579" in table[2]
    assert max(map(len, lines)) <= 100


def test_what_is_left_is_added_up_before_the_eyes() -> None:
    text = " ".join(dry_run_text(report()).split())
    assert "11,000 of 20,000 calls were left on 2026-06-28 at 06:05 UTC" in text
    assert "-2,000 stay for other systems" in text
    assert "-400 stay for new leads" in text
    assert "-310 for what others will use above what expires" in text
    assert "8,290 are ours; the plan takes 6,195, re-pulls included" in text
    assert "1,000 new records take 2 MB of the 10,238 MB that were left" in text
    assert "6,173 calls, a new lead comes up to 123.5 hours later" in text
    assert text.endswith("Next touchproof push")


def test_without_a_log_and_before_the_first_push_it_says_what_is_not_known() -> None:
    text = " ".join(dry_run_text(report(reserve=Reserve(2_000, 400, 0, None))).split())
    assert "no log of their calls, so the settings alone" in text
    nothing = report(reserve=None, allowance_max=None, storage_megabytes=None)
    blind = " ".join(dry_run_text(nothing).split())
    assert "Allowance not known before the first push" in blind
    assert "what is left isn't known before the first push" in blind


def test_a_plan_that_waits_names_the_reason_and_the_command() -> None:
    text = dry_run_text(report(waiting_reason="It changes a lot.", needs_confirmation=True))
    assert "Waits      It changes a lot." in text
    assert text.endswith("Next       touchproof push --confirm-plan 0123456789abcdef")


@pytest.mark.parametrize(("shortage", "word"), [("allowance", "waits"), ("storage", "no new ones")])
def test_an_object_that_waits_is_marked_in_its_line(shortage: Any, word: str) -> None:
    waits = DeferredObject("Lead", shortage, 5, 6_189, 2_000)
    lines = dry_run_text(report(deferred_objects=(waits,))).splitlines()
    (line,) = [line for line in lines if line.startswith("Lead ")]
    assert line.endswith(word)


def test_a_night_without_changes_has_nothing_to_do() -> None:
    text = dry_run_text(report(object_costs=(), planned=0, estimate=CostEstimate()))
    assert "Nothing differs" in text
    assert text.endswith("nothing to do")
