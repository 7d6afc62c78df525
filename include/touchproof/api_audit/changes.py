"""What a day's calls would have been under each possible change: pure replay of the day's log.

Belongs here: the changes, how the calls that each would save are estimated, and the sentence that
says so with its numbers. Doesn't belong here: what a call is (dbt), reading the published file
(audit.py), layout (report_text.py).

A log knows objects and no fields, records and no values, and no records of a SOAP call, which is
taken for the write of a single one. Where else it can't tell, nothing is saved. Refused calls
belong to error storms alone, and a write is either a repeat or not, so that no call is saved by two
changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from touchproof.api_audit.logged_day import HOURS_A_DAY, LoggedDay, UsageRow

_Row = TypeVar("_Row")
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Assumptions:
    """Say what a change leaves over.

    Args:
        batch_records: Records that one call of Collections writes, or a sync pulls.
        cycles_an_hour: How often a sync writes its batches: Marketo Engage's 288 cycles a day.
        polls_an_hour: How often a poller asks when it asks every 5 minutes.
        polls_a_job: Looks at a job of two or three minutes by waits that double up to 30 s.
        min_days: Days of logs that an object must be unused on.
        min_sync_objects: From so many polled objects on an application is a sync, whose cycle
            isn't ours to set.
        min_saved: Fewer calls a day aren't worth a line.
    """

    batch_records: int = 200
    cycles_an_hour: int = 12
    polls_an_hour: int = 12
    polls_a_job: int = 10
    min_days: int = 14
    min_sync_objects: int = 3
    min_saved: int = 10


@dataclass(frozen=True)
class Change:
    """Describe one change.

    Args:
        kind: Its name.
        application: Whose calls it saves.
        title: What to do.
        saved_calls: Counting calls that the day would have had less.
        estimate: How that was estimated, with the numbers.
        is_every_day: Whether it saves as much on other days; a storm is none of every day.
    """

    kind: str
    application: str
    title: str
    saved_calls: int
    estimate: str
    is_every_day: bool = True


def possible_changes(day: LoggedDay, assumptions: Assumptions | None = None) -> tuple[Change, ...]:
    """Return every change that would save calls worth a line, the largest first.

    Moving our pushes to quieter hours saves none and comes last.
    """
    given = assumptions or Assumptions()
    answered = [row for row in day.usage if row.status_code < 400]
    found = [
        *_hide_objects(day, answered, given),
        *_poll_less(answered, given),
        *_wait_for_jobs(answered, given),
        *_write_in_batches(answered, given),
        *_stop_rewrites(answered, given),
        *_end_storms(day),
        *_explain_spikes(day),
    ]
    worth = [change for change in found if change.saved_calls >= given.min_saved]
    worth.sort(key=lambda change: (-change.saved_calls, change.kind, change.application))
    return (*worth, *_move_pushes(day))


def first_two(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the two changes that save most."""
    return tuple(change for change in changes if change.saved_calls)[:2]


def _hide_objects(day: LoggedDay, answered: Sequence[UsageRow], given: Assumptions) -> list[Change]:
    """A sync polls no object that its user can't see."""
    if day.days_of_logs < given.min_days:
        return []
    polls = [row for row in answered if (row.application, row.object_name) in day.unused]
    found = []
    for application, rows in _by(polls, lambda row: row.application):
        objects = sorted({row.object_name for row in rows if row.call_kind == "poll"})
        saved = _calls(row for row in rows if row.call_kind == "poll")
        found.append(
            Change(
                "hide_objects",
                application,
                f"Hide {_listed(objects)} from the user of {application}",
                saved,
                f"{saved:,} polls of what it never pulled and nobody else touched"
                f" in {day.days_of_logs} days",
            )
        )
    return found


def _poll_less(answered: Sequence[UsageRow], given: Assumptions) -> list[Change]:
    """A poller that isn't a sync may ask every 5 minutes."""
    polls = [row for row in answered if row.call_kind == "poll"]
    found = []
    for application, rows in _by(polls, lambda row: row.application):
        if len({row.object_name for row in rows}) >= given.min_sync_objects:
            continue
        hours: Counter[tuple[int, str, str]] = Counter()
        for row in rows:
            hours[row.hour_of_day, row.object_name, row.api_resource] += row.counted_calls
        before = hours.total()
        after = sum(min(calls, given.polls_an_hour) for calls in hours.values())
        objects = _listed(sorted({row.object_name for row in rows}))
        minutes = 60 // given.polls_an_hour
        found.append(
            Change(
                "poll_less",
                application,
                f"Let {application} ask for {objects} every {minutes} minutes",
                before - after,
                f"{before:,} polls − {after:,} at {given.polls_an_hour} an hour;"
                f" change events instead would save all {before:,}",
            )
        )
    return found


def _wait_for_jobs(answered: Sequence[UsageRow], given: Assumptions) -> list[Change]:
    """A job that is looked at ever more rarely costs about ten looks."""
    found = []
    for application, rows in _by(answered, lambda row: row.application):
        polls = _calls(row for row in rows if row.call_kind == "job_poll")
        jobs = _calls(
            row
            for row in rows
            if row.http_method == "POST" and row.api_resource in {"jobs/query", "jobs/ingest"}
        )
        if not jobs:
            continue
        found.append(
            Change(
                "wait_for_jobs",
                application,
                f"Let {application} wait longer from look to look at its jobs",
                polls - jobs * given.polls_a_job,
                f"{polls:,} looks at {jobs:,} jobs − {given.polls_a_job} a job,"
                " by waits that double from 0.5 to 30 s",
            )
        )
    return found


def _write_in_batches(answered: Sequence[UsageRow], given: Assumptions) -> list[Change]:
    """What is written record by record fits one call of 200 a cycle."""
    found = []
    writes = [row for row in answered if row.call_kind == "record_write"]
    for application, rows in _by(writes, lambda row: row.application):
        hours: Counter[tuple[int, str]] = Counter()
        for row in rows:
            hours[row.hour_of_day, row.object_name] += row.counted_calls - row.repeated_writes
        before = hours.total()
        after = sum(
            max(min(calls, given.cycles_an_hour), ceil(calls / given.batch_records))
            for calls in hours.values()
        )
        objects = _listed(sorted({row.object_name for row in rows}))
        found.append(
            Change(
                "write_in_batches",
                application,
                f"Let {application} write {objects} in batches of {given.batch_records}",
                before - after,
                f"{before:,} single writes − {after:,} batches, at most"
                f" {given.cycles_an_hour} an hour while they hold {given.batch_records} each",
            )
        )
    return found


def _stop_rewrites(answered: Sequence[UsageRow], given: Assumptions) -> list[Change]:
    """A record is written once a day; each further write is pulled again by every sync.

    Whether a further write changed anything isn't in the log.
    """
    pullers = {(row.object_name, row.application) for row in answered if row.call_kind == "pull"}
    found = []
    writes = [row for row in answered if row.call_kind == "record_write"]
    for application, rows in _by(writes, lambda row: row.application):
        re_pulls = 0
        for object_name, some in _by(rows, lambda row: row.object_name):
            again = sum(row.repeated_writes for row in some)
            syncs = sum(what == object_name and who != application for what, who in pullers)
            re_pulls += syncs * round(again / given.batch_records)
        before, repeats = _calls(rows), sum(row.repeated_writes for row in rows)
        objects = _listed(sorted({row.object_name for row in rows if row.repeated_writes}))
        found.append(
            Change(
                "stop_rewrites",
                application,
                f"Let {application} write a {objects} once, not again the same day",
                repeats + re_pulls,
                f"{before:,} writes of {before - repeats:,} records: {repeats:,} repeats,"
                f" + {repeats:,} ÷ {given.batch_records} = {re_pulls:,} pulls of them",
            )
        )
    return found


def _end_storms(day: LoggedDay) -> list[Change]:
    """A client that stops at a refusal makes no storm.

    Where the allowance is spent (403) it only asks too often beyond its usual calls.
    """
    found = []
    for application, storms in _by(day.storms, lambda storm: storm.application):
        refused = sum(storm.counted_error_calls for storm in storms)
        hours = sum(storm.storm_hours for storm in storms)
        starved = sum(storm.storm_hours for storm in storms if storm.main_status_code == 403)
        calls = _calls(row for row in day.usage if row.application == application)
        usual = round(starved * max(calls - refused, 0) / max(HOURS_A_DAY - hours, 1))
        codes = _listed([str(code) for code in sorted({s.main_status_code for s in storms})])
        begun = _listed([f"{storm.started_hour:02d}:00" for storm in storms])
        estimate = f"{refused:,} refused calls in a storm from {begun} UTC on"
        if usual:
            estimate += f" − {usual:,} as in its other hours"
        found.append(
            Change(
                "end_error_storm",
                application,
                f"Let {application} log in anew or stop when it is refused ({codes})",
                refused - usual,
                estimate,
                is_every_day=False,
            )
        )
    return found


def _explain_spikes(day: LoggedDay) -> list[Change]:
    """Records that change inside the org, or by our push, are pulled though nobody needs them."""
    found = []
    kinds = {
        "inside_the_org": ("hide_recalculated_fields", _recalculated_title),
        "our_push": ("shield_pushes", _shielded_title),
    }
    for (application, cause), spikes in _by(day.spikes, lambda s: (s.application, s.cause)):
        if cause not in kinds:
            continue
        kind, title = kinds[cause]
        saved = sum(spike.excess_calls for spike in spikes)
        pulls = sum(spike.pull_calls for spike in spikes)
        hours = _listed(sorted({f"{spike.hour_of_day:02d}:00" for spike in spikes}))
        objects = _listed(sorted({spike.object_name for spike in spikes}))
        found.append(
            Change(
                kind,
                application,
                title(objects, application),
                saved,
                f"{pulls:,} pulls at {hours} UTC − {pulls - saved:,} as in the hours around",
            )
        )
    return found


def _recalculated_title(objects: str, application: str) -> str:
    return f"Find what changes {objects} inside the org, and hide it from {application}"


def _shielded_title(objects: str, application: str) -> str:
    return f"Keep what we push to {objects} on an object that {application} doesn't see"


def _move_pushes(day: LoggedDay) -> list[Change]:
    """Pushes in the day's busier hours compete with others; moving them saves no call."""
    by_hour: Counter[int] = Counter()
    ours: Counter[int] = Counter()
    for row in day.usage:
        by_hour[row.hour_of_day] += row.counted_calls
        if row.application == day.our_application and row.call_kind == "batch_write":
            ours[row.hour_of_day] += row.counted_calls
    usual = by_hour.total() / HOURS_A_DAY
    busy = sorted(hour for hour in ours if by_hour[hour] - ours[hour] > usual)
    if not busy:
        return []
    quietest = min(range(HOURS_A_DAY), key=lambda hour: (by_hour[hour], hour))
    moved = sum(ours[hour] for hour in busy)
    return [
        Change(
            "move_pushes",
            day.our_application,
            f"Push at {quietest:02d}:00 UTC, the day's quietest hour",
            0,
            f"moves {moved:,} calls out of hours with more than {usual:,.0f} calls; saves none",
        )
    ]


def _by(rows: Iterable[_Row], key: Callable[[_Row], _Key]) -> list[tuple[_Key, list[_Row]]]:
    """Group rows by a key, the keys in order."""
    groups: dict[_Key, list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return sorted(groups.items(), key=lambda item: str(item[0]))


def _calls(rows: Iterable[UsageRow]) -> int:
    return sum(row.counted_calls for row in rows)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
