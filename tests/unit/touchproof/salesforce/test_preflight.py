"""The preflight: what would refuse our records is told before the first of them goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_crm import kept

from touchproof.errors import CheckFailedError
from touchproof.ledger.store import Ledger
from touchproof.salesforce.client import Client, connection_from_settings
from touchproof.salesforce.preflight import Asked, ObjectWish, judge
from touchproof.salesforce.preflight_run import PreflightReport, run_preflight
from touchproof.salesforce.push import PushFailedError, PushReport, run_push
from touchproof.salesforce.rules import FieldRule
from touchproof_sandbox.salesforce.faults import Calls
from touchproof_sandbox.salesforce.schema import ORG_ID

LEAD, STAGE = "Lead", "Touchproof_Stage__c"


def push(crm: Any, **options: Any) -> PushReport:
    return run_push(
        crm.settings, crm.night, crm.clock, sleep=lambda _: None, jitter=lambda: 0.5, **options
    )


def look(crm: Any) -> PreflightReport:
    client = Client(
        connection_from_settings(crm.settings), sleep=lambda _: None, jitter=lambda: 0.5
    )
    return run_preflight(crm.settings, crm.night, crm.clock, client)


def found(report: PreflightReport) -> list[tuple[str, str, str]]:
    return [(one.level, one.object, one.field) for one in report.findings]


@pytest.fixture
def ready(crm: Any) -> Any:
    """Return an org without a preflight, whose night wants a stage and a new lead."""
    lead = crm.lead()
    crm.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    crm.want(
        "sync_lead_attributes",
        record_key="app:1",
        Touchproof_Stage__c="registered",
        LastName="New",
        Company="None",
    )
    crm.publish(is_checked=False)
    return crm


def test_an_org_that_takes_everything_passes(ready: Any) -> None:
    ready.control.reset_counters()
    report = look(ready)
    assert (report.status, report.findings, report.new_records) == ("ok", (), 1)
    # One describe an object, two tooling queries, /limits.
    assert report.push_calls == ready.control.counters().calls == len(report.objects) + 3
    assert (report.storage_megabytes or 0) > 0


Spoil = Callable[[Any], None]
STOPS: dict[str, tuple[Spoil, tuple[str, str], str]] = {
    "a field isn't there": (
        lambda org: org.hide_fields(LEAD, STAGE), (LEAD, STAGE), "isn't there"
    ),
    "a field may not be written": (
        lambda org: org.make_read_only(LEAD, STAGE), (LEAD, STAGE), "may not write"
    ),
    "the key isn't there": (
        lambda org: org.hide_fields(LEAD, "Touchproof_Key__c"),
        (LEAD, "Touchproof_Key__c"), "isn't there",
    ),
    "the key may not be written": (
        lambda org: org.make_read_only(LEAD, "Touchproof_Key__c"),
        (LEAD, "Touchproof_Key__c"), "may not write",
    ),
    "the org requires a field that we don't fill": (
        lambda org: org.require_fields(LEAD, "Phone"), (LEAD, "Phone"), "is required"
    ),
    "a picklist lacks one of our values": (
        lambda org: org.restrict_picklist(LEAD, STAGE, ["engaged"]), (LEAD, STAGE),
        "without 1 of our values: registered",
    ),
    "there is no room": (lambda org: org.storage(0), ("", ""), "0 are left"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "place", "word"), STOPS.values(), ids=STOPS.keys())
def test_what_would_refuse_records_stops_the_first_push(
    ready: Any, spoil: Spoil, place: tuple[str, str], word: str
) -> None:
    spoil(ready.control)
    report = look(ready)
    assert report.status == "failed"
    assert found(report) == [("stop", *place)]
    assert word in report.findings[0].what

    with pytest.raises(CheckFailedError) as refused:
        push(ready)
    assert "touchproof push preflight" in str(refused.value)
    assert all(record["Touchproof_Stage__c"] is None for record in ready.stored(LEAD))
    assert len(ready.stored(LEAD)) == 1


def test_what_would_refuse_records_really_does(ready: Any) -> None:
    """The loopback org holds rows to what it tells: the preflight says no more than happens."""
    ready.publish()
    ready.control.make_read_only(LEAD, STAGE)
    ready.control.require_fields(LEAD, "Phone")
    report = push(ready)
    assert {row.code for row in report.refused_rows} == {"INVALID_FIELD_FOR_INSERT_UPDATE"}
    ready.control.remove_rules()
    ready.control.require_fields(LEAD, "Phone")
    report = push(ready)
    assert {row.code for row in report.refused_rows} == {"REQUIRED_FIELD_MISSING"}


def test_what_may_refuse_records_is_told_and_stops_nothing(ready: Any) -> None:
    ready.control.validation_rule(LEAD, "Phone", "", "A lead needs a phone")
    ready.control.sharing(LEAD, "Private")
    report = look(ready)
    assert report.status == "ok"
    assert found(report) == [("look", LEAD, "Phone"), ("look", LEAD, "")]


def test_a_set_up_that_cannot_be_read_is_told(ready: Any) -> None:
    calls = Calls(path="tooling/query", times=2)
    ready.control.answer_error(calls, 403, "INSUFFICIENT_ACCESS")
    report = look(ready)
    assert report.status == "ok"
    assert [one.what for one in report.findings] == [
        "the org's validation rules can't be read", "the org's sharing can't be read",
    ]  # fmt: skip


def test_the_first_push_runs_it_and_later_ones_do_not(ready: Any) -> None:
    ready.control.reset_counters()
    report = push(ready)
    kinds = ready.control.counters().by_kind
    assert (report.pushed, kinds["describe"]) == (2, 1)
    (run,) = [run for run in Ledger.of(ready.settings).runs() if run.step == "preflight"]
    assert (run.status, run.report["org_id"]) == ("ok", ORG_ID)
    assert "engaged" not in json.dumps(run.report)

    ready.control.reset_counters()
    ready.next_night()
    ready.publish(is_checked=False)
    assert push(ready).planned == 0
    assert "describe" not in ready.control.counters().by_kind


def test_a_new_field_in_the_seed_asks_for_another_look(ready: Any) -> None:
    push(ready)
    ready.next_night()
    ready.want("sync_campaign_performance", salesforce_id=ready.campaign(), Touchproof_Spend__c="1")
    ready.publish(is_checked=False)
    ready.control.hide_fields("Campaign", "Touchproof_Spend__c")
    ready.want("sync_lead_consent", salesforce_id=ready.lead(), HasOptedOutOfEmail="true")
    ready.publish(is_checked=False)
    with pytest.raises(PushFailedError, match=r"Campaign\.Touchproof_Spend__c isn't there") as told:
        push(ready)
    # An org that took pushes before gets its opt-outs all the same.
    assert [(group.kind, group.pushed) for group in told.value.report.groups] == [
        ("consent", 1), ("values", 0),
    ]  # fmt: skip


def test_once_mended_the_push_goes_by_itself(ready: Any) -> None:
    ready.control.hide_fields(LEAD, STAGE)
    with pytest.raises(CheckFailedError):
        push(ready)
    ready.control.remove_rules()
    assert push(ready).pushed == 2


def test_a_dry_run_and_a_baseline_need_none(ready: Any) -> None:
    ready.control.hide_fields(LEAD, STAGE)
    assert push(ready, dry_run=True).planned == 2
    assert push(ready, baseline=True).baseline_records == 1


def rule(type_: str, **more: Any) -> FieldRule:
    values = {"owner": "touchproof", "on_drift": "overwrite", "is_consent": False, **more}
    return FieldRule(
        object=LEAD, field="F__c", sync_model="sync_lead_attributes", type=type_, **values
    )


def judged(field: dict[str, Any], asked_rule: FieldRule, rows: Any, **wish: Any) -> list[str]:
    usual = {
        "name": "F__c", "type": "string", "length": 0, "nillable": True, "createable": True,
        "updateable": True, "defaultedOnCreate": False, "referenceTo": [], "externalId": False,
        "unique": False,
    }  # fmt: skip
    describe = {"createable": True, "updateable": True, "fields": [usual | field]}
    wanted = ObjectWish(
        LEAD, (asked_rule,), (kept(rows),), **{"creates": False, "edits": True, **wish}
    )
    asked = Asked({LEAD: describe}, {}, {}, None)
    return [one.what for one in judge([wanted], asked, {})]


@pytest.mark.parametrize(
    ("type_", "of_org", "is_taken"),
    [
        ("text", "picklist", True), ("text", "double", False), ("number", "currency", True),
        ("number", "string", False), ("date", "datetime", False), ("boolean", "boolean", True),
    ],
)  # fmt: skip
def test_a_field_of_another_type_stops(
    tables: Any, type_: str, of_org: str, is_taken: bool
) -> None:
    rows = tables.model("sync_lead_attributes", [])
    assert (judged({"type": of_org}, rule(type_), rows) == []) is is_taken


def test_a_text_that_is_too_short_for_our_longest_value_stops(tables: Any) -> None:
    row = {"salesforce_id": "00Q1", STAGE: "engaged"}
    rows = tables.model("sync_lead_attributes", [row]).rename_columns({STAGE: "F__c"})
    assert judged({"length": 7}, rule("text"), rows) == []
    assert judged({"length": 6}, rule("text"), rows) == [
        "takes 6 characters, our longest value has 7"
    ]


def test_a_reference_to_another_object_stops(tables: Any) -> None:
    rows = tables.model("sync_lead_attributes", [])
    of_org = {"type": "reference", "referenceTo": ["Account"]}
    assert judged(of_org, rule("text", refers_to="Lead"), rows) == ["doesn't refer to Lead"]
    assert judged(of_org, rule("text", refers_to="Account"), rows) == []


def test_a_field_that_is_filled_once_needs_no_right_to_change_it(tables: Any) -> None:
    rows = tables.model("sync_lead_attributes", [])
    once = rule("text", owner="fill_if_empty")
    fixed = {"updateable": False}
    assert judged(fixed, once, rows) == ["we may not write it"]
    key = "isn't there, or we can't see it"  # a creation needs the key, which isn't described here
    assert judged(fixed, once, rows, creates=True) == [key]


def test_an_object_that_is_not_there_stops() -> None:
    wanted = ObjectWish("Touchproof_Profile__c", (rule("text"),), (), creates=True, edits=False)
    (finding,) = judge([wanted], Asked({"Touchproof_Profile__c": None}, {}, {}, None), {})
    assert (finding.level, finding.todo) == ("stop", "Deploy salesforce_metadata/.")


def test_the_command_prints_a_table_and_fails_on_a_stop(
    ready: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from touchproof.cli_push import app

    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(ready.settings.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", ready.settings.world)
    passed = CliRunner().invoke(app, ["preflight", "--night", ready.night.isoformat()])
    assert passed.exit_code == 0, passed.output
    assert passed.output.splitlines()[0].split()[:2] == ["object", "fields"]
    assert "passed: the next push goes on" in passed.output

    ready.control.hide_fields(LEAD, STAGE)
    failed = CliRunner().invoke(app, ["preflight", "--night", ready.night.isoformat()])
    assert isinstance(failed.exception, CheckFailedError)
    assert f"stop: {LEAD}.{STAGE} isn't there" in failed.output
