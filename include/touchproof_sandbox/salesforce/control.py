"""Steering the loopback server from Python: the client of `/_control/*`.

Belongs here: one method a control route. Doesn't belong here: anything that speaks to Salesforce
(touchproof.salesforce.client).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from touchproof.errors import BadInputError

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
            changes: Each `{op, object, record}`; op is create, update, delete or undelete.
            key: Name of the set; the same name is applied once.
        """
        answer = self._ask("POST", "apply", {"changes": list(changes), "key": key})
        return tuple(answer["ids"])

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

    def settings(
        self, *, processing_seconds: float | None = None, processing_polls: int | None = None
    ) -> None:
        """Delay the processing of jobs by real seconds, or by polls; 0 is at once."""
        self._put(processing_seconds=processing_seconds, processing_polls=processing_polls)

    def limits(self, *, max: int | None = None, used_by_others: int | None = None) -> None:
        """Set the daily allowance of calls, and how many of it other systems use."""
        self._put(allowance=max, used_by_others=used_by_others)

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
