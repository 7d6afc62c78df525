"""Sending one request to Salesforce and judging its answer.

Belongs here: the session's token, one more login on 401, repeating what may safely be repeated
with growing jittered waits, and turning refusals into `SalesforceCallError`. Doesn't belong here:
which requests there are (client.py), hosts and timeouts (session.py).

A request that changes something is repeated only if it surely wasn't worked on: it never left, or
Salesforce turned it away for now. Otherwise whoever sent it has to look first whether it happened.
A failed read never changes anything in Salesforce.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, TypeVar

import requests

from touchproof.salesforce.answers import (
    NO_ANSWER,
    UNREACHED,
    SalesforceCallError,
    unreadable,
)
from touchproof.salesforce.session import SalesforceSession, never_left

logger = logging.getLogger(__name__)

API_VERSION = "64.0"
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_PIECE_BYTES = 1 << 16
_NOT_THERE_YET = (400, 404)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Login:
    """A session at an instance; the token stays out of the repr."""

    host: str
    token: str = field(repr=False)


class _Consumer(Protocol):
    def __call__(self, response: requests.Response, /) -> None: ...


class Transport:
    """Send requests with a session token, logging in at the first of them.

    Args:
        session: Sends them.
        log_in: Logs in anew.
        sleep: Waits; seconds.
        jitter: Returns a number in [0, 1); spreads the waits.
    """

    def __init__(
        self,
        session: SalesforceSession,
        log_in: Callable[[], Login],
        *,
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self._session = session
        self._log_in = log_in
        self._sleep = sleep
        self._jitter = jitter
        self._login: Login | None = None

    def log_in(self) -> Login:
        """Log in anew; a token request may be repeated safely."""
        self._login = self._repeating(self._log_in)
        return self._login

    @property
    def login(self) -> Login:
        """Return the login in use, logging in if there is none yet."""
        return self._login or self.log_in()

    def json(
        self, method: str, path: str, read: Callable[[Any], _Result], **arguments: Any
    ) -> _Result:
        """Send a request and return what its JSON says.

        Args:
            method: HTTP method.
            path: As for `request`.
            read: Takes the JSON apart; fails where it has another shape.
            arguments: Passed on to requests; `is_repeatable` for one that may come twice.

        Raises:
            SalesforceCallError: If it is refused, not answered, or answered unreadably.
        """
        is_read = method == "GET" or arguments.pop("is_repeatable", False)

        def once() -> _Result:
            response = self._once(method, path, None, **arguments)
            try:
                return read(response.json())
            except (AttributeError, KeyError, TypeError, ValueError):  # of other shape, or no JSON
                raise unreadable(
                    "Salesforce's answer isn't what was asked for", _place(method, path)
                ) from None

        return self._reading(once) if is_read else self._changing(once)

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send a request; one that changes something is tried again only if nothing was done.

        Args:
            method: HTTP method.
            path: Below `/services/data/vXX.X/`, or from the root with a leading slash.
            arguments: Passed on to requests.

        Raises:
            SalesforceCallError: If it is refused or not answered.
        """
        repeating = self._reading if method == "GET" else self._changing
        return repeating(lambda: self._once(method, path, None, **arguments))

    def download(
        self,
        path: str,
        target: IO[bytes],
        check: Callable[[], None] = lambda: None,
        *,
        may_come_late: bool = False,
    ) -> None:
        """Write an answer's body to a file; a broken transfer starts the file again.

        Args:
            path: As for `request`.
            target: The file.
            check: Looks at the file and raises a transient error if it can't be whole.
            may_come_late: Whether 400 and 404 only say that the file isn't there yet.

        Raises:
            SalesforceCallError: If it stays refused, unanswered or broken.
        """

        def consume(response: requests.Response) -> None:
            target.seek(0)
            target.truncate()
            for piece in response.iter_content(chunk_size=_PIECE_BYTES):
                target.write(piece)

        def once() -> None:
            self._once("GET", path, consume, stream=True)
            check()

        self._reading(once, also=_NOT_THERE_YET if may_come_late else ())

    def wait(self, attempt: int) -> None:
        """Wait before the next try or poll, longer with each attempt (counted from 0)."""
        ceiling = min(_FIRST_WAIT_SECONDS * 2.0**attempt, _LONGEST_WAIT_SECONDS)
        self._sleep(ceiling * (0.5 + self._jitter() / 2))

    def _reading(self, work: Callable[[], _Result], also: tuple[int, ...] = ()) -> _Result:
        _ = self.login  # repeats itself: tries of the read shouldn't multiply it
        return self._repeating(work, lambda error: error.is_transient or error.status in also)

    def _changing(self, work: Callable[[], _Result]) -> _Result:
        _ = self.login
        return self._repeating(
            work, lambda error: error.is_transient and not error.is_outcome_unknown
        )

    def _repeating(
        self,
        work: Callable[[], _Result],
        may_repeat: Callable[[SalesforceCallError], bool] = lambda error: error.is_transient,
    ) -> _Result:
        for attempt in range(_TRIES - 1):
            try:
                return work()
            except SalesforceCallError as error:
                if not may_repeat(error):
                    raise
                logger.warning("%s at %s; trying again", error.code, error.where)
                self.wait(attempt)
        return work()

    def _once(
        self, method: str, path: str, consume: _Consumer | None, **arguments: Any
    ) -> requests.Response:
        response = self._send(self.login, method, path, consume, **arguments)
        if response.status_code == 401:
            response = self._send(self.log_in(), method, path, consume, **arguments)
        if response.status_code >= 300:
            raise _refusal(response, method, path)
        return response

    def _send(
        self,
        login: Login,
        method: str,
        path: str,
        consume: _Consumer | None,
        **arguments: Any,
    ) -> requests.Response:
        if not path.startswith("/"):
            path = f"/services/data/v{API_VERSION}/{path}"
        headers = {"Authorization": f"Bearer {login.token}"} | arguments.pop("headers", {})
        if hasattr(arguments.get("data"), "seek"):
            arguments["data"].seek(0)  # an earlier try may have read it
        try:
            response = self._session.request(
                method,
                f"https://{login.host}{path}",
                headers=headers,
                allow_redirects=False,
                **arguments,
            )
            if consume is not None and response.status_code < 300:
                consume(response)
            return response
        except requests.RequestException as error:
            raise no_answer(error, _place(method, path)) from None


def no_answer(error: requests.RequestException, where: str) -> SalesforceCallError:
    """Return the error for a request that wasn't answered; its own text may quote a URL."""
    return SalesforceCallError(
        f"Salesforce didn't answer: {type(error).__name__}",
        code=UNREACHED if never_left(error) else NO_ANSWER,
        status=None,
        where=where,
    )


def _place(method: str, path: str) -> str:
    return f"{method} {path.partition('?')[0]}"


def _refusal(response: requests.Response, method: str, path: str) -> SalesforceCallError:
    """Read the error code of an answer; the message stays out, since it may quote values."""
    code = f"HTTP_{response.status_code}"
    try:
        body = response.json()
        first = body[0] if isinstance(body, list) else body
        code = str(first.get("errorCode") or first.get("error") or code).upper()
    except (requests.RequestException, AttributeError, IndexError, KeyError):
        pass
    return SalesforceCallError(
        f"Salesforce answered {response.status_code} {code}",
        code=code,
        status=response.status_code,
        where=_place(method, path),
    )
