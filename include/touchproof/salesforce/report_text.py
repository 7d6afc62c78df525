"""A dry run as text: what each object costs, what the org has left, what waits and what is next.

Belongs here: the layout. Doesn't belong here: the figures (budget.py, reserve.py, spending.py),
printing them (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from touchproof.salesforce.budget import CostEstimate
from touchproof.salesforce.report import PushReport
from touchproof.salesforce.storage import megabytes

_COLUMNS = ("rows", "new", "fields", "jobs", "batches", "calls", "storage KB", "re-pulls")
_WIDTH = 100
_LABEL_WIDTH = 11
_NUMBER_WIDTH = 9
_NOTHING = "·"


def dry_run_text(report: PushReport) -> str:
    """Return what a dry run tells, one line a fact; numbers stand under each other.

    Args:
        report: A dry run's report.
    """
    lines = [f"Plan {report.plan_hash} of night {report.handoff_night}; no call, nothing sent", ""]
    lines += _table(report)
    lines.append("")
    for label, facts in (
        ("Marketo", _marketo(report.estimate)),
        ("Allowance", _allowance(report)),
        ("Storage", _storage(report)),
        ("Held back", _held(report)),
        ("Waits", _waits(report)),
        ("Next", _next(report)),
    ):
        lines += _labelled(label, facts)
    return "\n".join(lines)


def _labelled(label: str, facts: Iterator[str]) -> Iterator[str]:
    """Yield facts beside their label, cut at words; what begins with a number hangs behind it."""
    for fact in facts:
        hanging = " " * (_NUMBER_WIDTH + 1 if fact.startswith(" ") else 0)
        room = _WIDTH - _LABEL_WIDTH
        for line in wrap(fact, room, subsequent_indent=hanging, break_on_hyphens=False):
            yield f"{label:<{_LABEL_WIDTH}}{line}"
            label = ""


def _table(report: PushReport) -> Iterator[str]:
    """Yield the objects, the most important first, and their sum."""
    if not report.object_costs:
        yield "Nothing differs from what Salesforce acknowledged."
        return
    waiting = {(one.object, one.shortage) for one in report.deferred_objects}
    rows = []
    for one in report.object_costs:
        goes = "yes"
        if (one.object, "allowance") in waiting:
            goes = "waits"
        elif (one.object, "storage") in waiting:
            goes = "no new ones"
        rows.append((one.object, _cells(one.cost), goes))
    rows.append(("all", _cells(report.estimate), ""))
    widths = [
        max(len(name), *(len(cells[i]) for _, cells, _ in rows)) for i, name in enumerate(_COLUMNS)
    ]
    first = max(len(name) for name, _, _ in rows)
    heads = "  ".join(name.rjust(width) for name, width in zip(_COLUMNS, widths, strict=True))
    yield f"{'object':<{first}}  {heads}  goes"
    rule = "─" * (first + 2 + len(heads) + 6)
    yield rule
    for name, cells, goes in rows:
        if name == "all":
            yield rule
        line = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        yield f"{name:<{first}}  {line}  {goes}".rstrip()


def _cells(cost: CostEstimate) -> Sequence[str]:
    numbers = (
        cost.rows,
        cost.new_records,
        cost.fields,
        cost.jobs,
        cost.batches,
        cost.calls,
        cost.storage_kilobytes,
        cost.marketo_calls,
    )
    return [f"{number:,}" if number else _NOTHING for number in numbers]


def _marketo(cost: CostEstimate) -> Iterator[str]:
    if not cost.marketo_calls:
        yield "Engage sees none of these records: nothing is pulled again, no lead comes later"
        return
    minutes = cost.marketo_delay_hours * 60
    if minutes < 1:
        later = "less than a minute"
    elif minutes < 120:
        later = f"up to {minutes:,.0f} min"
    else:
        later = f"up to {cost.marketo_delay_hours:,.1f} hours"
    yield (
        f"Engage pulls what we touch again: {cost.marketo_calls:,} calls, a new lead comes {later} "
        "later"
    )


def _allowance(report: PushReport) -> Iterator[str]:
    reserve = report.reserve
    if reserve is None or report.allowance_max is None or report.allowance_used is None:
        yield "not known before the first push, which asks for it by one call"
        return
    free = max(report.allowance_max - report.allowance_used, 0)
    if reserve.log_date is None:
        others = "for what others will use: no log of their calls, so the settings alone"
    else:
        others = (
            "for what others will use above what expires in the next 24 hours "
            f"(logs up to {reserve.log_date})"
        )
    needed = report.estimate.org_calls
    for number, fact in (
        (free, f"of {report.allowance_max:,} calls were left{_seen(report)}"),
        (-reserve.others, "stay for other systems (settings)"),
        (-reserve.new_leads, "stay for new leads by day (settings)"),
        (-reserve.rise, others),
        (free - reserve.calls, f"are ours; the plan takes {needed:,}, re-pulls included"),
    ):
        yield f"{number:>{_NUMBER_WIDTH},} {fact}"


def _storage(report: PushReport) -> Iterator[str]:
    cost = report.estimate
    needed = f"{cost.new_records:,} new records take {megabytes(cost.storage_kilobytes):,} MB"
    if report.storage_megabytes is None:
        yield f"{needed}; what is left isn't known before the first push, which asks"
    else:
        yield f"{needed} of the {report.storage_megabytes:,} MB that were left{_seen(report)}"


def _held(report: PushReport) -> Iterator[str]:
    if report.held or report.held_children:
        yield (
            f"{report.held:,} by consent, {report.held_children:,} because a record that they "
            "hang on isn't there yet"
        )


def _waits(report: PushReport) -> Iterator[str]:
    if report.waiting_reason:
        yield report.waiting_reason


def _next(report: PushReport) -> Iterator[str]:
    if report.needs_confirmation:
        yield f"touchproof push --confirm-plan {report.plan_hash}"
    elif report.deferred_objects:
        yield "touchproof push sends what fits; touchproof audit-api says who spends the rest"
    elif report.planned:
        yield "touchproof push"
    else:
        yield "nothing to do"


def _seen(report: PushReport) -> str:
    return f" on {report.limits_seen_at:%Y-%m-%d at %H:%M} UTC" if report.limits_seen_at else ""
