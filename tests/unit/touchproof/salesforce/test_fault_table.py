"""The fault table of the nightly push: whatever fails, the next pushes make it true.

Each case plans a fault, pushes, and compares how the push ended with what the case says. Then the
fault stops and the night is pushed until nothing is left. What must hold then is said once, in
`NightWorld.require_truth`. Cases that only vary another one are marked `long`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from killed_processes import killed_server
from night_world import NightWorld

from touchproof.salesforce import budget
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.faults import Calls

step = Calls.step
FOR_EVER = None
BASE = "/services/data/v64.0"
SOAP_FAULT = (
    '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:sf="urn:fault.partner.soap.sforce.com"><e:Body><sf:exceptionCode>INVALID_LOGIN'
    "</sf:exceptionCode><sf:exceptionMessage>no</sf:exceptionMessage></e:Body></e:Envelope>"
)
IMPATIENT = (1.0, 0.15)


@dataclass(frozen=True)
class Case:
    """Name one fault and what the pushes under it say.

    Args:
        name: What goes wrong.
        plant: Plans it.
        ends: How each push under the fault ends: `ok`, `failed`, or `stopped` before any plan.
        is_large: Whether jobs go by create, upload and close rather than by one call.
        is_reading: Whether the push has to ask the org about itself first.
        letters: Dead letters open then.
        timeouts: The client's, where it must not wait.
        around: What else goes on during these pushes.
    """

    name: str
    plant: Callable[[Control], Any]
    ends: tuple[str, ...] = ("ok",)
    is_large: bool = False
    is_reading: bool = False
    letters: int = 0
    timeouts: tuple[float, float] | None = None
    around: Callable[[NightWorld], AbstractContextManager[None]] = lambda _: nullcontext()


def several(*plants: Callable[[Control], Any]) -> Callable[[Control], None]:
    def plant(control: Control) -> None:
        for one in plants:
            one(control)

    return plant


def lost_create(control: Control) -> None:
    """Lose the answer of the second create: leads that may have been created."""
    control.cut(step("create job", after=1), "after")


def refused_rows(control: Control) -> None:
    """Refuse two creations, so that the push reads failed results."""
    for number in (1, 2):
        control.refuse("Lead", "Touchproof_Key__c", f"app:{number}", "STRING_TOO_LONG")


def moved_lead(control: Control) -> None:
    """Refuse an opt-out as if its lead were deleted, so that the push asks what became of it."""
    control.refuse("Lead", "LastName", "Lead 3", "ENTITY_IS_DELETED", times=1)


def failing_job(control: Control) -> None:
    """End the job of campaigns after half of its rows, so that it has unprocessed records."""
    control.end_jobs("Failed", object_name="Campaign")


LOGIN = [
    Case("login: 503 twice", lambda c: c.answer_html(step("soap login", times=2), 503)),
    Case("login: unreadable", lambda c: c.answer_unreadable(step("soap login"), body="<?xml")),
    Case("login: empty", lambda c: c.answer_empty(step("soap login"))),
    Case("login: cut before", lambda c: c.cut(step("soap login"), "before")),
    Case("login: answer lost", lambda c: c.cut(step("soap login"), "after")),
    Case(
        "login: refused",
        lambda c: c.answer_unreadable(step("soap login"), 500, SOAP_FAULT, is_worked=False),
        ("stopped",),
    ),
    Case(
        "login: down for long",
        lambda c: c.answer_html(step("soap login", times=5), 502),
        ("stopped",),
    ),
    Case(
        "login: slower than we wait",
        lambda c: c.slow(step("soap login"), 0.3),
        timeouts=IMPATIENT,
    ),
]
LIMITS = [
    Case(
        "limits: 503",
        lambda c: c.answer_error(step("limits"), 503, "SERVER_UNAVAILABLE"),
    ),
    Case("limits: 429 thrice", lambda c: c.answer_html(step("limits", times=3), 429)),
    Case("limits: unreadable", lambda c: c.answer_unreadable(step("limits"))),
    Case("limits: JSON of another shape", lambda c: c.answer_unreadable(step("limits"), body="[]")),
    Case("limits: empty", lambda c: c.answer_empty(step("limits"))),
    Case("limits: cut in the answer", lambda c: c.cut(step("limits"), "in_answer")),
    Case("limits: cut before", lambda c: c.cut(step("limits"), "before")),
    Case("limits: length too short", lambda c: c.wrong_length(step("limits"), -9)),
    Case("limits: broken chunks", lambda c: c.broken_chunks(step("limits"))),
    Case("limits: session expired", lambda c: c.expire_sessions_at(step("limits"))),
    Case(
        "limits: slower than we wait",
        lambda c: c.slow(step("limits"), 0.3),
        timeouts=IMPATIENT,
    ),
    Case(
        "limits: down for long",
        lambda c: c.answer_html(step("limits", times=5), 500),
        ("failed",),
    ),
    Case("limits: allowance spent", lambda c: c.spend_allowance(step("limits")), ("failed",)),
]
LISTING = [
    Case(
        f"list jobs after a lost create: {name}",
        several(lost_create, plant),
        ("failed", end),
    )
    for name, plant, end in [
        ("503", lambda c: c.answer_html(step("list jobs"), 503), "ok"),
        ("down", lambda c: c.answer_html(step("list jobs", times=5), 500), "stopped"),
        ("unreadable", lambda c: c.answer_unreadable(step("list jobs")), "ok"),
        ("other shape", lambda c: c.answer_unreadable(step("list jobs"), body="{}"), "ok"),
        ("broken chunks", lambda c: c.broken_chunks(step("list jobs")), "ok"),
        ("cut", lambda c: c.cut(step("list jobs"), "in_answer"), "ok"),
        ("session", lambda c: c.expire_sessions_at(step("list jobs")), "ok"),
    ]
]
CREATE = step("create job", after=1)
CREATING = [
    Case("multipart create: 503", lambda c: c.answer_html(CREATE, 503), ("failed",)),
    Case(
        "multipart create: 500 after the work",
        lambda c: c.answer_error(CREATE, 500, "UNKNOWN_EXCEPTION", is_worked=True),
        ("failed",),
    ),
    Case("multipart create: 429", lambda c: c.answer_html(CREATE, 429)),
    Case("multipart create: 420", lambda c: c.answer_html(CREATE, 420)),
    Case("multipart create: cut before", lambda c: c.cut(CREATE, "before"), ("failed",)),
    Case(
        "multipart create: cut in request",
        lambda c: c.cut(CREATE, "in_request"),
        ("failed",),
    ),
    Case("multipart create: answer lost", lost_create, ("failed",)),
    Case(
        "multipart create: all answers lost",
        lambda c: c.cut(step("create job", times=2), "after"),
        ("failed", "failed"),
    ),
    Case(
        "multipart create: cut in the answer",
        lambda c: c.cut(CREATE, "in_answer"),
        ("failed",),
    ),
    Case(
        "multipart create: unreadable",
        lambda c: c.answer_unreadable(CREATE),
        ("failed",),
    ),
    Case(
        "multipart create: JSON of another shape",
        lambda c: c.answer_unreadable(CREATE, body="{}"),
        ("failed",),
    ),
    Case("multipart create: empty", lambda c: c.answer_empty(CREATE), ("failed",)),
    Case(
        "multipart create: length too long",
        lambda c: c.wrong_length(CREATE, 9),
        ("failed",),
    ),
    Case("multipart create: session expired", lambda c: c.expire_sessions_at(CREATE)),
    Case(
        "multipart create: allowance spent",
        lambda c: c.spend_allowance(CREATE),
        ("failed",),
    ),
    Case(
        "multipart create: refused",
        lambda c: c.answer_error(CREATE, 400, "INVALIDJOB"),
        ("failed",),
    ),
    Case(
        "multipart create: slower than we wait",
        lambda c: c.slow(CREATE, 0.3),
        ("failed",),
        timeouts=IMPATIENT,
    ),
    Case(
        "multipart create: server down, then up again",
        lambda c: c.settings(processing_polls=1),
        around=partial(killed_server, what=f"receive GET {BASE}/limits", at="after"),
    ),
    Case(
        "multipart create: server killed as it comes",
        lambda c: c.settings(processing_polls=1),
        ("failed",),
        around=partial(killed_server, what=f"send POST {BASE}/jobs/ingest", at="before"),
    ),
    Case(
        "poll: server killed and started again in mid-job",
        lambda c: c.settings(processing_polls=2),
        around=partial(killed_server, what=f"send GET {BASE}/jobs/ingest/*", at="before"),
    ),
    *[
        Case(f"create: {name}", plant, (end,), is_large=True)
        for name, plant, end in [
            ("503", lambda c: c.answer_html(CREATE, 503), "failed"),
            ("answer lost", lost_create, "failed"),
            ("cut before", lambda c: c.cut(CREATE, "before"), "failed"),
            ("unreadable", lambda c: c.answer_unreadable(CREATE), "failed"),
            ("session expired", lambda c: c.expire_sessions_at(CREATE), "ok"),
            ("406", lambda c: c.answer_html(CREATE, 406), "ok"),
        ]
    ],
]
UPLOAD = step("upload", after=1)
UPLOADING = [
    Case(f"upload: {name}", plant, (end,), is_large=True, timeouts=timeouts)
    for name, plant, end, timeouts in [
        ("503", lambda c: c.answer_html(UPLOAD, 503), "failed", None),
        (
            "503 late",
            lambda c: c.answer_html(UPLOAD, 503, is_worked=True),
            "failed",
            None,
        ),
        ("429", lambda c: c.answer_html(UPLOAD, 429), "ok", None),
        ("cut before", lambda c: c.cut(UPLOAD, "before"), "failed", None),
        ("cut in request", lambda c: c.cut(UPLOAD, "in_request"), "failed", None),
        ("answer lost", lambda c: c.cut(UPLOAD, "after"), "failed", None),
        ("session expired", lambda c: c.expire_sessions_at(UPLOAD), "ok", None),
        ("refused", lambda c: c.answer_error(UPLOAD, 400, "INVALIDJOB"), "failed", None),
        ("allowance spent", lambda c: c.spend_allowance(UPLOAD), "failed", None),
        ("slower than we wait", lambda c: c.slow(UPLOAD, 0.3), "failed", IMPATIENT),
    ]
]
CLOSE = step("close or abort", after=1)
CLOSING = [
    Case(f"close: {name}", plant, (end,), is_large=True)
    for name, plant, end in [
        ("503", lambda c: c.answer_html(CLOSE, 503), "failed"),
        ("503 late", lambda c: c.answer_html(CLOSE, 503, is_worked=True), "failed"),
        ("420", lambda c: c.answer_html(CLOSE, 420), "ok"),
        ("cut before", lambda c: c.cut(CLOSE, "before"), "failed"),
        ("answer lost", lambda c: c.cut(CLOSE, "after"), "failed"),
        ("unreadable", lambda c: c.answer_unreadable(CLOSE), "failed"),
        ("session expired", lambda c: c.expire_sessions_at(CLOSE), "ok"),
        ("allowance spent", lambda c: c.spend_allowance(CLOSE), "failed"),
    ]
] + [
    Case(
        "abort of an open job: answer lost",
        several(
            lambda c: c.cut(UPLOAD, "in_request"),
            lambda c: c.cut(step("close or abort", after=1), "after"),
        ),
        ("failed", "stopped"),
        is_large=True,
    )
]
POLL = step("poll", after=1)
POLLING = [
    Case("poll: 503", lambda c: c.answer_html(POLL, 503)),
    Case("poll: 503 for 12 polls", lambda c: c.answer_html(step("poll", times=12), 503)),
    Case("poll: 406", lambda c: c.answer_html(POLL, 406)),
    Case("poll: unreadable", lambda c: c.answer_unreadable(POLL)),
    Case("poll: other shape", lambda c: c.answer_unreadable(POLL, body="[]")),
    Case("poll: broken chunks", lambda c: c.broken_chunks(POLL)),
    Case("poll: cut in the answer", lambda c: c.cut(POLL, "in_answer")),
    Case("poll: cut before", lambda c: c.cut(POLL, "before")),
    Case("poll: length too short", lambda c: c.wrong_length(POLL, -9)),
    Case("poll: slower than we wait", lambda c: c.slow(POLL, 0.3), timeouts=IMPATIENT),
    Case("poll: session expired", lambda c: c.expire_sessions_at(POLL)),
    Case(
        "poll: 404 for a job that is there",
        lambda c: c.answer_error(step("poll", after=1, times=2), 404, "NOT_FOUND"),
        ("failed", "failed"),
    ),
    Case(
        "poll: refused",
        lambda c: c.answer_error(POLL, 400, "API_DISABLED"),
        ("failed",),
    ),
    Case(
        "allowance spent from the poll on",
        lambda c: c.spend_allowance(Calls("bulk_ingest", after=4, times=FOR_EVER)),
        ("failed", "failed"),
    ),
    Case(
        "job: held in progress for ever",
        lambda c: c.hold_jobs("InProgress", after=1),
        ("failed", "failed"),
    ),
    Case("job: never begun", lambda c: c.hold_jobs("UploadComplete"), ("failed",)),
    Case("job: slow to begin", lambda c: c.settings(processing_polls=4)),
    Case(
        "job: Failed after half was committed",
        lambda c: c.end_jobs("Failed", object_name="Campaign", message="InternalServerError"),
        letters=3,
    ),
    Case(
        "job: creations Failed after half was committed",
        lambda c: c.end_jobs("Failed", after=1),
        letters=4,
    ),
    Case(
        "job: Failed before any row",
        lambda c: c.end_jobs("Failed", share=0, after=1),
        letters=8,
    ),
    Case(
        "job: opt-outs aborted by somebody",
        lambda c: c.end_jobs("Aborted", share=0),
        ("failed",),
        letters=16,
    ),
    Case("job: aborted after half", lambda c: c.end_jobs("Aborted", after=2), letters=3),
]
RESULT_FAULTS: list[tuple[str, Callable[[Control, Calls], Any]]] = [
    ("404 at first", lambda c, calls: c.answer_error(calls, 404, "NOT_FOUND")),
    ("400 at first", lambda c, calls: c.answer_error(calls, 400, "INVALIDJOBSTATE")),
    ("500 at first", lambda c, calls: c.answer_html(calls, 500)),
    ("cut in the answer", lambda c, calls: c.cut(calls, "in_answer")),
    ("length too short", lambda c, calls: c.wrong_length(calls, -9)),
    ("length too long", lambda c, calls: c.wrong_length(calls, 9)),
    ("broken chunks", lambda c, calls: c.broken_chunks(calls)),
    ("HTML instead", lambda c, calls: c.answer_html(calls, 200)),
    ("without a row", lambda c, calls: c.lose_rows(calls)),
    ("empty", lambda c, calls: c.answer_empty(calls)),
    ("other order", lambda c, calls: c.reorder_rows(calls)),
    ("session expired", lambda c, calls: c.expire_sessions_at(calls)),
]
RESULTS = [
    Case(
        f"{name}: {what}",
        several(first, partial(plant, calls=step(name))),
        letters=letters,
    )
    for name, first, letters in [
        ("successful results", lambda _: None, 0),
        ("failed results", refused_rows, 2),
        ("unprocessed records", failing_job, 3),
    ]
    for what, plant in RESULT_FAULTS
] + [
    Case(
        "successful results: down for long",
        lambda c: c.answer_html(step("successful results", times=5), 503),
        ("failed",),
    ),
    Case(
        "successful results: always without a row",
        lambda c: c.lose_rows(step("successful results", after=1, times=3)),
        letters=1,
    ),
]
ROWS = [
    Case(
        "row: locked once",
        lambda c: c.refuse("Lead", "LastName", "New 1", "UNABLE_TO_LOCK_ROW", times=1),
    ),
    Case(
        "row: locked until the last retry",
        lambda c: c.refuse("Lead", "LastName", "New 1", "UNABLE_TO_LOCK_ROW", times=3),
    ),
    Case(
        "row: locked for longer than a push retries",
        lambda c: c.refuse("Lead", "LastName", "New 1", "UNABLE_TO_LOCK_ROW"),
        letters=1,
    ),
    Case(
        "row: opt-out locked for a while",
        lambda c: c.refuse("Lead", "LastName", "Lead 3", "UNABLE_TO_LOCK_ROW", times=2),
    ),
    Case(
        "row: locked, and the answer to its retry lost",
        several(
            lambda c: c.refuse("Lead", "LastName", "New 1", "UNABLE_TO_LOCK_ROW", times=1),
            lambda c: c.cut(step("create job", after=2), "after"),
        ),
        ("failed",),
        letters=1,
    ),
    Case(
        "row: locked, and its retry refused for what it says",
        several(
            lambda c: c.refuse("Lead", "LastName", "New 1", "UNABLE_TO_LOCK_ROW", times=1),
            lambda c: c.answer_error(step("create job", after=2), 400, "INVALIDJOB"),
        ),
        ("failed",),
        letters=1,
    ),
    Case(
        "row: validation rule",
        lambda c: c.validation_rule("Lead", "LastName", "New [12]", "no"),
        letters=2,
    ),
    Case(
        "row: restricted picklist",
        lambda c: c.restrict_picklist("Lead", "Touchproof_Stage__c", ["engaged"]),
        letters=8,
    ),
    Case(
        "row: duplicate rule",
        lambda c: c.duplicate_rule("Lead", "Company"),
        letters=8,
    ),
    Case(
        "row: opt-out refused",
        lambda c: c.refuse("Lead", "LastName", "Lead 3", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        ("failed",),
        letters=1,
    ),
]
READ_FAULTS: list[tuple[str, Callable[[Control, Calls], Any]]] = [
    ("refused", lambda c, calls: c.answer_error(calls, 403, "INSUFFICIENT_ACCESS")),
    ("cut in the answer", lambda c, calls: c.cut(calls, "in_answer")),
    ("500", lambda c, calls: c.answer_html(calls, 500)),
    ("500 for long", lambda c, calls: c.answer_html(replace(calls, times=5), 500)),
    ("other shape", lambda c, calls: c.answer_unreadable(calls, body="{}")),
    ("session expired", lambda c, calls: c.expire_sessions_at(calls)),
]
STOPS = {"500 for long": "stopped"}
READS = [
    Case(f"{name}: {what}", partial(plant, calls=calls), (ends.get(what, "ok"),), is_reading=True)
    for name, calls, ends in [
        ("preflight describe", step("describe", after=1), {"refused": "stopped"} | STOPS),
        ("preflight tooling query", step("tooling query"), STOPS),
        ("statuses query", step("query"), {"500 for long": "failed"}),
    ]
    for what, plant in READ_FAULTS
] + [
    Case(
        f"moved records query: {what}",
        several(moved_lead, partial(plant, calls=step("query all"))),
        ("failed" if what in ("refused", "500 for long") else "ok",),
        letters=1,
    )
    for what, plant in READ_FAULTS
]
CASES = [
    *LOGIN, *LIMITS, *LISTING, *CREATING, *UPLOADING, *CLOSING, *POLLING, *RESULTS, *ROWS, *READS
]  # fmt: skip

NOT_MET = {
    "Collections: any": "the nightly lane sends jobs only",
    "duplicate header ignored": "Bulk API 2.0 has no such header",
    "300 several records for one key": "Bulk API 2.0 refuses the row, not the call",
    "query job: any": "a push asks by small REST queries; `push reconcile --ask-org` and the "
    "extract read in jobs",
    "multipart create: more than 100,000 characters": "such a job goes by upload",
    "upload sent twice": "an upload that may have arrived isn't repeated; its job is aborted",
}
"""What the lane's protocol can't meet, and why."""

SAMPLE = {
    "login: unreadable",
    "limits: cut in the answer",
    "limits: allowance spent",
    "list jobs after a lost create: other shape",
    "multipart create: 429",
    "multipart create: all answers lost",
    "multipart create: session expired",
    "multipart create: server down, then up again",
    "upload: cut in request",
    "close: answer lost",
    "abort of an open job: answer lost",
    "poll: server killed and started again in mid-job",
    "poll: 404 for a job that is there",
    "allowance spent from the poll on",
    "job: held in progress for ever",
    "job: creations Failed after half was committed",
    "successful results: length too short",
    "failed results: without a row",
    "unprocessed records: without a row",
    "row: locked, and the answer to its retry lost",
    "row: duplicate rule",
    "preflight describe: other shape",
    "statuses query: refused",
    "moved records query: 500 for long",
}
"""One of each kind; the others are long."""


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
def test_a_night_comes_true_after(
    case: Case,
    night_world: NightWorld,
    reading_night: NightWorld,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = reading_night if case.is_reading else night_world
    control = world.crm.control
    world.reset()
    if case.is_large:
        monkeypatch.setattr(budget, "MULTIPART_MAX_CHARACTERS", 0)
    case.plant(control)

    with case.around(world):
        ends = tuple(world.try_push(case.timeouts) for _ in case.ends)

    assert ends == case.ends
    assert all(plan["due"] for plan in control.faults())
    assert len(world.letters()) == case.letters
    control.stop_faults()
    control.stop_refusing()
    control.remove_rules()
    control.settings(processing_polls=0)
    world.recover()
    world.require_truth()
    assert world.letters() == set()
