"""The night on a terminal, 100 columns wide; plain text where there is no terminal.

Belongs here: tables, number formats, and the sentences about what to do next. Doesn't belong
here: collecting (status.py, night_report.py), the page in Airflow (plugins/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from touchproof.night_report import MODELS, BankSkips, ChannelLine, NightReport, Pack
from touchproof.status import NEW_LEADS, SourceStatus, StatusReport

SHOWN_REFUSALS = 5
SHOWN_QUARANTINE = 8
_MARKS = {"fresh": "green", "passed": "green", "ok": "green", "waiting": "yellow"}


def print_night(report: NightReport, console: Console) -> None:
    """Print what a night did: rows, gates, quarantine, channels, skips, push."""
    _rows(report, console)
    _gates(report.status, console)
    _quarantine(report.status, console)
    if report.channels:
        _channels(report, console)
    if report.skips:
        _skips(report, console)
    _push(report, console)


def print_status(status: StatusReport, console: Console) -> None:
    """Print what `touchproof status` tells."""
    if status.night is None:
        console.print(f"No night of world {status.world} has run yet: make run.")
        return
    published = status.published
    shown = (
        f"published: night {published.night}, {published.sha256[:12]}"
        if published
        else ("nothing published yet")
    )
    console.print(f"[bold]Night {status.night}[/bold] of world {status.world}; {shown}")
    table = new_table("Source", "Status", "Last success")
    add_numbers(table, "Rows in", "Loaded", "Quarantined", "Files out")
    for source in status.sources:
        table.add_row(
            source.source,
            _mark(source.status),
            str(source.last_success_night or "–"),
            *_counts(source.rows_in, source.rows_loaded, source.rows_quarantined),
            _count(source.files_quarantined),
        )
    show_table(console, "Sources", table)
    _stale(status, console)
    _gates(status, console)
    _quarantine(status, console)
    _pushes(status, console)
    if status.claims:
        told = ", ".join(f"{count:,} {name}" for name, count in status.claims.items())
        console.print(f"\n[bold]Claims[/bold]  {told}")
        _claims_waiting(status, console)


def money(cents: int) -> str:
    """Format cents as an amount with thousands separators, e.g. `-1,234.50`."""
    return f"{Decimal(cents) / 100:,.2f}"


def _rows(report: NightReport, console: Console) -> None:
    table = new_table("Source", "Status")
    add_numbers(table, "Landed", "Judged", "Loaded", "Quarantined", "Files out", "In warehouse")
    for source in report.sources:
        table.add_row(
            source.source,
            _mark(source.status),
            *_counts(source.landed, source.rows_in, source.rows_loaded, source.rows_quarantined),
            _count(source.files_quarantined),
            _count(source.rows_total),
        )
    table.add_section()
    everything = [
        sum(getattr(source, name) for source in report.sources)
        for name in (
            "landed",
            "rows_in",
            "rows_loaded",
            "rows_quarantined",
            "files_quarantined",
            "rows_total",
        )
    ]
    table.add_row("all", "", *_counts(*everything), style="bold")
    show_table(console, "Rows", table)
    _stale(report.status, console)


def _stale(status: StatusReport, console: Console) -> None:
    """Say which sources are stale and why, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for source in status.sources:
        if source.status == "stale":
            reasons.setdefault(_reason(source), []).append(source.source)
    for reason, sources in reasons.items():
        console.print(
            f"  [yellow]{', '.join(sources)}[/yellow]: {escape(reason)}"
            " The night went on with what had landed before."
        )


def _reason(source: SourceStatus) -> str:
    return (source.error or "The extract failed.").replace(f" (source {source.source})", "")


def _gates(status: StatusReport, console: Console) -> None:
    what = {"landing": "batches judged", "models": "dbt tests", "marts": "checks before publish"}
    console.print("\n[bold]Gates[/bold]")
    for gate in status.gates:
        told = f"{gate.checks:,} {what[gate.gate]}" if gate.checks else ""
        console.print(f"  {gate.gate:<8} {_mark_text(gate.status)}  {told}".rstrip())
        for failure in gate.failures[:5]:
            console.print(f"           [red]{escape(failure)}[/red]")


def _quarantine(status: StatusReport, console: Console) -> None:
    entries = [entry for entry in status.quarantine if entry.night == str(status.night)]
    older = len(status.quarantine) - len(entries)
    if not entries:
        if older:
            console.print(f"  {older:,} older quarantine entries wait: touchproof quarantine list")
        return
    table = new_table("Id", "Source", "File", "Reason")
    add_numbers(table, "Rows")
    for entry in entries[:SHOWN_QUARANTINE]:
        table.add_row(
            entry.id,
            entry.source,
            Text(entry.file, overflow="fold"),
            entry.rule.replace("_", " "),
            _count(entry.rows) if entry.rows else "file",
        )
    show_table(console, "Quarantined tonight", table)
    more = len(entries) - SHOWN_QUARANTINE + older
    if more > 0:
        console.print(f"  and {more:,} more: touchproof quarantine list")


def _channels(report: NightReport, console: Console) -> None:
    first, second = (name.replace("_", " ") for name in MODELS)
    table = new_table("Channel")
    add_numbers(table, "Spend", f"{first}\nconversions", "\nrevenue", f"{second}\nconversions")
    add_numbers(table, "\nrevenue")
    for line in report.channels:
        table.add_row(*_channel_cells(line))
    table.add_section()
    total = ChannelLine(
        "all",
        sum(line.spend_cents for line in report.channels),
        _sums([line.conversions for line in report.channels]),
        _cent_sums([line.revenue_cents for line in report.channels]),
    )
    table.add_row(*_channel_cells(total), style="bold")
    show_table(console, f"What earned the revenue ({report.currency}, all nights so far)", table)


def _channel_cells(line: ChannelLine) -> list[str]:
    cells = [line.channel, money(line.spend_cents) if line.spend_cents else "·"]
    for conversions, cents in zip(line.conversions, line.revenue_cents, strict=True):
        cells += [f"{conversions:,.1f}" if conversions else "·", money(cents) if cents else "·"]
    return cells


def _skips(report: NightReport, console: Console) -> None:
    table = new_table("Bank")
    add_numbers(table, "Openings", "Owed to us", "To review", "Refused", "Not ours", "Fees")
    table.add_column("", justify="left")
    for bank in report.skips:
        table.add_row(*_skip_cells(bank))
    show_table(console, "Skips: people we had contacted first, who then bought at the bank", table)
    claims = report.status.claims
    if claims:
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in claims.items())
        console.print(f"  Claims in the ledger: {told}")
        _claims_waiting(report.status, console)


def _claims_waiting(status: StatusReport, console: Console) -> None:
    """Say what of the claims a person has to look at."""
    if status.claims_overdue:
        console.print(
            f"  [yellow]{status.claims_overdue:,} overdue[/yellow]: "
            "touchproof claims list --overdue"
        )
    if status.claims_open_items:
        console.print(
            f"  [yellow]{status.claims_open_items:,} open items[/yellow] of the banks: "
            "touchproof claims open-items"
        )


def _skip_cells(bank: BankSkips) -> list[str]:
    counts = _counts(bank.openings, bank.eligible, bank.review, bank.refused, bank.unmatched)
    return [bank.bank_id, *counts, money(bank.fee_cents), bank.currency]


def _push(report: NightReport, console: Console) -> None:
    pushed = next((push for push in report.status.push if push.lane == "nightly"), None)
    if pushed is None or pushed.night != report.status.night:
        return
    title = "Salesforce"
    if report.push:
        table = new_table("Object")
        add_numbers(table, "Pushed", "Refused", "Deferred", "Calls")
        for line in report.push:
            table.add_row(
                line.object, *_counts(line.pushed, line.refused, line.deferred, line.calls)
            )
        other = report.push_calls - sum(line.calls for line in report.push)
        if other > 0:
            table.add_row("limits and look-ups", "·", "·", "·", _count(other))
        table.add_section()
        totals = _counts(pushed.pushed, pushed.refused, pushed.deferred, report.push_calls)
        table.add_row("all", *totals, style="bold")
        show_table(console, title, table)
    else:
        console.print(
            f"\n[bold]{title}[/bold]\n  nothing differs, nothing pushed; {report.push_calls} calls"
        )
    for row in report.refused_rows[:SHOWN_REFUSALS]:
        console.print(
            f"  [red]refused[/red] {row['object']} {row['record']}: {row['code']}, for"
            f" {row['owner']}\n    {escape(str(row['reason']))}"
        )
    if len(report.refused_rows) > SHOWN_REFUSALS:
        console.print("  all refused records: touchproof push dead-letters")
    if report.waiting_reason:
        console.print(f"  [yellow]waits[/yellow] {escape(report.waiting_reason)}")
    allowance = report.status.allowance
    if allowance.max:
        console.print(f"  Allowance: {allowance.used or 0:,} of {allowance.max:,} calls used today")


def print_places(report: NightReport, console: Console) -> None:
    """Print where the night's published file and packs lie."""
    console.print("\n[bold]Where it lies[/bold]")
    published = report.status.published
    if published:
        place = "published/touchproof.duckdb"
        console.print(f"  {place:<32}  night {published.night}, {published.sha256[:12]}…")
    for _, packs in groupby(sorted(report.packs, key=_by_place), key=lambda pack: pack.bank_id):
        console.print(f"  {_packs_line([*packs])}", soft_wrap=True)
    if not report.packs:
        console.print("  no evidence pack yet: a month's pack is issued once the month is closed")


def _by_place(pack: Pack) -> tuple[str, str]:
    return pack.bank_id, pack.path


def _packs_line(packs: Sequence[Pack]) -> str:
    """Tell a bank's packs in one line: where, of which months, with which sums."""
    first, last = packs[0], packs[-1]
    is_one = len(packs) == 1
    place = first.path if is_one else f"{first.path} … {last.path.rsplit('/', 1)[-1]}"
    months = first.period if is_one else f"{first.period} to {last.period}"
    fees: Counter[str] = Counter()
    for pack in packs:
        fees.update(pack.fees)
    sums = " + ".join(f"{money(cents)} {name}" for name, cents in sorted(fees.items()))
    outcomes = ", ".join(sorted({pack.outcome for pack in packs}))
    claims = sum(pack.claims for pack in packs)
    count = "" if is_one else f"{len(packs)} packs, "
    return f"{place:<32}  {months}: {count}{claims:,} claims, {sums} ({outcomes})"


def _pushes(status: StatusReport, console: Console) -> None:
    for push in status.push:
        console.print(
            f"\n[bold]Push {push.lane}[/bold]  night {push.night}, {_mark_text(push.status)}: "
            f"{push.pushed:,} pushed, {push.refused:,} refused, {push.deferred:,} deferred, "
            f"{push.dead:,} dead, {push.calls:,} calls"
        )
        if push.error:
            console.print(f"  {escape(push.error)}")
        took = status.new_leads
        if push.lane == NEW_LEADS and took.leads:
            console.print(
                f"  {took.leads:,} new leads in 24 hours, from creation to acknowledgement "
                f"{took.p50_seconds:,.0f} s (p50), {took.p99_seconds:,.0f} s (p99)"
            )
        if push.lane == NEW_LEADS and took.waiting:
            console.print(
                f"  {took.waiting:,} new leads wait, {took.waiting_refused:,} of them refused; at "
                f"the last tick the oldest was {took.oldest_waiting_seconds:,.0f} s old"
            )
    if status.allowance.max:
        console.print(f"  Allowance: {status.allowance.used or 0:,} of {status.allowance.max:,}")


def new_table(*columns: str) -> Table:
    """Return a table without frame; text columns come first, numbers are added to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def show_table(console: Console, title: str, table: Table) -> None:
    """Print a table under its title, set off by a blank line."""
    console.print(f"\n[bold]{title}[/bold]")
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def add_numbers(table: Table, *columns: str) -> None:
    """Add columns whose cells stand to the right."""
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)


def _counts(*values: int) -> list[str]:
    return [_count(value) for value in values]


def _count(value: int) -> str:
    return f"{value:,}" if value else "·"


def _mark(status: str) -> str:
    return _mark_text(status)


def _mark_text(status: str) -> str:
    colour = _MARKS.get(status, "red" if status in ("failed", "stale") else "dim")
    return f"[{colour}]{status.replace('_', ' ')}[/{colour}]"


def _sums(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)


def _cent_sums(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
