"""Who calls the pretend Salesforce org, and how often: one function a caller.

Belongs here: the callers and the behaviours that cost calls, each of which can be switched off, so
that a test knows what it cost. Doesn't belong here: the columns of the log (api_log.py), the
loopback server, which counts the calls that it really gets.

The org is smaller than a real one: its allowance is a fifth of an Enterprise org's, so that a day's
log has some 18,000 rows. How a call is made and how often a sync looks follow facts that the
vendors publish; how many records people touch is made up.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil

import numpy as np
from numpy.typing import NDArray

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.randomness import salesforce_id, stream

ALLOWANCE = 20_000
"""Calls that the pretend org allows in 24 hours."""

CYCLE_SECONDS = 300
CYCLES = calendar.DAY_SECONDS // CYCLE_SECONDS
PULLED_AT_ONCE = 200
PULLED_A_CYCLE = 833
"""Marketo Engage's sync takes about 10,000 records an hour and object."""

_GROWTH_A_DAY = 0.0015
_WEEKEND = 5
Seconds = NDArray[np.int64]


class Behaviour(StrEnum):
    """What costs calls without need; each may be switched off."""

    UNUSED_OBJECT = "unused_object"
    RECALCULATED_FIELD = "recalculated_field"
    LEAD_BY_LEAD = "lead_by_lead"
    POLLER = "poller"
    JOB_POLLS = "job_polls"
    REWRITES = "rewrites"
    ERROR_STORM = "error_storm"
    PUSH = "push"


@dataclass(frozen=True)
class Caller:
    """Name one caller as the log shows it; clients that give themselves no name have none."""

    user_id: str
    user_name: str
    ip: str
    connected_app: str = ""
    connected_app_id: str = ""
    client: str = ""


@dataclass(frozen=True)
class Kind:
    """Describe one kind of call; all calls of a kind differ in their moment alone."""

    caller: Caller
    family: str
    method: str
    resource: str
    object: str
    status: int = 200


@dataclass
class Calls:
    """Collect calls as seconds of the day by kind.

    `touched` counts records by object and sync cycle whose change the sync will pull.
    """

    kinds: dict[Kind, int] = field(default_factory=dict)
    seconds: list[Seconds] = field(default_factory=list)
    numbers: list[Seconds] = field(default_factory=list)
    touched: dict[str, Seconds] = field(default_factory=dict)

    def add(self, kind: Kind, seconds: Seconds | list[int]) -> None:
        """Note calls of one kind."""
        at = np.asarray(seconds, dtype=np.int64)
        number = self.kinds.setdefault(kind, len(self.kinds))
        self.seconds.append(at)
        self.numbers.append(np.full(len(at), number, dtype=np.int64))

    def touch(self, object_name: str, seconds: Seconds | list[int], records: int = 1) -> None:
        """Note that so many records changed at each of the moments."""
        counts = np.bincount(np.asarray(seconds) // CYCLE_SECONDS, minlength=CYCLES)
        known = self.touched.setdefault(object_name, np.zeros(CYCLES, dtype=np.int64))
        known += counts * records


MARKETO = Caller(
    "0055g000001AAAB", "marketo.sync@example.com", "192.28.144.10", "Marketo Engage Sync",
    "0H45g000000AAAB",
)  # fmt: skip
INSIGHT = Caller(
    "0055g000001AAAC", "insight.bi@example.com", "203.0.113.20", "Insight BI Extract",
    "0H45g000000AAAC",
)  # fmt: skip
SCRIPT = Caller("0055g000001AAAD", "crm.script@example.com", "198.51.100.7")
LOAN_DESK = Caller(
    "0055g000001AAAE", "loan.desk@example.com", "198.51.100.40", "Loan Desk Sync",
    "0H45g000000AAAE",
)  # fmt: skip
NOTIFIER = Caller(
    "0055g000001AAAF", "notifier@example.com", "198.51.100.66", "Branch Notifier",
    "0H45g000000AAAF",
)  # fmt: skip
LOADER = Caller(
    "0055g000001AAAG", "pat.doyle@example.com", "203.0.113.99", "Dataloader Bulk",
    "0H45g000000AAAG", "DataLoaderPartnerUI/64.0.2",
)  # fmt: skip
TOUCHPROOF = Caller(
    "0055g000001AAAH", "touchproof@example.com", "203.0.113.5", "touchproof",
    "0H45g000000AAAH", "touchproof",
)  # fmt: skip

_CHECKS = {
    "Lead": ("getUpdated", "getDeleted", "query"),
    "Contact": ("getUpdated", "getDeleted", "query"),
    "Account": ("getUpdated", "getDeleted", "query"),
    "Opportunity": ("getUpdated", "getDeleted", "query"),
    "OpportunityContactRole": ("getUpdated", "query"),
    "Campaign": ("getUpdated", "query"),
    "CampaignMember": ("getUpdated", "getDeleted", "query"),
    "Task": ("getUpdated", "query"),
    "User": ("query",),
    "Partner_Quote__c": ("getUpdated", "getDeleted", "query"),
}
"""25 checks in every cycle of 5 minutes, whether anything changed or not."""

_UNUSED = "Partner_Quote__c"
_EDITED_A_DAY = {
    "Lead": 700, "Contact": 400, "Account": 90, "Opportunity": 160, "OpportunityContactRole": 40,
    "Campaign": 6, "CampaignMember": 350, "Task": 300, "User": 3,
}  # fmt: skip
_ANALYSED = tuple(name for name in _CHECKS if name != _UNUSED)


def calls_of_day(seed: int, day: int, without: AbstractSet[Behaviour] = frozenset()) -> Calls:
    """Return all calls of a day; they depend on seed and day alone.

    Args:
        seed: The world's seed.
        day: Day index.
        without: Behaviours that are switched off; the others' calls don't change by that.
    """
    calls = Calls()
    _people(calls, seed, day)
    _lead_by_lead(calls, seed, day, is_batched=Behaviour.LEAD_BY_LEAD in without)
    _insight(calls, seed, day, is_patient=Behaviour.JOB_POLLS in without)
    _script(calls, 300 if Behaviour.POLLER in without else 30)
    _loan_desk(calls, seed, day, rewrites=Behaviour.REWRITES not in without)
    _notifier(calls, seed, day, storms=Behaviour.ERROR_STORM not in without)
    _loader(calls, seed, day)
    _touchproof(calls, seed, day, pushes=Behaviour.PUSH not in without)
    if Behaviour.RECALCULATED_FIELD not in without:
        # A field that counts days changes on thousands of records each night, inside the org.
        calls.touch("Contact", [6 * 3600 + 40], _grown(8_200, day))
    _marketo(calls, seed, day, skips=_UNUSED if Behaviour.UNUSED_OBJECT in without else None)
    return calls


def _grown(number: float, day: int) -> int:
    return round(number * (1 + _GROWTH_A_DAY * day))


def _is_weekend(day: int) -> bool:
    return calendar.date_of(day).weekday() >= _WEEKEND


def _people(calls: Calls, seed: int, day: int) -> None:
    """Let people edit records in the browser, which costs no call but is pulled."""
    rng = stream(seed, "api-people", day)
    for name, number in _EDITED_A_DAY.items():
        edits = int(rng.poisson(number * (0.3 if _is_weekend(day) else 1.0)))
        calls.touch(name, calendar.second_of_day(rng, edits))


def _marketo(calls: Calls, seed: int, day: int, *, skips: str | None) -> None:
    """Check every object in every cycle; pull what was touched, 200 records a call."""
    rng = stream(seed, "api-marketo", day)
    starts = np.arange(CYCLES, dtype=np.int64) * CYCLE_SECONDS
    for name, operations in _CHECKS.items():
        for operation in operations:
            at = starts + rng.integers(0, 60, CYCLES)
            if name != skips:
                calls.add(Kind(MARKETO, "SOAP", "POST", operation, name), at)
        pulls = _pulls(calls.touched.get(name, np.zeros(CYCLES, dtype=np.int64)))
        at = np.repeat(starts, pulls) + 60 + np.arange(int(pulls.sum())) % 200
        calls.add(Kind(MARKETO, "SOAP", "POST", "retrieve", name), at)


def _pulls(touched: Seconds) -> Seconds:
    """Return the pulls of each cycle; what a cycle doesn't manage waits for the next one."""
    pulls, waiting = [], 0
    for records in touched.tolist():
        waiting += records
        now = min(waiting, PULLED_A_CYCLE)
        pulls.append(ceil(now / PULLED_AT_ONCE))
        waiting -= now
    return np.array(pulls, dtype=np.int64)


def _lead_by_lead(calls: Calls, seed: int, day: int, *, is_batched: bool) -> None:
    """Let a trigger campaign write each lead by itself, or one batch a cycle."""
    rng = stream(seed, "api-lead-by-lead", day)
    number = int(rng.poisson(_grown(2_300, day) * (0.55 if _is_weekend(day) else 1.0)))
    at = calendar.second_of_day(rng, number)
    if is_batched:
        leads = np.bincount(at // CYCLE_SECONDS, minlength=CYCLES)
        batches = -(-leads // PULLED_AT_ONCE)
        at = np.repeat(np.arange(CYCLES) * CYCLE_SECONDS + 290, batches)
    calls.add(Kind(MARKETO, "SOAP", "POST", "update", "Lead"), at)


def _insight(calls: Calls, seed: int, day: int, *, is_patient: bool) -> None:
    """Extract nine objects every four hours; poll each job every 5 s, or ever more rarely."""
    rng = stream(seed, "api-insight", day)
    for run in range(6):
        for place, name in enumerate(_ANALYSED):
            start = run * 4 * 3600 + 600 + place * 240
            seconds = int(rng.integers(_grown(90, day), _grown(180, day)))
            job = f"/services/data/v64.0/jobs/query/{salesforce_id('750', day * 60 + run * 9)}"
            calls.add(
                Kind(INSIGHT, "REST", "POST", "/services/data/v64.0/jobs/query", name), [start]
            )
            calls.add(
                Kind(INSIGHT, "REST", "GET", job, name),
                start + _polls(seconds, is_patient=is_patient),
            )
            pages = [start + seconds + 1 + page for page in range(int(rng.integers(1, 4)))]
            calls.add(Kind(INSIGHT, "REST", "GET", f"{job}/results", name), pages)


def _polls(seconds: int, *, is_patient: bool) -> Seconds:
    """Return when a job of so many seconds is polled, from its creation on."""
    if not is_patient:
        return np.arange(5, seconds + 5, 5, dtype=np.int64)
    at: list[float] = []
    wait = 0.5
    while not at or at[-1] < seconds:
        at.append((at[-1] if at else 0.0) + wait)
        wait = min(wait * 2, 30.0)
    return np.array(at, dtype=np.int64)


def _script(calls: Calls, every: int) -> None:
    """Ask for new leads all day long, by a script that nobody remembers."""
    kind = Kind(SCRIPT, "REST", "GET", "/services/data/v41.0/query", "Lead")
    calls.add(kind, np.arange(7, calendar.DAY_SECONDS, every, dtype=np.int64))


def _loan_desk(calls: Calls, seed: int, day: int, *, rewrites: bool) -> None:
    """Write the same contacts every quarter of an hour, though each changes once a day."""
    rng = stream(seed, "api-loan-desk", day)
    records = [salesforce_id("003", int(n)) for n in rng.integers(1, 10**6, _grown(27, day))]
    records = list(dict.fromkeys(records))
    for place, record in enumerate(records):
        path = f"/services/data/v58.0/sobjects/Contact/{record}"
        quarters = range(96) if rewrites else [place * 7 % 96]
        at = [quarter * 900 + 305 + place for quarter in quarters]
        calls.add(Kind(LOAN_DESK, "REST", "PATCH", path, "Contact"), at)
        calls.touch("Contact", at)


def _notifier(calls: Calls, seed: int, day: int, *, storms: bool) -> None:
    """Look single leads up; on some days go on with an expired session for an hour or two."""
    rng = stream(seed, "api-notifier", day)
    number = int(rng.poisson(240 * (0.3 if _is_weekend(day) else 1.0)))
    at = calendar.second_of_day(rng, number)
    leads = rng.integers(1, 40, number)
    is_stormy, start = rng.random() < 0.2, int(rng.integers(12, 19)) * 3600 + 300
    minutes = int(rng.integers(60, 105))
    for lead in range(1, 40):
        path = f"/services/data/v60.0/sobjects/Lead/{salesforce_id('00Q', lead)}"
        calls.add(Kind(NOTIFIER, "REST", "GET", path, "Lead"), at[leads == lead])
    if is_stormy and storms:
        path = f"/services/data/v60.0/sobjects/Lead/{salesforce_id('00Q', 40)}"
        refused = Kind(NOTIFIER, "REST", "GET", path, "Lead", 401)
        calls.add(refused, np.arange(start, start + minutes * 60, 3, dtype=np.int64))


def _loader(calls: Calls, seed: int, day: int) -> None:
    """Load a list or two on working days, 200 records a call."""
    rng = stream(seed, "api-loader", day)
    loads = 0 if _is_weekend(day) else int(rng.integers(0, 3))
    for load in range(loads):
        start = (14 + 5 * load) * 3600 + int(rng.integers(0, 1800))
        batches = int(rng.integers(4, 12))
        at = [start + 9 * batch for batch in range(batches)]
        calls.add(Kind(LOADER, "SOAP", "POST", "upsert", "Lead"), at)
        calls.touch("Lead", at, PULLED_AT_ONCE)


def _touchproof(calls: Calls, seed: int, day: int, *, pushes: bool) -> None:
    """Read six objects and the log, push three objects: what a night of ours costs."""
    rng = stream(seed, "api-touchproof", day)
    start, base = 2 * 3600, "/services/data/v64.0"
    rest = Kind(TOUCHPROOF, "REST", "GET", "", "")
    objects = ("Lead", "Contact", "Account", "Opportunity", "Campaign", "CampaignMember")
    for place, name in enumerate(objects):
        job = f"{base}/jobs/query/{salesforce_id('750', 500_000 + day * 20 + place)}"
        kind = replace(rest, object=name)
        calls.add(replace(kind, method="POST", resource=f"{base}/jobs/query"), [start + place * 9])
        calls.add(replace(kind, resource=job), [start + place * 9 + 2, start + place * 9 + 4])
        calls.add(replace(kind, resource=f"{job}/results"), [start + place * 9 + 5])
    log = replace(rest, object="EventLogFile")
    calls.add(replace(log, resource=f"{base}/query"), [start + 60])
    calls.add(replace(log, resource=f"{base}/sobjects/EventLogFile/0AT/LogFile"), [start + 61])
    calls.add(replace(rest, resource=f"{base}/limits"), [start + 1500])
    calls.add(replace(rest, resource=f"{base}/jobs/ingest"), [start + 1501])
    records = {"Lead": int(rng.poisson(2_600)), "Contact": int(rng.poisson(500)), "Campaign": 20}
    for place, (name, number) in enumerate(records.items()):
        if not pushes:
            continue
        at = start + 1510 + place * 60
        job = f"{base}/jobs/ingest/{salesforce_id('750', 700_000 + day * 20 + place)}"
        kind = replace(rest, object=name)
        calls.add(replace(kind, method="POST", resource=f"{base}/jobs/ingest"), [at])
        calls.add(replace(kind, method="PUT", resource=f"{job}/batches"), [at + 1])
        calls.add(replace(kind, method="PATCH", resource=job), [at + 2])
        calls.add(replace(kind, resource=job), [at + 4, at + 8])
        results = ("successfulResults", "failedResults", "unprocessedrecords")
        for turn, result in enumerate(results):
            calls.add(replace(kind, resource=f"{job}/{result}"), [at + 10 + turn])
        calls.touch(name, [at + 5], number)
