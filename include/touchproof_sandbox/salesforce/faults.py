"""Which planned fault meets a request: a pure choice.

Belongs here: what a plan names (`Calls`), what a request looks like to it (`Asked`), and which of
the plans takes effect. Doesn't belong here: keeping the plans (planned_faults.py), what a fault
does to an answer (serving.py) or to a job (jobs.py).

Every plan counts the requests that it names, whether it takes effect or another does. It takes
effect on the requests number `after + 1` to `after + times`; where several are due, the one that
was planned first does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

JOB = "job"
"""The kind of what isn't a request: an ingest job that is closed. Only faults of jobs meet it."""


@dataclass(frozen=True)
class Asked:
    """Describe one request.

    Args:
        kind: What the counters book it under: `token`, `limits`, `describe`, `query`, `record`,
            `collections`, `bulk_ingest`, `bulk_query`; or `job`.
        method: HTTP method.
        path: Below `/services/data/vXX.X/`; the whole path for a token.
        object: API name of the object that it is about, where there is one.
    """

    kind: str
    method: str = ""
    path: str = ""
    object: str | None = None


@dataclass(frozen=True)
class Calls:
    """Name requests; what is None isn't looked at.

    Args:
        kind: As in `Asked`.
        method: HTTP method.
        path: As in `Asked`, in any case; `*` stands for characters other than a slash.
        object: API name of the object.
        after: So many of them go undisturbed first.
        times: So many are met then; None for ever.
    """

    kind: str | None = None
    method: str | None = None
    path: str | None = None
    object: str | None = None
    after: int = 0
    times: int | None = 1

    def match(self, asked: Asked) -> bool:
        """Tell whether the request is one of those."""
        return (
            (asked.kind == self.kind if self.kind is not None else asked.kind != JOB)
            and self.method in (None, asked.method)
            and self.object in (None, asked.object)
            and (self.path is None or _pattern(self.path).fullmatch(asked.path) is not None)
        )

    @classmethod
    def step(cls, name: str, *, after: int = 0, times: int | None = 1, **more: Any) -> Calls:
        """Name the requests of one step, one of `STEPS`."""
        method, path = STEPS[name]
        return cls(method=method, path=path, after=after, times=times, **more)


STEPS: Mapping[str, tuple[str, str]] = {
    "soap login": ("POST", "/services/Soap/u/*"),
    "oauth login": ("POST", "/services/oauth2/token"),
    "limits": ("GET", "limits"),
    "list jobs": ("GET", "jobs/ingest"),
    "create job": ("POST", "jobs/ingest"),
    "upload": ("PUT", "jobs/ingest/*/batches"),
    "close or abort": ("PATCH", "jobs/ingest/*"),
    "poll": ("GET", "jobs/ingest/*"),
    "successful results": ("GET", "jobs/ingest/*/successfulResults"),
    "failed results": ("GET", "jobs/ingest/*/failedResults"),
    "unprocessed records": ("GET", "jobs/ingest/*/unprocessedRecords"),
    "collections": ("PATCH", "composite/sobjects/*/*"),
    "describe": ("GET", "sobjects/*/describe"),
    "query": ("GET", "query"),
    "query all": ("GET", "queryAll"),
    "tooling query": ("GET", "tooling/query"),
}
"""Method and path of the steps of a push, by name."""


@dataclass(frozen=True)
class Fault:
    """Hold one plan: which calls, what happens, how many of the calls came so far."""

    number: int
    calls: Calls
    effect: str
    options: Mapping[str, Any]
    seen: int = 0

    @property
    def is_due(self) -> bool:
        """Tell whether the call that was counted last is one that is met."""
        first, times = self.calls.after + 1, self.calls.times
        return first <= self.seen and (times is None or self.seen < first + times)

    def told(self) -> dict[str, Any]:
        """Return the plan as the control routes tell it."""
        times = self.calls.times
        met = max(self.seen - self.calls.after, 0)
        return {
            "number": self.number,
            "calls": asdict(self.calls),
            "effect": self.effect,
            "options": dict(self.options),
            "seen": self.seen,
            "due": met if times is None else min(met, times),
        }


def meet(plans: Sequence[Fault], asked: Asked) -> tuple[Fault | None, tuple[Fault, ...]]:
    """Return the fault that takes effect, if any, and the plans that counted the request.

    Args:
        plans: All plans, in order of planning.
        asked: The request.
    """
    counted = tuple(replace(plan, seen=plan.seen + 1) for plan in plans if plan.calls.match(asked))
    return next((plan for plan in counted if plan.is_due), None), counted


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in path.split("*")), re.IGNORECASE)
