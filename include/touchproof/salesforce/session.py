"""The HTTP session that every Salesforce request goes through.

Belongs here: which hosts may be called, timeouts, counting calls, remembering the allowance, and
sending requests for Salesforce to the loopback server of a pretend world. Doesn't belong here:
what is asked (client.py). Production code is the same with and without the loopback server: only
an adapter differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from touchproof.errors import ConfigurationError
from touchproof.salesforce.answers import LimitUsage, parse_limit_info

Purpose = Literal["push", "extraction"]


class CallJournal(Protocol):
    """Keep the push calls where a killed process doesn't lose them."""

    @property
    def calls(self) -> int:
        """Return the calls of this run, without those that are known not to have arrived."""

    def sent(self, request: str) -> int:
        """Note a request that is about to be sent; return its number."""

    def answered(self, call: int, usage: LimitUsage | None) -> None:
        """Note that a call was answered, and the use of the allowance that the answer told."""

    def unanswered(self, call: int, *, is_unsent: bool) -> None:
        """Note that no answer came, or that the request never left."""


DEFAULT_TIMEOUTS = (10.0, 120.0)
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKEN_PATHS = ("/services/Soap/u/", "/services/oauth2/")


class CallCounter:
    """Count requests at the moment of sending: one whose answer is lost counts too.

    Args:
        purpose: Whether requests that aren't for a token are push calls or extraction.
    """

    def __init__(self, purpose: Purpose = "push") -> None:
        self.purpose: Purpose = purpose
        self.last_limit: LimitUsage | None = None
        self._counts: Counter[str] = Counter()
        self._journal: CallJournal | None = None

    def keep_in(self, journal: CallJournal) -> None:
        """Keep the push calls from here on in a journal, which counts them then."""
        self._journal = journal

    def sent(self, method: str, path: str) -> int | None:
        """Note one request; return its number in the journal."""
        purpose = "token" if path.startswith(_TOKEN_PATHS) else self.purpose
        if purpose == "push" and self._journal is not None:
            return self._journal.sent(f"{method} {path}")
        self._counts[purpose] += 1
        return None

    def answered(self, call: int | None, headers: Mapping[str, str]) -> None:
        """Remember the allowance that an answer tells, if it does."""
        usage = parse_limit_info(headers.get("Sforce-Limit-Info"))
        self.last_limit = usage or self.last_limit
        if call is not None and self._journal is not None:
            self._journal.answered(call, usage)

    def unanswered(self, call: int | None, error: requests.RequestException) -> None:
        """Note that a request wasn't answered."""
        if call is not None and self._journal is not None:
            self._journal.unanswered(call, is_unsent=never_left(error))

    @property
    def push_calls(self) -> int:
        return self._counts["push"] + (self._journal.calls if self._journal else 0)

    @property
    def extraction_calls(self) -> int:
        return self._counts["extraction"]

    @property
    def token_requests(self) -> int:
        return self._counts["token"]


class LoopbackAdapter(HTTPAdapter):
    """Send what is meant for `https://<any allowed host>` to a server on this machine.

    Args:
        url: `http://127.0.0.1:PORT` of the loopback server.

    Raises:
        ConfigurationError: If the URL names any other machine or isn't plain http.
    """

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        if target.scheme != "http" or target.hostname not in LOOPBACK_HOSTS:
            raise ConfigurationError(
                "The loopback URL doesn't name this machine",
                where="TOUCHPROOF_SALESFORCE_LOOPBACK_URL",
                todo="Use http://127.0.0.1:PORT, or unset it to talk to Salesforce itself.",
            )
        self._netloc = target.netloc
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Send the request with scheme and host replaced."""
        address = urlsplit(request.url or "")
        request.url = urlunsplit(("http", self._netloc, address.path, address.query, ""))
        return super().send(request, *args, **kwargs)


class SalesforceSession(requests.Session):
    """Call only the hosts that are allowed, with timeouts, counting every request.

    Args:
        hosts: Host names that may be called from the start.
        counter: Where requests are counted.
        loopback_url: Loopback server of a pretend world, or None for Salesforce itself.
        timeouts: Seconds to connect and between two reads.
    """

    def __init__(
        self,
        hosts: frozenset[str],
        counter: CallCounter,
        *,
        loopback_url: str | None = None,
        timeouts: tuple[float, float] = DEFAULT_TIMEOUTS,
    ) -> None:
        super().__init__()
        self.trust_env = False
        self.counter = counter
        self._timeouts = timeouts
        self._hosts = set(hosts)
        self.headers["Sforce-Call-Options"] = "client=touchproof"
        self.headers["User-Agent"] = "touchproof"
        if loopback_url is not None:
            self.mount("https://", LoopbackAdapter(loopback_url))

    def allow_instance(self, host: str) -> None:
        """Allow the instance host that a login answered with.

        Raises:
            ConfigurationError: If it isn't a host of Salesforce.
        """
        if not host.endswith(".salesforce.com"):
            raise ConfigurationError(
                "The login named an instance outside salesforce.com",
                where=host,
                todo="Check TOUCHPROOF_SALESFORCE_DOMAIN.",
            )
        self._hosts.add(host)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request, redirects included, if its host is allowed.

        Raises:
            ConfigurationError: If the host isn't one of the configured ones.
        """
        address = urlsplit(request.url or "")
        if address.scheme != "https" or address.hostname not in self._hosts:
            raise ConfigurationError(
                "A request to a host that isn't configured was stopped",
                where=address.hostname or "no host",
                todo="Check TOUCHPROOF_SALESFORCE_DOMAIN.",
            )
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeouts
        call = self.counter.sent(request.method or "", address.path)
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            self.counter.unanswered(call, error)
            raise
        self.counter.answered(call, response.headers)
        return response


def never_left(error: requests.RequestException) -> bool:
    """Tell whether no connection came about, so that Salesforce surely saw no request."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError)
