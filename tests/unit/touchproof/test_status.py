"""The status: collected from the ledger, as its JSON Schema says, shown without markup trouble."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof.status import collect_status, status_json
from touchproof.summary import print_status

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "schemas" / "status.json").read_text()
)
NIGHT = date(2026, 6, 28)
NEXT = date(2026, 6, 29)
GATE: dict[str, Any] = {
    "entities": [
        {
            "source": "app",
            "entity": entity,
            "batches": 2,
            "rows_in": 10,
            "rows_loaded": 9,
            "rows_quarantined": 1,
            "files_quarantined": 0,
            "rules": {},
        }
        for entity in ("consents", "products")
    ]
}
PUSH = {"pushed": 7, "refused": 2, "deferred": 1, "dead_letters": 3, "push_calls": 9}
LIMITS = {"allowance_used": 40, "allowance_max": 100_000}


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return Ledger.of(settings)


@pytest.fixture
def night(ledger: Ledger, fixed_clock: Callable[[], datetime]) -> Ledger:
    """Record one night: a failed source, quarantined rows, a push, a published file."""
    now = fixed_clock()
    ledger.record_run(NIGHT, "extract:app", "ok", {"rows": 20, "seconds": 1.5}, now)
    ledger.record_run(NIGHT, "extract:ga4", "failed", {"error": "No answer [red]"}, now)
    ledger.record_run(NIGHT, "gate", "ok", GATE, now)
    ledger.record_run(NIGHT, "build", "ok", {"counts": {"pass": 5}, "failed": []}, now)
    ledger.record_run(NIGHT, "push:nightly", "waiting", PUSH | LIMITS, now)
    ledger.commit_night(
        NIGHT,
        published_at=now,
        published_sha256="0f" * 32,
        handoff_hashes={},
        mart_hashes={},
        ledger_batch={},
    )
    return ledger


def test_a_world_without_a_ledger_has_an_empty_status(settings: Settings) -> None:
    status = collect_status(settings)
    jsonschema.validate(status_json(status), SCHEMA)
    assert {source.status for source in status.sources} == {"never"}
    assert not settings.paths.ledger.exists()


def test_the_json_keeps_its_schema(settings: Settings, night: Ledger) -> None:
    content = status_json(collect_status(settings))
    jsonschema.validate(content, SCHEMA)
    assert content["published"] == {
        "night": "2026-06-28",
        "sha256": "0f" * 32,
        "published_at": "2026-06-29T05:00:00Z",
    }
    assert content["allowance"] == {"used": 40, "max": 100_000}


def test_the_lanes_latency_is_that_of_its_last_tick(
    settings: Settings, night: Ledger, fixed_clock: Callable[[], datetime]
) -> None:
    for leads in (3, 4):
        took = {"leads": leads, "p50_seconds": 61.5, "p99_seconds": 88.0}
        night.record_run(NIGHT, "push:new-leads", "ok", {"latency": took}, fixed_clock())
    content = status_json(collect_status(settings))
    jsonschema.validate(content, SCHEMA)
    assert content["new_leads"] == {
        "leads": 4,
        "p50_seconds": 61.5,
        "p99_seconds": 88.0,
        "waiting": 0,
        "waiting_refused": 0,
        "oldest_waiting_seconds": None,
    }
    out = StringIO()
    print_status(collect_status(settings), Console(file=out, width=100, highlight=False))
    assert "4 new leads in 24 hours" in out.getvalue() and "88 s (p99)" in out.getvalue()


def test_leads_that_wait_are_shown_where_none_was_acknowledged(
    settings: Settings, night: Ledger, fixed_clock: Callable[[], datetime]
) -> None:
    waits = {"leads": 0, "waiting": 3, "waiting_refused": 1, "oldest_waiting_seconds": 5_400.0}
    night.record_run(NIGHT, "push:new-leads", "waiting", {"latency": waits}, fixed_clock())

    status = collect_status(settings)

    jsonschema.validate(status_json(status), SCHEMA)
    assert (status.new_leads.waiting, status.new_leads.oldest_waiting_seconds) == (3, 5_400.0)
    out = StringIO()
    print_status(status, Console(file=out, width=100, highlight=False))
    assert "3 new leads wait, 1 of them refused" in out.getvalue()
    assert "5,400 s old" in out.getvalue()


def test_a_status_with_a_foreign_member_would_break_the_schema(settings: Settings) -> None:
    content = status_json(collect_status(settings)) | {"surprise": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, SCHEMA)


def test_rows_of_a_source_are_the_sum_of_its_entities(settings: Settings, night: Ledger) -> None:
    app = next(one for one in collect_status(settings).sources if one.source == "app")
    assert (app.rows_in, app.rows_loaded, app.rows_quarantined) == (20, 18, 2)
    assert app.status == "fresh" and app.last_success_night == NIGHT


def test_a_source_that_fails_is_stale_and_keeps_its_last_success(
    settings: Settings, night: Ledger, fixed_clock: Callable[[], datetime]
) -> None:
    night.record_run(NEXT, "extract:app", "failed", {"error": "No answer"}, fixed_clock())
    app = next(one for one in collect_status(settings).sources if one.source == "app")
    assert (app.status, app.last_success_night, app.error) == ("stale", NIGHT, "No answer")


def test_a_step_that_was_run_again_counts_as_it_ended_last(
    settings: Settings, night: Ledger, fixed_clock: Callable[[], datetime]
) -> None:
    night.record_run(NIGHT, "extract:ga4", "ok", {}, fixed_clock())
    assert "ga4" not in collect_status(settings).stale_sources


def test_a_failed_model_fails_the_gate_of_models_and_is_named(
    settings: Settings, night: Ledger, fixed_clock: Callable[[], datetime]
) -> None:
    report = {"counts": {"pass": 4, "fail": 1}, "failed": ["test.touchproof.sums"]}
    night.record_run(NIGHT, "build", "failed", report, fixed_clock())
    gates = {gate.gate: gate for gate in collect_status(settings).gates}
    assert gates["models"].status == "failed"
    assert gates["models"].failures == ("test.touchproof.sums",)
    assert gates["landing"].status == "passed" and gates["marts"].status == "not_run"


def test_what_is_shown_is_escaped_and_fits_the_width(settings: Settings, night: Ledger) -> None:
    out = StringIO()
    print_status(collect_status(settings), Console(file=out, width=100, highlight=False))
    assert "No answer [red]" in out.getvalue()
    assert "7 pushed, 2 refused, 1 deferred, 3 dead, 9 calls" in out.getvalue()
    assert max(len(line) for line in out.getvalue().splitlines()) <= 100
