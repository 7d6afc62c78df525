"""The org behind the routes: state, jobs, sessions, and the count of calls.

Belongs here: `Org`, which every route is given, and the allowance. Doesn't belong here: HTTP.

Every request but those for a token counts against the allowance, refused ones too (whether a call
with an expired session counts isn't documented; we count it), and so does one whose answer is lost.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.jobs import Jobs
from touchproof_sandbox.salesforce.planned_faults import PlannedFaults
from touchproof_sandbox.salesforce.storage import Storage, format_moment

DEFAULT_ALLOWANCE = 100_000
TOKEN_KIND = "token"
_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Credentials:
    """The one integration user and connected app of the pretend org."""

    username: str
    password: str
    security_token: str
    client_id: str
    client_secret: str


@dataclass
class Org:
    """Hold what the routes work on.

    Args:
        folder: Folder of the server.
        server_id: Identity of this server, told by `/_control/identity`.
        credentials: Who may log in.
        public_key: PEM of the connected app's certificate, for JWT logins.
    """

    folder: Path
    server_id: str
    credentials: Credentials
    public_key: bytes
    storage: Storage = field(init=False)
    faults: PlannedFaults = field(init=False)
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.storage = Storage(self.folder)
        self.faults = PlannedFaults(self.storage)
        self.jobs = Jobs(self.storage, self.faults)

    # Sessions

    def open_session(self) -> str:
        """Return a new session id; it outlives a restart."""
        token = f"00D5e000000TPRF!{secrets.token_hex(24)}"
        self.storage.db.execute(
            "insert into sessions values (?, ?)", (token, format_moment(self.storage.now))
        )
        return token

    def require_session(self, authorization: str) -> None:
        """Check a request's Authorization header.

        Raises:
            ApiError: 401 INVALID_SESSION_ID.
        """
        token = authorization.removeprefix("Bearer ").removeprefix("OAuth ")
        found = self.storage.db.execute(
            "select 1 from sessions where token = ?", (token,)
        ).fetchone()
        if found is None:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def expire_sessions(self) -> None:
        """End all sessions: the next call of each client is answered 401."""
        self.storage.db.execute("delete from sessions")

    # Calls

    def note_call(self, client: str, kind: str, method: str, path: str, status: int) -> None:
        """Write one request to the log of calls."""
        self.storage.db.execute(
            "insert into calls (at, client, kind, method, path, status, counted)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (format_moment(self.storage.now), client, kind, method, path, status,
             int(kind != TOKEN_KIND)),
        )  # fmt: skip

    @property
    def allowance(self) -> int:
        return int(self.storage.get("allowance", DEFAULT_ALLOWANCE))

    @property
    def used(self) -> int:
        """Count the calls of the last 24 hours of the org's clock, other systems' included."""
        since = format_moment(self.storage.now - _DAY)
        own = self.storage.db.execute(
            "select count(*) from calls where at > ? and counted = 1", (since,)
        ).fetchone()[0]
        return int(own) + int(self.storage.get("used_by_others", 0))

    def require_allowance(self) -> None:
        """Check that the allowance isn't spent.

        Raises:
            ApiError: 403 REQUEST_LIMIT_EXCEEDED.
        """
        if self.used >= self.allowance:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    @property
    def limit_info(self) -> str:
        """Return the text of the Sforce-Limit-Info header."""
        return f"api-usage={self.used}/{self.allowance}"

    def counters(self) -> dict[str, Any]:
        """Count requests since the counters were reset: total, tokens apart, by client and kind."""
        first = int(self.storage.get("counters_start", 0))
        rows = self.storage.db.execute(
            "select client, kind, counted, count(*) as calls from calls where number > ?"
            " group by client, kind, counted",
            (first,),
        ).fetchall()
        by_client: Counter[str] = Counter()
        by_kind: Counter[str] = Counter()
        tokens = 0
        for row in rows:
            if row["counted"]:
                by_client[row["client"]] += row["calls"]
                by_kind[row["kind"]] += row["calls"]
            else:
                tokens += row["calls"]
        return {
            "calls": sum(by_kind.values()),
            "token_requests": tokens,
            "by_client": dict(sorted(by_client.items())),
            "by_kind": dict(sorted(by_kind.items())),
        }

    def reset_counters(self) -> None:
        """Start counting anew; the allowance isn't given back by that."""
        last = self.storage.db.execute("select coalesce(max(number), 0) from calls").fetchone()[0]
        self.storage.put("counters_start", last)
