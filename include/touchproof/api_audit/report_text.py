"""The audit of the API allowance as a page of text, at most 100 columns.

Belongs here: layout and words. Doesn't belong here: what is found (audit.py, changes.py,
growth.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from touchproof.api_audit.audit import ApiAudit
from touchproof.api_audit.changes import Change
from touchproof.api_audit.growth import Growth, Sufficiency
from touchproof.api_audit.logged_day import Verdict

WIDTH = 100
_NAME_WIDTH = 21
_COLUMNS = (
    ("Calls", "counted_calls"),
    ("Polls", "polls"),
    ("Pulls", "pull_calls"),
    ("Re-pulls", "re_pull_calls"),
    ("Writes", "record_write_calls"),
    ("Repeats", "repeated_writes"),
    ("Errors", "error_calls"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_VERDICTS = {"main_consumer": "main consumer", "not_seen": "not seen"}


def audit_text(audit: ApiAudit) -> str:
    """Return the whole report."""
    sections = [_header(audit), _applications(audit.verdicts), _changes(audit), _ending(audit)]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _header(audit: ApiAudit) -> list[str]:
    day = audit.log_date
    spent = f"{audit.counted_calls:,} calls counted"
    if audit.max_calls:
        share = 100 * audit.counted_calls / audit.max_calls
        spent = f"{audit.counted_calls:,} of {audit.max_calls:,} calls, {share:.1f} %"
    if audit.usual_calls is not None:
        spent += f"; the days before let expect {audit.usual_calls:,}"
    lines = [
        f"Salesforce API calls of {_WEEKDAYS[day.weekday()]} {day} (UTC),"
        f" {_count(audit.days_of_logs, 'day')} of logs",
        "",
        f"  {spent}",
    ]
    if audit.next_calls is not None:
        weekday = _WEEKDAYS[audit.next_date.weekday()]
        lines.append(f"  {audit.next_calls:,} by forecast on {weekday} {audit.next_date}")
    if audit.full_days:
        lines.append(
            f"  {_count(audit.full_days, 'day')} of {audit.days_of_logs} reached the limit"
        )
    if audit.storms.days:
        lines.append(
            f"  {_count(audit.storms.days, 'day')} of {audit.days_of_logs} with an error storm,"
            f" the worst on {audit.storms.worst_date} of {audit.storms.worst_calls:,} calls"
        )
    return lines


def _applications(verdicts: Sequence[Verdict]) -> list[str]:
    head = f"  {'Application':<{_NAME_WIDTH}}{'Share':>7}"
    head += "".join(f"{name:>{_width(name)}}" for name, _ in _COLUMNS) + "  Verdict"
    lines = [head, "  " + "─" * (WIDTH - 2)]
    for verdict in verdicts:
        name = verdict.application
        if len(name) >= _NAME_WIDTH:
            name = name[: _NAME_WIDTH - 2] + "…"
        line = f"  {name:<{_NAME_WIDTH}}{100 * verdict.call_share:>5.1f} %"
        line += "".join(
            f"{_number(_value(verdict, column)):>{_width(name)}}" for name, column in _COLUMNS
        )
        told = _VERDICTS.get(verdict.verdict, verdict.verdict)
        lines.append(line + f"  {told}" + ("" if verdict.is_suspected else " *"))
    if not all(verdict.is_suspected for verdict in verdicts):
        lines.append("  * not among the applications that people suspect")
    return lines


def _value(verdict: Verdict, column: str) -> int:
    if column == "polls":
        return verdict.poll_calls + verdict.job_poll_calls
    return int(getattr(verdict, column))


def _width(name: str) -> int:
    return max(len(name), 6) + 1


def _changes(audit: ApiAudit) -> list[str]:
    if not audit.changes:
        return ["No change would have saved calls worth a line."]
    lines = ["What each change would have saved that day"]
    for number, change in enumerate(audit.changes, 1):
        share = f"{100 * change.saved_calls / audit.counted_calls:.1f} %"
        saved = f"{change.saved_calls:,}" if change.saved_calls else "0"
        lines.append(f"  {number:>2}  {_cut(change.title, 76):<76}{saved:>8}{share:>8}")
        lines.append(f"      {_cut(change.estimate, WIDTH - 6)}")
    return lines


def _ending(audit: ApiAudit) -> list[str]:
    if not audit.first:
        return list(_until(audit))
    lines = ["First" if len(audit.first) == 1 else "These two first"]
    lines += [f"  {number}  {change.title}" for number, change in enumerate(audit.first, 1)]
    saved = sum(change.saved_calls for change in audit.first)
    share = 100 * saved / audit.counted_calls
    lines += [f"  {saved:,} calls less, {share:.1f} % of the day", ""]
    return [*lines, *_until(audit)]


def _until(audit: ApiAudit) -> Iterator[str]:
    growth, max_calls = audit.growth, audit.max_calls
    if growth is None:
        yield "How fast the calls grow can't be told from less than two weeks of logs."
        return
    if max_calls is None or audit.suffices is None or audit.suffices_after is None:
        yield "No answer of Salesforce has told the allowance yet: run a night."
        return
    yield f"Until when {max_calls:,} calls a day suffice, on a {_busiest(growth)}"
    yield (
        f"  growth    {growth.calls_a_day:+,.1f} calls a day from day to day, 95 % interval"
        f" {growth.lower:+,.1f} to {growth.upper:+,.1f}, by {growth.days} days"
    )
    yield f"  as it is  {_suffices(audit.suffices)}"
    if audit.first:
        yield f"  after     {_suffices(audit.suffices_after)}{_not_daily(audit.first)}"


def _busiest(growth: Growth) -> str:
    return f"{_WEEKDAYS[growth.busiest_weekday - 1]} of {growth.busiest_calls:,} calls"


def _suffices(sufficiency: Sufficiency) -> str:
    if sufficiency.is_exceeded:
        return "not even now"
    until, earliest, latest = (
        _date(one) for one in (sufficiency.until, sufficiency.earliest, sufficiency.latest)
    )
    if sufficiency.until is None and sufficiency.earliest is None:
        return "for longer than ten years"
    return f"{until}, between {earliest} and {latest}"


def _date(day: date | None) -> str:
    return "later than in ten years" if day is None else day.isoformat()


def _not_daily(changes: Sequence[Change]) -> str:
    left = [change for change in changes if not change.is_every_day]
    return " (a storm is no everyday call: its end isn't taken off)" if left else ""


def _number(value: int) -> str:
    return f"{value:,}" if value else "·"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
