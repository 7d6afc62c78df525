"""What Salesforce answers, as typed values.

Belongs here: `Job`, `LimitUsage`, `RowError` and `SalesforceCallError`, and reading them out of
headers, bodies and result columns. Doesn't belong here: sending anything (client.py), or deciding
what follows from an error (errors.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from touchproof.errors import SalesforceError

JobState = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
TERMINAL_STATES: frozenset[str] = frozenset({"JobComplete", "Failed", "Aborted"})
NO_ANSWER = "NO_ANSWER"
UNREACHED = "UNREACHED"
UNREADABLE = "UNREADABLE_ANSWER"

_TURNED_AWAY = frozenset({406, 420, 429})  # refused for now, before any work

_API_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")
_ROW_ERROR = re.compile(r"(?P<code>[A-Z][A-Z0-9_]*):.*?(?::(?P<fields>[\w., ]*?)\s*--)?\s*", re.S)

_TODO = {
    "INVALID_LOGIN": "Check the user name, password and security token of the integration user.",
    "INVALID_SESSION_ID": "Check the login of the integration user; its session was refused twice.",
    "REQUEST_LIMIT_EXCEEDED": "The org's daily API allowance is spent; look at `touchproof status`"
    " and run the step again when it has recovered.",
    "INVALID_FIELD": "Compare the field list with the org's schema and the user's permissions.",
    NO_ANSWER: "Check that Salesforce can be reached and run the step again.",
    UNREACHED: "Check that Salesforce can be reached and run the step again.",
}


class SalesforceCallError(SalesforceError):
    """Report one call that Salesforce refused or didn't answer.

    Args:
        what: What happened, without any value from the data.
        code: Salesforce's error code in upper case; `NO_ANSWER`, or `UNREACHED` if the request
            never left; `UNREADABLE_ANSWER`.
        status: HTTP status; None if no answer came; 502 for an unreadable one.
        where: The request, as method and path without its query.
        todo: What to do; derived from the code unless given.
    """

    def __init__(
        self, what: str, *, code: str, status: int | None, where: str = "", todo: str = ""
    ) -> None:
        self.code = code
        self.status = status
        super().__init__(what, where=where, todo=todo or _TODO.get(code, _general_todo(status)))

    @property
    def is_transient(self) -> bool:
        """Tell whether the same call may succeed later without any change of ours."""
        return _is_transient(self.status)

    @property
    def is_outcome_unknown(self) -> bool:
        """Tell whether Salesforce may have done what was asked although we have no answer."""
        return self.code != UNREACHED and (self.status is None or self.status >= 500)

    @property
    def is_denied(self) -> bool:
        """Tell whether this call is refused for what it asks, or for want of a right."""
        return not self.is_transient and self.status in (400, 403, 404)


class JobNotEndedError(SalesforceError):
    """Report a job that hasn't ended in time; the next push looks at it again."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            "A job hasn't ended in time",
            where=f"job {job_id}",
            todo="Push again later: the job is picked up where it stands. If it never ends, abort"
            " it in Setup, Bulk Data Load Jobs.",
        )


class LongWaitError(SalesforceError):
    """Report a job that is to be looked at so much later that nobody should sit and wait."""

    def __init__(self, job_id: str, seconds: float) -> None:
        self.job_id = job_id
        self.seconds = seconds
        super().__init__(
            "A job isn't over yet",
            where=f"job {job_id}",
            todo=f"Look again in {seconds:.0f} seconds.",
        )


def unreadable(what: str, where: str) -> SalesforceCallError:
    """Return the error for an answer that isn't what was asked for; another try may bring it."""
    return SalesforceCallError(what, code=UNREADABLE, status=502, where=where)


def _is_transient(status: int | None) -> bool:
    return status is None or status >= 500 or status in _TURNED_AWAY


def _general_todo(status: int | None) -> str:
    if _is_transient(status):
        return "Run the step again later."
    return "Look the code up in Salesforce's documentation and correct what it names."


@dataclass(frozen=True)
class LimitUsage:
    """Say how many API calls of the rolling 24 hours are used, and the allowance."""

    used: int
    max: int

    @property
    def remaining(self) -> int:
        return max(self.max - self.used, 0)


def parse_limit_info(header: str | None) -> LimitUsage | None:
    """Read `api-usage=used/max` wherever it stands in a `Sforce-Limit-Info` header.

    `per-app-api-usage` is another figure and isn't taken for it.
    """
    found = _API_USAGE.search(header or "")
    return LimitUsage(int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class Job:
    """Describe a Bulk 2.0 job as Salesforce tells it; counts are rows, created_at its own text."""

    id: str
    object: str
    operation: str
    state: str
    content_url: str = ""
    external_id_field: str = ""
    records_processed: int = 0
    records_failed: int = 0
    retries: int = 0
    error_message: str = ""
    created_at: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL_STATES

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Job:
        """Read a job from the JSON of a create, patch, poll or list answer."""
        return cls(
            id=str(answer["id"]),
            object=str(answer.get("object", "")),
            operation=str(answer.get("operation", "")),
            state=str(answer["state"]),
            content_url=str(answer.get("contentUrl") or ""),
            external_id_field=str(answer.get("externalIdFieldName") or ""),
            records_processed=int(answer.get("numberRecordsProcessed") or 0),
            records_failed=int(answer.get("numberRecordsFailed") or 0),
            retries=int(answer.get("retries") or 0),
            error_message=str(answer.get("errorMessage") or ""),
            created_at=str(answer.get("createdDate") or ""),
        )


@dataclass(frozen=True)
class RowError:
    """Name why a row was refused: the code and the fields, never the message (it quotes values)."""

    code: str
    fields: tuple[str, ...] = ()


def parse_row_error(text: str) -> RowError:
    """Read `CODE:message:FIELD, FIELD --`, the form of `sf__Error`.

    The message is dropped on purpose: Salesforce quotes the refused value in it.
    """
    found = _ROW_ERROR.fullmatch(text.strip())
    if found is None:
        return RowError("UNKNOWN")
    fields = (name.strip() for name in (found["fields"] or "").split(","))
    return RowError(found["code"], tuple(name for name in fields if name))


@dataclass(frozen=True)
class UpsertResult:
    """Tell what became of one record of a Collections upsert, in request order.

    `matches` are the records, as (object, Id), that a duplicate rule found instead.
    """

    success: bool
    id: str = ""
    created: bool = False
    errors: tuple[RowError, ...] = ()
    matches: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> UpsertResult:
        """Read one element of the answer's array."""
        return cls(
            success=bool(answer.get("success")),
            id=str(answer.get("id") or ""),
            created=bool(answer.get("created")),
            errors=tuple(
                RowError(
                    str(error.get("statusCode") or error.get("errorCode") or "UNKNOWN").upper(),
                    tuple(str(name) for name in error.get("fields") or ()),
                )
                for error in answer.get("errors") or ()
            ),
            matches=tuple(
                match for error in answer.get("errors") or () for match in _matches(error)
            ),
        )


def _matches(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the records that a duplicate error names; REST misspells the member, SOAP doesn't."""
    found = error.get("duplicateResult") or error.get("duplicateResut") or {}
    for result in found.get("matchResults") or ():
        for match in result.get("matchRecords") or ():
            record = match.get("record") or {}
            kind = (record.get("attributes") or {}).get("type") or result.get("entityType")
            if kind and record.get("Id"):
                yield str(kind), str(record["Id"])
