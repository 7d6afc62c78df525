"""`touchproof push`, `push preflight`, `push dead-letters`, `push replay`, `push reconcile`.

Belongs here: the commands. Doesn't belong here: planning and performing (salesforce/).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from touchproof.cli_common import (
    JsonOption,
    NightOption,
    night_or_due,
    say,
    say_json,
    say_rows,
)
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.settings import Settings

if TYPE_CHECKING:
    from touchproof.salesforce.lane_report import LaneReport
    from touchproof.salesforce.preflight_run import PreflightReport
    from touchproof.salesforce.reconcile import (
        ExtractReconciliation,
        NamedRecord,
        OrgReconciliation,
    )
    from touchproof.salesforce.report import PushReport

_NEW_LEADS = "new-leads"

app = typer.Typer(help="Plan or perform a push to Salesforce.", invoke_without_command=True)


@app.callback()
def push(
    context: typer.Context,
    lane: Annotated[str, typer.Option("--lane", help="nightly or new-leads.")] = "nightly",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan only; no call.")] = False,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Acknowledge what was read; send nothing.")
    ] = False,
    confirm_plan: Annotated[
        str | None, typer.Option("--confirm-plan", help="Hash of the plan.", metavar="HASH")
    ] = None,
    night: NightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Push what differs from what Salesforce acknowledged."""
    if context.invoked_subcommand is not None:
        return
    if dry_run and (baseline or confirm_plan):
        raise BadInputError("--dry-run goes with neither --baseline nor --confirm-plan")
    if lane == _NEW_LEADS:
        if baseline or confirm_plan or night:
            raise BadInputError(
                "The lane of new leads has no baseline, no plan to confirm and no night of its own",
                todo="Leave --baseline, --confirm-plan and --night out.",
            )
        _push_new_leads(dry_run=dry_run, as_json=as_json)
        return
    from touchproof.salesforce.push import run_push
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    due = night_or_due(settings, night)
    if dry_run:
        _show(run_push(settings, due, clock, lane=lane, dry_run=True), as_json=as_json)
        return
    report = run_step(
        settings,
        due,
        f"push:{lane}",
        clock,
        lambda: run_push(settings, due, clock, lane=lane, baseline=baseline, confirm=confirm_plan),
    )
    if baseline and not as_json:
        say(
            f"{report.baseline_records:,} records acknowledged as the org has them, "
            f"{report.drifted_records:,} in which someone changed a field of ours; "
            f"nothing was sent, {report.push_calls} calls"
        )
        return
    _show(report, as_json=as_json)


def _push_new_leads(*, dry_run: bool, as_json: bool) -> None:
    from touchproof.handoff import committed_handoff
    from touchproof.salesforce.lane import run_lane
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    handoff = committed_handoff(settings)
    if dry_run or handoff is None:
        _show_lane(run_lane(settings, clock, dry_run=dry_run), as_json=as_json)
        return
    report = run_step(
        settings, handoff.night, f"push:{_NEW_LEADS}", clock, lambda: run_lane(settings, clock)
    )
    _show_lane(report, as_json=as_json)


@app.command("preflight")
def preflight(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Look at the org before the first push: what would refuse our records, and what to do."""
    from touchproof.salesforce.client import Client, connection_from_settings
    from touchproof.salesforce.preflight_run import STEP, require_passed, run_preflight
    from touchproof.steps import as_json as plain
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    due = night_or_due(settings, night)
    clock = world_clock(settings)
    client = Client(connection_from_settings(settings), purpose="push")
    report = run_step(
        settings, due, STEP, clock, lambda: run_preflight(settings, due, clock, client)
    )
    if as_json:
        say_json(plain(report))
    else:
        _show_preflight(report)
    require_passed(report)


@app.command("dead-letters")
def dead_letters(
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the records that Salesforce refused, with reason, owner and nights."""
    from touchproof.salesforce.push import dead_letters as find
    from touchproof.steps import as_json as plain

    letters = find(Settings(), None if everything else "open")
    if as_json:
        say_json([plain(letter) for letter in letters])
        return
    say_rows(
        ("object", "record", "code", "reason", "owner", "first seen", "last seen", "state"),
        [
            (
                one.object,
                one.record_key,
                one.code,
                one.reason,
                one.owner,
                one.first_seen_night.isoformat(),
                one.last_seen_night.isoformat(),
                one.state,
            )
            for one in letters
        ],
    )


@app.command("replay")
def replay(night: NightOption = None, as_json: JsonOption = False) -> None:
    """Push the records with an open dead letter again, now."""
    from touchproof.salesforce.push import replay as push_again
    from touchproof.world_clock import world_clock

    settings = Settings()
    due = night_or_due(settings, night)
    _show(push_again(settings, due, world_clock(settings)), as_json=as_json)


@app.command("reconcile")
def reconcile(
    ask_org: Annotated[
        bool, typer.Option("--ask-org", help="Read the org itself now; calls are counted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the ledger with what the newest extract read, without a call, or with the org."""
    from touchproof.salesforce import reconcile as reconciling
    from touchproof.steps import as_json as plain
    from touchproof.steps import run_step
    from touchproof.world_clock import world_clock

    settings = Settings()
    clock = world_clock(settings)
    if ask_org:
        asked = run_step(
            settings,
            night_or_due(settings, None),
            reconciling.STEP,
            clock,
            lambda: reconciling.reconcile_with_org(settings, clock),
        )
        report, differing = plain(asked), sum(one.differing + one.missing for one in asked.objects)
        show = partial(_show_org_reconciliation, asked)
    else:
        read = reconciling.reconcile_with_extract(settings, clock)
        report, differing = plain(read), read.drifted_records
        show = partial(_show_extract_reconciliation, read)
    if as_json:
        say_json(report)
    else:
        show()
    if differing:
        raise CheckFailedError(
            f"Ledger and org differ in {differing:,} records",
            todo="The push after the next extract overwrites or keeps them, as the seed "
            "salesforce_fields says.",
        )


def _show_extract_reconciliation(report: ExtractReconciliation) -> None:
    say(
        f"As of night {report.handoff_night}: {report.drifted_records:,} records in which someone "
        f"changed a field of ours, {report.unknown_records:,} that the ledger doesn't know yet"
    )
    _say_records("Changed in Salesforce", report.drifted, report.drifted_records)
    _say_records("Not in the ledger", report.unknown, report.unknown_records)


def _show_org_reconciliation(report: OrgReconciliation) -> None:
    columns = ("object", "compared", "equal", "differing", "missing")
    say_rows(columns, [[getattr(one, name) for name in columns] for one in report.objects])
    say(f"{report.extraction_calls} calls")
    for one in report.objects:
        title = f"{one.object}, without fields where the org doesn't show it"
        _say_records(title, one.records, one.differing + one.missing)


def _say_records(title: str, records: Sequence[NamedRecord], count: int) -> None:
    """Name the first records and count the rest; nothing where there are none."""
    if not records:
        return
    say(f"\n{title}:")
    for one in records:
        say(f"  {one.object} {one.salesforce_id}  {', '.join(one.fields)}".rstrip())
    if count > len(records):
        say(f"  and {count - len(records):,} more")


def _show(report: PushReport, *, as_json: bool) -> None:
    from touchproof.salesforce.report_text import dry_run_text
    from touchproof.steps import as_json as plain

    if as_json:
        say_json(plain(report))
        return
    if report.is_dry_run:
        say(dry_run_text(report))
        return
    say(
        f"{report.planned:,} records planned, {report.pushed:,} pushed, "
        f"{report.refused:,} refused, {report.deferred:,} deferred; {report.push_calls} calls"
    )
    if report.opt_outs or report.held or report.held_children:
        late = f" ({report.held_late:,} by a word since the plan)" if report.held_late else ""
        say(
            f"{report.opt_outs:,} opt-outs confirmed, {report.held:,} held back by consent{late}, "
            f"{report.held_children:,} because a record that they hang on isn't there yet"
        )
    if report.groups:
        say_rows(("object", "operation", "kind", "pushed", "refused", "deferred"), _groups(report))
    for row in report.refused_rows[:20]:
        say(f"refused: {row.object} {row.record}: {row.code}, {row.reason} (owner {row.owner})")
    if report.waiting_reason:
        say(f"waits: {report.waiting_reason}")
        if report.needs_confirmation:
            say(f"to send it: touchproof push --confirm-plan {report.plan_hash}")


def _show_preflight(report: PreflightReport) -> None:
    say_rows(
        ("object", "fields", "makes", "edits", "stops", "to look at"),
        [
            (
                one.object,
                one.fields,
                "yes" if one.creates else "no",
                "yes" if one.edits else "no",
                one.stops,
                one.looks,
            )
            for one in report.objects
        ],
    )
    for finding in report.findings:
        place = ".".join(name for name in (finding.object, finding.field) if name) or "the org"
        say(f"{finding.level}: {place} {finding.what}. {finding.todo}")
    left = "" if report.storage_megabytes is None else f", {report.storage_megabytes:,} MB are left"
    say(f"{report.new_records:,} new records to make{left}; {report.push_calls} calls")
    if report.status == "ok":
        say("passed: the next push goes on")


def _show_lane(report: LaneReport, *, as_json: bool) -> None:
    from touchproof.steps import as_json as plain

    if as_json:
        say_json(plain(report))
        return
    say(
        f"{report.opt_outs:,} opt-outs, {report.created:,} leads created, {report.routed:,} routed "
        f"to records that are there, {report.refused:,} refused; {report.push_calls} calls"
        + (" (dry run: nothing was sent)" if report.is_dry_run else "")
    )
    say(
        f"{report.deferred:,} wait, {report.held:,} held back by consent, "
        f"{report.skipped:,} refused before"
    )
    if report.latency.leads:
        say(
            f"last 24 hours: {report.latency.leads:,} leads, from creation to acknowledgement "
            f"{report.latency.p50_seconds:,.0f} s (half of them), "
            f"{report.latency.p99_seconds:,.0f} s (99 of 100)"
        )
    if report.latency.waiting:
        say(
            f"{report.latency.waiting:,} new leads wait, {report.latency.waiting_refused:,} of "
            "them refused and left to the night; the oldest was created "
            f"{report.latency.oldest_waiting_seconds:,.0f} s ago"
        )
    for row in report.refused_rows[:20]:
        say(f"refused: {row.object} {row.record}: {row.code}, {row.reason} (owner {row.owner})")
    if report.waiting_reason:
        say(f"waits: {report.waiting_reason}")


def _groups(report: PushReport) -> list[tuple[Any, ...]]:
    return [
        (
            group.object,
            group.operation,
            group.kind,
            group.pushed,
            group.refused,
            group.deferred,
        )
        for group in report.groups
    ]
