"""The fault table of the lane of new leads: whatever fails, the next ticks make it true.

Each case plans a fault, ticks, and compares how the ticks ended with what the case says. Then the
fault stops and the lane ticks until nothing is left; only what is a dead letter then goes with a
night. What must hold is said once, in `LaneDay.require_truth`. `make test` has a sample.

A tick of this day makes five calls: the opt-outs of contacts and of leads, a query for the contact
of a lead that was converted, the opt-out of that contact, and the new leads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from killed_processes import killed_server
from lane_day import LaneDay

from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.faults import Calls

step = Calls.step
FOR_EVER = None
TIMES_TRIED = 5
BASE = "/services/data/v64.0"
IMPATIENT = (1.0, 0.15)
SOAP_FAULT = (
    '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:sf="urn:fault.partner.soap.sforce.com"><e:Body><sf:exceptionCode>INVALID_LOGIN'
    "</sf:exceptionCode><sf:exceptionMessage>no</sf:exceptionMessage></e:Body></e:Envelope>"
)
Fault = Callable[[Control, Calls], Any]


@dataclass(frozen=True)
class Case:
    """Name one fault and what the ticks under it say.

    Args:
        name: What goes wrong.
        plant: Plans it.
        ends: How each tick under the fault ends: `ok`, `waiting` (some leads wait), `failed`, or
            `stopped` before anything was sent.
        letters: Dead letters open then.
        timeouts: The client's, where it must not wait.
        around: What else goes on during these ticks.
        meanwhile: What happens after a tick, by its number from 1; 0 is before the first.
    """

    name: str
    plant: Callable[[Control], Any]
    ends: tuple[str, ...] = ("ok",)
    letters: int = 0
    timeouts: tuple[float, float] | None = None
    around: Callable[[LaneDay], AbstractContextManager[None]] = lambda _: nullcontext()
    meanwhile: Mapping[int, Callable[[LaneDay], Any]] = field(default_factory=dict)

    def happen(self, day: LaneDay, number: int) -> None:
        """Let happen what does after so many ticks."""
        if number in self.meanwhile:
            self.meanwhile[number](day)


NEW_PATH = "Lead/Touchproof_Key__c"
KEY = "Touchproof_Key__c"


def write(path: str, *, after: int = 0, times: int | None = 1) -> Calls:
    """Name Collections calls by what follows `composite/sobjects/`."""
    return Calls(method="PATCH", path=f"composite/sobjects/{path}", after=after, times=times)


CONTACTS, OPT_OUTS = write("Contact/Id"), write("Lead/Id")
ROUTED = write("Contact/Id", after=1)
NEW = write(NEW_PATH)
CONVERTED = step("query all")
ARRIVED = step("query")


def again(calls: Calls, times: int | None) -> Calls:
    """Name more of the same calls."""
    return replace(calls, times=times)


def several(*plants: Callable[[Control], Any]) -> Callable[[Control], None]:
    def plant(control: Control) -> None:
        for one in plants:
            one(control)

    return plant


def leave(day: LaneDay) -> None:
    """Let somebody withdraw consent whose lead may have been made."""
    day.say("new0", "opted_out")
    day.land()


def convert(day: LaneDay) -> None:
    """Let the CRM's people convert a lead of which we haven't heard that it was made."""
    (lead,) = day.leads()["app:new0"]
    contact = day.make("Contact", LastName="New")
    day.crm.change("Lead", str(lead["Id"]), IsConverted="true", ConvertedContactId=contact)
    day.people["new0"].contact = ("Contact", contact)


def duplicate(day: LaneDay) -> None:
    """Let the org have somebody already, as a lead without our key."""
    record = day.make("Lead", LastName="Lee", Company="None", Email="new0@example.test")
    day.people["new0"].record = ("Lead", record)


LOGIN = [
    Case("login: 503 twice", lambda c: c.answer_html(step("soap login", times=2), 503)),
    Case("login: unreadable", lambda c: c.answer_unreadable(step("soap login"), body="<?xml")),
    Case("login: empty", lambda c: c.answer_empty(step("soap login"))),
    Case("login: cut before", lambda c: c.cut(step("soap login"), "before")),
    Case("login: answer lost", lambda c: c.cut(step("soap login"), "after")),
    Case(
        "login: slower than we wait", lambda c: c.slow(step("soap login"), 0.3), timeouts=IMPATIENT
    ),
    Case(
        "login: refused",
        lambda c: c.answer_unreadable(step("soap login"), 500, SOAP_FAULT, is_worked=False),
        ("stopped",),
    ),
    Case(
        "login: down for long",
        lambda c: c.answer_html(step("soap login", times=TIMES_TRIED), 502),
        ("stopped",),
    ),
    Case(
        "login: refused in mid-tick",
        several(
            lambda c: c.expire_sessions_at(OPT_OUTS),
            lambda c: c.answer_unreadable(
                step("soap login", after=1), 500, SOAP_FAULT, is_worked=False
            ),
        ),
        ("failed",),
    ),
]
# Faults of one call that changes something, and how the tick ends.
WRITES: list[tuple[str, Fault, str]] = [
    ("503", lambda c, calls: c.answer_html(calls, 503), "failed"),
    ("503 after the work", lambda c, calls: c.answer_html(calls, 503, is_worked=True), "failed"),
    ("429", lambda c, calls: c.answer_html(calls, 429), "ok"),
    ("429 for long", lambda c, calls: c.answer_html(again(calls, TIMES_TRIED), 429), "failed"),
    ("406", lambda c, calls: c.answer_html(calls, 406), "ok"),
    ("cut before", lambda c, calls: c.cut(calls, "before"), "failed"),
    ("cut in request", lambda c, calls: c.cut(calls, "in_request"), "failed"),
    ("answer lost", lambda c, calls: c.cut(calls, "after"), "failed"),
    ("cut in the answer", lambda c, calls: c.cut(calls, "in_answer"), "failed"),
    ("length too long", lambda c, calls: c.wrong_length(calls, 9), "failed"),
    ("broken chunks", lambda c, calls: c.broken_chunks(calls), "failed"),
    ("unreadable", lambda c, calls: c.answer_unreadable(calls), "failed"),
    (
        "answer without some records",
        lambda c, calls: c.answer_unreadable(calls, body="[]"),
        "failed",
    ),
    (
        "JSON of another shape",
        lambda c, calls: c.answer_unreadable(calls, body='{"id": 1}'),
        "failed",
    ),
    ("empty", lambda c, calls: c.answer_empty(calls), "failed"),
    ("session expired", lambda c, calls: c.expire_sessions_at(calls), "ok"),
    ("refused", lambda c, calls: c.answer_error(calls, 400, "INVALID_FIELD"), "failed"),
    ("disabled", lambda c, calls: c.answer_error(calls, 403, "API_DISABLED"), "failed"),
]
LETTERS = {
    "503": 1,
    "429 for long": 1,
    "cut before": 1,
    "cut in request": 1,
    "refused": 2,
    "disabled": 1,
}
"""Dead letters while a routed opt-out hasn't arrived: its lead's, and its own if it was refused."""
WRITING = [
    Case(
        f"{name}: {what}",
        partial(plant, calls=calls),
        (end,),
        letters,
    )
    for name, calls in [("opt-outs", OPT_OUTS), ("routed opt-out", ROUTED), ("new leads", NEW)]
    for what, plant, end in WRITES
    for letters in [LETTERS.get(what, 0) if calls is ROUTED else 0]
]
SLOW = [
    Case(
        f"{name}: slower than we wait",
        partial(lambda c, calls: c.slow(calls, 0.3), calls=calls),
        ("failed",),
        timeouts=IMPATIENT,
    )
    for name, calls in [("opt-outs", OPT_OUTS), ("routed opt-out", ROUTED), ("new leads", NEW)]
]
SEQUENCES = [
    Case(
        "opt-outs: server down, then up again",
        lambda c: None,
        around=partial(
            killed_server,
            what=f"receive PATCH {BASE}/composite/sobjects/Contact/Id",
            at="after",
        ),
    ),
    Case(
        "new leads: server killed as they come",
        lambda c: None,
        ("failed",),
        around=partial(
            killed_server,
            what=f"send PATCH {BASE}/composite/sobjects/Lead/Touchproof_Key__c",
            at="before",
        ),
    ),
    Case("new leads: allowance spent", lambda c: c.spend_allowance(NEW), ("waiting",)),
    Case("opt-outs: allowance spent", lambda c: c.spend_allowance(OPT_OUTS), ("failed",)),
    Case("routed opt-out: allowance spent", lambda c: c.spend_allowance(ROUTED), ("failed",), 1),
    Case(
        "opt-outs: answer lost, then the allowance is spent",
        several(
            lambda c: c.cut(OPT_OUTS, "after"),
            lambda c: c.spend_allowance(Calls(kind="collections", after=2, times=2)),
        ),
        ("failed", "failed", "failed"),
    ),
    Case(
        "new leads: answer lost, then the allowance is spent",
        several(
            lambda c: c.cut(NEW, "after"),
            lambda c: c.spend_allowance(write(NEW_PATH, after=1)),
        ),
        ("failed", "waiting"),
    ),
    Case("new leads: all answers lost", lambda c: c.cut(again(NEW, 3), "after"), ("failed",) * 3),
    Case(
        "new leads: answer lost, then refused",
        several(
            lambda c: c.cut(NEW, "after"),
            lambda c: c.answer_error(write(NEW_PATH, after=1), 400, "INVALID_FIELD"),
        ),
        ("failed", "failed"),
        meanwhile={2: leave},
    ),
    Case(
        "new leads: never arrived, then refused",
        several(
            lambda c: c.cut(NEW, "before"),
            lambda c: c.answer_error(write(NEW_PATH, after=1), 400, "INVALID_FIELD"),
        ),
        ("failed", "failed"),
        meanwhile={2: leave},
    ),
    Case(
        "new leads: answer lost, then refused, and the look for them too",
        several(
            lambda c: c.cut(NEW, "after"),
            lambda c: c.answer_error(write(NEW_PATH, after=1), 400, "INVALID_FIELD"),
            lambda c: c.answer_error(ARRIVED, 400, "INVALID_FIELD"),
        ),
        ("failed", "failed"),
        meanwhile={2: leave},
    ),
    Case(
        "new leads: answer lost, then converted",
        lambda c: c.cut(NEW, "after"),
        ("failed", "ok"),
        meanwhile={1: convert},
    ),
]
# Faults of one query, and how the tick ends.
READS: list[tuple[str, Fault, str]] = [
    ("503", lambda c, calls: c.answer_html(calls, 503), "ok"),
    ("down for long", lambda c, calls: c.answer_html(again(calls, TIMES_TRIED), 500), "failed"),
    ("unreadable", lambda c, calls: c.answer_unreadable(calls), "ok"),
    ("JSON of another shape", lambda c, calls: c.answer_unreadable(calls, body="[]"), "ok"),
    (
        "records without their fields",
        lambda c, calls: c.answer_unreadable(calls, body='{"done": true, "records": [{}]}'),
        "failed",
    ),
    ("empty", lambda c, calls: c.answer_empty(calls), "ok"),
    ("cut before", lambda c, calls: c.cut(calls, "before"), "ok"),
    ("cut in the answer", lambda c, calls: c.cut(calls, "in_answer"), "ok"),
    ("length too short", lambda c, calls: c.wrong_length(calls, -9), "ok"),
    ("broken chunks", lambda c, calls: c.broken_chunks(calls), "ok"),
    ("session expired", lambda c, calls: c.expire_sessions_at(calls), "ok"),
    ("refused", lambda c, calls: c.answer_error(calls, 400, "INVALID_FIELD"), "failed"),
    ("allowance spent", lambda c, calls: c.spend_allowance(calls), "failed"),
]
CONVERSIONS = [
    Case(
        f"contact of a converted lead: {what}",
        partial(plant, calls=CONVERTED),
        (end,),
        letters=int(what == "refused"),
    )
    for what, plant, end in READS
]
LOOKS = [
    Case(
        f"new leads: {first}, somebody leaves, look for them: {what}",
        several(lose, partial(plant, calls=ARRIVED)),
        ("failed", end),
        meanwhile={1: leave},
    )
    for first, lose in [
        ("answer lost", lambda c: c.cut(NEW, "after")),
        ("cut before", lambda c: c.cut(NEW, "before")),
    ]
    for what, plant, end in READS
]
ROWS = [
    Case(
        "row: new lead locked",
        lambda c: c.refuse("Lead", KEY, "app:new1", "UNABLE_TO_LOCK_ROW", times=1),
        letters=1,
    ),
    Case(
        "row: new lead refused",
        lambda c: c.refuse("Lead", KEY, "app:new1", "STRING_TOO_LONG"),
        ("ok", "ok"),
        letters=1,
    ),
    Case(
        "row: several records with one key",
        lambda c: c.refuse("Lead", KEY, "app:new1", "DUPLICATE_EXTERNAL_ID"),
        letters=1,
    ),
    Case(
        "row: restricted picklist",
        lambda c: c.restrict_picklist("Lead", "Touchproof_Email_Consent__c", ["unknown"]),
        ("failed",),
        letters=6,
    ),
    Case(
        "row: duplicate rule",
        lambda c: c.duplicate_rule("Lead", "Email"),
        meanwhile={0: duplicate, 1: leave},
    ),
    Case(
        "row: opt-out locked",
        lambda c: c.refuse("Lead", "LastName", "lead0", "UNABLE_TO_LOCK_ROW", times=1),
        ("failed", "ok"),
    ),
    Case(
        "row: opt-out refused",
        lambda c: c.refuse("Lead", "LastName", "lead0", "INSUFFICIENT_ACCESS_OR_READONLY"),
        ("failed", "ok"),
        letters=1,
    ),
    Case(
        "row: opt-out of a lead that was deleted",
        lambda c: c.refuse("Lead", "LastName", "lead0", "ENTITY_IS_DELETED"),
        letters=1,
    ),
    Case(
        "row: routed opt-out refused",
        lambda c: c.refuse("Contact", "LastName", "came0", "INSUFFICIENT_ACCESS_OR_READONLY"),
        ("failed",),
        letters=2,
    ),
]
CASES = [*LOGIN, *WRITING, *SLOW, *SEQUENCES, *CONVERSIONS, *LOOKS, *ROWS]

SAMPLE = {
    "login: 503 twice",
    "login: refused in mid-tick",
    "opt-outs: 503",
    "opt-outs: 429",
    "opt-outs: answer lost, then the allowance is spent",
    "routed opt-out: 429 for long",
    "routed opt-out: refused",
    "new leads: answer lost",
    "new leads: answer without some records",
    "new leads: allowance spent",
    "new leads: answer lost, then refused",
    "new leads: answer lost, then converted",
    "new leads: answer lost, somebody leaves, look for them: down for long",
    "contact of a converted lead: down for long",
    "contact of a converted lead: refused",
    "row: new lead refused",
    "row: duplicate rule",
    "row: opt-out refused",
}
"""What `make test` has of them."""

NOT_MET = {
    "limits: any": "the lane reads the allowance from the answers of its own calls",
    "list jobs, create, upload, close, poll, job, result files: any": "the lane makes no jobs",
    "answers in another order": "Collections answers in request order; rows have no other name",
    "half of a call is worked on": "Salesforce works on all records of a Collections call, or none",
    "300 several records for one key": "Collections refuses the row, not the call",
    "more than 200 records": "a call is frozen with no more",
    "query: second page": "a query names 100 keys, a page has 2,000 rows",
    "duplicate header ignored": "what is saved then has our key and is acknowledged as ours",
}
"""What the lane's protocol can't meet, and why."""


def test_the_table_has_its_40_cases_and_a_reason_for_the_others() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(CASES) >= 40
    assert {case.name for case in CASES} >= SAMPLE
    assert all(NOT_MET.values())


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if case.name in SAMPLE else pytest.mark.long)
        for case in CASES
    ],
)
def test_a_day_comes_true_after(case: Case, lane_day: LaneDay) -> None:
    day, control = lane_day, lane_day.crm.control
    day.reset()
    case.plant(control)

    ends = []
    with case.around(day):
        for number in range(len(case.ends)):
            case.happen(day, number)
            ends.append(day.try_tick(case.timeouts))
    case.happen(day, len(case.ends))

    assert tuple(ends) == case.ends
    assert all(plan["due"] for plan in control.faults())
    assert len(day.letters()) == case.letters
    control.stop_faults()
    control.stop_refusing()
    control.remove_rules()
    day.recover()
    day.require_truth()
    assert day.letters() == set()


def test_calls_of_one_object_that_are_refused_stop_no_others(lane_day: LaneDay) -> None:
    lane_day.reset()
    lane_day.crm.control.answer_error(again(CONTACTS, FOR_EVER), 404, "NOT_FOUND")

    assert lane_day.try_tick() == "failed"

    assert {person.key for person in lane_day.people.values() if person.consents} == set(
        lane_day.leads()
    )
    out = {
        record["LastName"]
        for record in lane_day.crm.stored("Lead")
        if record["HasOptedOutOfEmail"] == "true"
    }
    assert out == {"lead0", "lead1"}
    lane_day.crm.control.stop_faults()
    lane_day.recover()
    lane_day.require_truth()
