"""Sending one request to Salesforce and judging its answer.

Belongs here: the session's token, one more login on 401, repeating what may safely be repeated
with growing jittered waits, and turning refusals into `SalesforceCallError`. Doesn't belong here:
which requests there are (client.py), hosts and timeouts (session.py).

A request that changes something is never repeated here: whoever sent it has to look first whether
it happened. A failed read never changes anything in Salesforce.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, TypeVar

import requests

from touchproof.salesforce.answers import NO_ANSWER, SalesforceCallError
from touchproof.salesforce.session import SalesforceSession

logger = logging.getLogger(__name__)

API_VERSION = "64.0"
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_PIECE_BYTES = 1 << 16
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

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        """Send a request and return its JSON.

        Raises:
            SalesforceCallError: If it is refused, not answered, or answered unreadably.
        """
        is_read = method == "GET" or arguments.pop("is_repeatable", False)

        def once() -> Any:
            try:
                return self._once(method, path, None, **arguments).json()
            except requests.exceptions.JSONDecodeError:
                raise SalesforceCallError(
                    "Salesforce's answer isn't readable JSON",
                    code="UNREADABLE_ANSWER",
                    status=502,
                    where=_place(method, path),
                ) from None

        return self._reading(once) if is_read else once()

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send a request; only a GET is tried again.

        Args:
            method: HTTP method.
            path: Below `/services/data/vXX.X/`, or from the root with a leading slash.
            arguments: Passed on to requests.

        Raises:
            SalesforceCallError: If it is refused or not answered.
        """
        if method != "GET":
            return self._once(method, path, None, **arguments)
        return self._reading(lambda: self._once(method, path, None, **arguments))

    def download(self, path: str, target: IO[bytes]) -> None:
        """Write an answer's body to a file; a broken transfer starts the file again."""

        def consume(response: requests.Response) -> None:
            target.seek(0)
            target.truncate()
            for piece in response.iter_content(chunk_size=_PIECE_BYTES):
                target.write(piece)

        self._reading(lambda: self._once("GET", path, consume, stream=True))

    def wait(self, attempt: int) -> None:
        """Wait before the next try or poll, longer with each attempt (counted from 0)."""
        ceiling = min(_FIRST_WAIT_SECONDS * 2.0**attempt, _LONGEST_WAIT_SECONDS)
        self._sleep(ceiling * (0.5 + self._jitter() / 2))

    def _reading(self, work: Callable[[], _Result]) -> _Result:
        _ = self.login  # repeats itself: tries of the read shouldn't multiply it
        return self._repeating(work)

    def _repeating(self, work: Callable[[], _Result]) -> _Result:
        for attempt in range(_TRIES - 1):
            try:
                return work()
            except SalesforceCallError as error:
                if not error.is_transient:
                    raise
                logger.warning("%s at %s; trying again", error.code, error.where)
                self.wait(attempt)
        return work()

    def _once(
        self, method: str, path: str, consume: _Consumer | None, **arguments: Any
    ) -> requests.Response:
        response = self._send(self.login, method, path, consume, **arguments)
        if response.status_code == 401:
            login = self.log_in()
            data = arguments.get("data")
            if data is not None and hasattr(data, "seek"):
                data.seek(0)
            response = self._send(login, method, path, consume, **arguments)
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
        code=NO_ANSWER,
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
