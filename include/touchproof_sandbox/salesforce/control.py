"""Steering the loopback server from Python: the client of `/_control/*`.

Belongs here: one method a control route, and one a kind of fault. Doesn't belong here: anything
that speaks to Salesforce (touchproof.salesforce.client).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import requests

from touchproof.errors import BadInputError
from touchproof_sandbox.salesforce.faults import JOB, Calls

_TIMEOUTS = (5.0, 120.0)


@dataclass(frozen=True)
class Counters:
    """Requests since the last reset; those for a token are apart and not among the calls."""

    calls: int
    token_requests: int
    by_client: Mapping[str, int]
    by_kind: Mapping[str, int]


class Control:
    """Steer one running server.

    Args:
        url: `http://127.0.0.1:PORT`, as `ServerInfo.url` tells it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def identity(self) -> Mapping[str, Any]:
        """Return `server_id` and `pid`."""
        answer: dict[str, Any] = self._ask("GET", "identity")
        return answer

    def set_clock(self, now: datetime) -> None:
        """Set the org's present moment (timezone-aware)."""
        self._ask("POST", "clock", {"now": now.isoformat()})

    def clock(self) -> datetime:
        """Return the org's present moment."""
        return datetime.fromisoformat(self._ask("GET", "clock")["now"])

    def seed(self, folder: Path) -> Mapping[str, int]:
        """Load `<Object>.parquet` files; return records by object, empty if they were loaded."""
        counts: dict[str, int] = self._ask("POST", "seed", {"folder": str(folder.resolve())})[
            "records"
        ]
        return counts

    def apply(
        self, changes: Sequence[Mapping[str, Any]], *, key: str | None = None
    ) -> tuple[str, ...]:
        """Apply changes of CRM users, all or none; return the ids, none if applied before.

        Args:
            changes: Each `{op, object, record}`; op is create, update, delete or undelete,
                or a merge as `merge` makes it.
            key: Name of the set; the same name is applied once.
        """
        answer = self._ask("POST", "apply", {"changes": list(changes), "key": key})
        return tuple(answer["ids"])

    def merge(self, object_name: str, master: str, *losers: str, **taken: str) -> None:
        """Merge one or two records into a master, as a CRM user does.

        Args:
            object_name: Lead, Contact or Account.
            master: Id of the record that stays.
            losers: Ids of the others.
            taken: Field values that the master takes from them.
        """
        record = {"Id": master, **taken}
        change = {"op": "merge", "object": object_name, "record": record, "losers": losers}
        self.apply([change])

    def refuse(
        self,
        object_name: str,
        field: str,
        value: str,
        code: str,
        message: str = "refused by a planted rule",
        *,
        fields: Sequence[str] = (),
        times: int | None = None,
    ) -> None:
        """Refuse rows of the object whose field (or `Id`) has the value; `*` is any value.

        Args:
            object_name: API name of the object.
            field: API name of the field that is looked at, as sent or as stored.
            value: The value, or `*` for every row that sends the field.
            code: Salesforce's error code.
            message: Its message.
            fields: Fields that the error names.
            times: How many rows are refused before the rule is used up; None for ever.
        """
        rule = {
            "object": object_name,
            "field": field,
            "value": value,
            "code": code,
            "message": message,
            "fields": list(fields),
            "times": times,
        }
        self._ask("POST", "refuse", rule)

    def stop_refusing(self) -> None:
        """Forget all planted refusals."""
        self._ask("DELETE", "refuse")

    # Rules of the org

    def duplicate_rule(
        self,
        object_name: str,
        *fields: str,
        action: Literal["block", "alert"] = "block",
        among: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Refuse a record that agrees with another in all fields: DUPLICATES_DETECTED.

        Args:
            object_name: API name of the object.
            fields: API names of the fields that must agree.
            action: `alert` lets a request with `Sforce-Duplicate-Rule-Header: allowSave=true`
                save all the same.
            among: Objects whose records are looked at, each with its fields in the order of
                `fields`; by default the object itself.
        """
        looked_at = {name: list(those) for name, those in (among or {}).items()}
        self._rule(object_name, "duplicate", fields, action=action, among=looked_at)

    def validation_rule(self, object_name: str, field: str, pattern: str, message: str) -> None:
        """Refuse a record whose field matches a regular expression as a whole."""
        self._rule(object_name, "validation", (field,), pattern=pattern, message=message)

    def restrict_picklist(self, object_name: str, field: str, values: Sequence[str]) -> None:
        """Refuse any other value: INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST."""
        self._rule(object_name, "picklist", (field,), values=list(values))

    def hide_fields(self, object_name: str, *fields: str) -> None:
        """Take fields out of the integration user's sight, as if they weren't there."""
        self._rule(object_name, "hidden", fields)

    def make_read_only(self, object_name: str, *fields: str) -> None:
        """Let the integration user read fields and not write them."""
        self._rule(object_name, "read_only", fields)

    def require_fields(self, object_name: str, *fields: str) -> None:
        """Refuse a record without them: REQUIRED_FIELD_MISSING."""
        self._rule(object_name, "required", fields)

    def sharing(self, object_name: str, model: str) -> None:
        """Set the sharing model that the Tooling API tells; no row is refused for it."""
        self._rule(object_name, "sharing", (), model=model)

    def lock_row(self, object_name: str, record_id: str, tries: int) -> None:
        """Refuse the first writes of a record: UNABLE_TO_LOCK_ROW."""
        message = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
        self.refuse(object_name, "Id", record_id, "UNABLE_TO_LOCK_ROW", message, times=tries)

    def remove_rules(self) -> None:
        """Remove the rules of the org; refusals stay."""
        self._ask("DELETE", "rules")

    def _rule(self, object_name: str, kind: str, fields: Sequence[str], **options: Any) -> None:
        rule = {"object": object_name, "kind": kind, "fields": list(fields), "options": options}
        self._ask("POST", "rules", rule)

    # Faults of calls

    def answer_error(
        self, calls: Calls, status: int, code: str, message: str = "", *, is_worked: bool = False
    ) -> int:
        """Answer with Salesforce's array of one error; return the fault's number.

        Args:
            calls: The calls that are met; so in all faults.
            status: HTTP status.
            code: `errorCode`.
            message: `message`.
            is_worked: Whether the call does its work all the same, before that answer.
        """
        body = json.dumps([{"errorCode": code, "message": message}])
        return self._answer(calls, status, body, is_worked=is_worked, tells_usage=True)

    def answer_oauth_error(self, calls: Calls, status: int, error: str, description: str) -> int:
        """Answer with the error object of the token endpoint."""
        return self._answer(
            calls, status, json.dumps({"error": error, "error_description": description})
        )

    def answer_html(self, calls: Calls, status: int, *, is_worked: bool = False) -> int:
        """Answer with an HTML page, as a gate before the org does."""
        body = f"<html><body><h1>{status}</h1></body></html>"
        return self._answer(calls, status, body, "text/html", is_worked=is_worked)

    def answer_empty(self, calls: Calls, status: int = 200, *, is_worked: bool = True) -> int:
        """Answer without a body."""
        return self._answer(calls, status, "", is_worked=is_worked)

    def answer_unreadable(
        self, calls: Calls, status: int = 200, body: str = '{"id": "750', *, is_worked: bool = True
    ) -> int:
        """Answer with what isn't JSON, or JSON of another shape."""
        return self._answer(calls, status, body, is_worked=is_worked)

    def _answer(
        self,
        calls: Calls,
        status: int,
        body: str,
        media_type: str = "application/json",
        *,
        is_worked: bool = False,
        tells_usage: bool = False,
    ) -> int:
        return self._plan(
            calls,
            "answer",
            status=status,
            body=body,
            type=media_type,
            is_worked=is_worked,
            tells_usage=tells_usage,
        )

    def slow(self, calls: Calls, seconds: float) -> int:
        """Do the work, count the call, and answer after so many seconds."""
        return self._plan(calls, "slow", seconds=seconds)

    def cut(
        self, calls: Calls, moment: Literal["before", "in_request", "after", "in_answer"]
    ) -> int:
        """Cut the connection.

        Args:
            calls: The calls.
            moment: `before` the org has the call, or when it has read half of it (`in_request`):
                then it isn't worked on and doesn't count. `after` it was worked on, or in the
                middle of the answer's body (`in_answer`): then it counts.
        """
        return self._plan(calls, "cut", moment=moment)

    def wrong_length(self, calls: Calls, extra: int) -> int:
        """Tell a Content-Length that is longer (or shorter, below 0) than the body."""
        return self._plan(calls, "length", extra=extra)

    def broken_chunks(self, calls: Calls) -> int:
        """Answer in chunks, of which the second is none."""
        return self._plan(calls, "chunks")

    def expire_sessions_at(self, calls: Calls) -> int:
        """End all sessions as the call comes: 401 until the next login."""
        return self._plan(calls, "expire_sessions")

    def spend_allowance(self, calls: Calls) -> int:
        """Answer 403 REQUEST_LIMIT_EXCEEDED; with `times=None` from that call on."""
        return self.answer_error(
            calls, 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."
        )

    def reorder_rows(self, calls: Calls, seed: int = 1) -> int:
        """Answer a result file with its rows in another order."""
        return self._plan(calls, "reorder", seed=seed)

    def lose_rows(self, calls: Calls, rows: int = 1) -> int:
        """Answer a result file without its last rows."""
        return self._plan(calls, "lose_rows", rows=rows)

    # Faults of jobs

    def hold_jobs(
        self,
        state: Literal["UploadComplete", "InProgress"] = "InProgress",
        *,
        seconds: float | None = None,
        object_name: str | None = None,
        after: int = 0,
        times: int | None = 1,
    ) -> int:
        """Hold ingest jobs in a state once they are closed.

        Args:
            state: The state.
            seconds: For so long; None until `stop_faults`.
            object_name: Only jobs of this object.
            after: So many jobs go undisturbed first.
            times: So many are held then; None for ever.
        """
        calls = Calls(JOB, object=object_name, after=after, times=times)
        return self._plan(calls, "hold", state=state, seconds=seconds)

    def end_jobs(
        self,
        state: Literal["Failed", "Aborted"],
        *,
        share: float = 0.5,
        message: str | None = None,
        object_name: str | None = None,
        after: int = 0,
        times: int | None = 1,
    ) -> int:
        """End ingest jobs after a share of their rows; the others stay unprocessed.

        Args:
            state: `Failed`, or `Aborted` as if somebody had aborted it.
            share: Share of the rows that is processed, from 0 to 1.
            message: `errorMessage`.
            object_name: Only jobs of this object.
            after: So many jobs go undisturbed first.
            times: So many are met then; None for ever.
        """
        calls = Calls(JOB, object=object_name, after=after, times=times)
        return self._plan(calls, "end", state=state, share=share, message=message)

    def faults(self) -> Sequence[Mapping[str, Any]]:
        """Return the planned faults; `due` is how many calls each was due at."""
        rows: list[dict[str, Any]] = self._ask("GET", "faults")
        return rows

    def stop_faults(self) -> None:
        """Forget all faults; jobs that were held go on."""
        self._ask("DELETE", "faults")

    def _plan(self, calls: Calls, effect: str, **options: Any) -> int:
        plan = {"calls": asdict(calls), "effect": effect, "options": options}
        return int(self._ask("POST", "faults", plan)["number"])

    # Settings and counters

    def settings(
        self, *, processing_seconds: float | None = None, processing_polls: int | None = None
    ) -> None:
        """Delay the processing of jobs by real seconds, or by polls; 0 is at once."""
        self._put(processing_seconds=processing_seconds, processing_polls=processing_polls)

    def limits(self, *, max: int | None = None, used_by_others: int | None = None) -> None:
        """Set the daily allowance of calls, and how many of it other systems use."""
        self._put(allowance=max, used_by_others=used_by_others)

    def storage(self, megabytes: int) -> None:
        """Set how much data the org may hold."""
        self._put(storage_megabytes=megabytes)

    def _put(self, **values: float | int | None) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        self._ask("POST", "settings", given)

    def counters(self) -> Counters:
        """Return the requests since the last reset."""
        return Counters(**self._ask("GET", "counters"))

    def reset_counters(self) -> None:
        """Count anew; the allowance isn't given back."""
        self._ask("POST", "counters/reset", {})

    def calls(self) -> Sequence[Mapping[str, Any]]:
        """Return the log of all calls: at, client, kind, method, path, status, counted."""
        rows: list[dict[str, Any]] = self._ask("GET", "calls")
        return rows

    def expire_sessions(self) -> None:
        """End all sessions of clients."""
        self._ask("POST", "expire_sessions", {})

    def wipe(self) -> None:
        """Forget everything: records, jobs, sessions, calls, clock, settings."""
        self._ask("POST", "wipe", {})

    def _ask(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        response = self._session.request(
            method, f"{self._url}/_control/{name}", json=body, timeout=_TIMEOUTS
        )
        if response.status_code != 200:
            raise BadInputError(
                f"The loopback server refused: {response.text[:500]}",
                where=name,
                todo="Correct the request.",
            )
        return response.json()
