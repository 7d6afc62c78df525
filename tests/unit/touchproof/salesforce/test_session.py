"""The session calls the configured hosts only, with timeouts, and counts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from touchproof.errors import ConfigurationError
from touchproof.salesforce.session import CallCounter, LoopbackAdapter, SalesforceSession


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def session_to(url: str, counter: CallCounter | None = None) -> SalesforceSession:
    return SalesforceSession(
        frozenset({"login.salesforce.com"}),
        counter or CallCounter(),
        loopback_url=url,
        timeouts=(0.2, 0.2),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/services/data",
        "https://evil.salesforce.com/services/data",
        "https://login.salesforce.com.evil.example/",
        "https://login.salesforce.com@evil.example/",
        "http://login.salesforce.com/services/data",
        "http://127.0.0.1:1/",
    ],
)
def test_any_other_host_or_scheme_is_stopped_before_a_call(url: str) -> None:
    counter = CallCounter()

    with pytest.raises(ConfigurationError):
        session_to("http://127.0.0.1:9", counter).get(url)

    assert counter.push_calls == 0


def test_an_instance_outside_salesforce_isnt_allowed_even_if_a_login_names_it() -> None:
    with pytest.raises(ConfigurationError):
        session_to("http://127.0.0.1:9").allow_instance("salesforce.com.evil.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8080",
        "http://localhost.evil.example:80",
        "https://127.0.0.1:80",
        "http://127.0.0.1@evil.example",
        "",
    ],
)
def test_the_loopback_adapter_refuses_any_other_machine(url: str) -> None:
    with pytest.raises(ConfigurationError):
        LoopbackAdapter(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_loopback_adapter_takes_this_machine(host: str) -> None:
    LoopbackAdapter(f"http://{host}:8080")


def test_a_server_that_doesnt_answer_is_given_up_and_the_call_counted(silent_port: int) -> None:
    counter = CallCounter()
    session = session_to(f"http://127.0.0.1:{silent_port}", counter)

    with pytest.raises(requests.ReadTimeout):
        session.get("https://login.salesforce.com/services/data/v64.0/limits")

    assert counter.push_calls == 1


def test_proxies_of_the_environment_arent_used(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    session = session_to(f"http://127.0.0.1:{silent_port}")

    with pytest.raises(requests.ReadTimeout):  # a proxy would refuse the connection
        session.get("https://login.salesforce.com/")


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("/services/Soap/u/64.0", (0, 0, 1)),
        ("/services/oauth2/token", (0, 0, 1)),
        ("/services/data/v64.0/limits", (0, 1, 0)),
    ],
)
def test_token_requests_are_counted_apart(path: str, counted: tuple[int, int, int]) -> None:
    counter = CallCounter("extraction")

    counter.sent("GET", path)

    assert (counter.push_calls, counter.extraction_calls, counter.token_requests) == counted


def test_an_answer_without_the_allowance_keeps_what_was_known() -> None:
    counter = CallCounter()
    counter.answered(None, {"Sforce-Limit-Info": "api-usage=1/10"})
    counter.answered(None, {})

    assert counter.last_limit is not None
    assert counter.last_limit.used == 1
