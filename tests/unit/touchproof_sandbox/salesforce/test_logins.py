"""simple-salesforce's own three logins, and the refusals of the token endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import simple_salesforce
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from touchproof.salesforce.session import LoopbackAdapter
from touchproof_sandbox.salesforce.control import Control
from touchproof_sandbox.salesforce.lifecycle import ServerInfo

Login = Callable[..., simple_salesforce.Salesforce]


@pytest.fixture
def login(server: ServerInfo, control: Control) -> Login:
    """Return simple-salesforce's constructor, its session led to the server."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", LoopbackAdapter(server.url))

    def construct(**arguments: Any) -> simple_salesforce.Salesforce:
        return simple_salesforce.Salesforce(session=session, version="64.0", **arguments)

    return construct


def by_password(server: ServerInfo) -> dict[str, str]:
    return {
        "username": server.username,
        "password": server.password,
        "security_token": server.security_token,
    }


def by_jwt(server: ServerInfo) -> dict[str, str]:
    return {
        "username": server.username,
        "consumer_key": server.client_id,
        "privatekey_file": server.private_key_file,
    }


def by_client_credentials(server: ServerInfo) -> dict[str, str]:
    return {
        "consumer_key": server.client_id,
        "consumer_secret": server.client_secret,
        "domain": "touchproof-sandbox.my",
    }


@pytest.mark.parametrize("arguments", [by_password, by_jwt, by_client_credentials])
def test_each_login_of_the_library_opens_a_session_that_can_ask(
    login: Login, server: ServerInfo, arguments: Callable[[ServerInfo], dict[str, str]]
) -> None:
    org = login(**arguments(server))

    assert org.query("SELECT Id FROM Organization")["records"][0]["Id"] == server.org_id


def test_the_librarys_bulk_upsert_and_query_run_against_the_server(
    login: Login, server: ServerInfo
) -> None:
    org = login(**by_password(server))
    records = [{"Touchproof_Key__c": "app:1", "LastName": "Ångström", "Company": "none"}]

    done = org.bulk2.Lead.upsert(records=records, external_id_field="Touchproof_Key__c", wait=1)
    read = list(org.bulk2.Lead.query("SELECT LastName FROM Lead", wait=1))

    assert (done[0]["numberRecordsProcessed"], done[0]["numberRecordsFailed"]) == (1, 0)
    assert read == ['"LastName"\n"Ångström"\n']


def test_a_wrong_password_is_refused_as_invalid_login(login: Login, server: ServerInfo) -> None:
    with pytest.raises(simple_salesforce.SalesforceAuthenticationFailed) as refusal:
        login(**by_password(server) | {"password": "wrong"})

    assert refusal.value.code == "INVALID_LOGIN"


def test_a_password_with_markup_in_it_is_compared_as_text(login: Login, server: ServerInfo) -> None:
    with pytest.raises(simple_salesforce.SalesforceAuthenticationFailed):
        login(**by_password(server) | {"password": "</n1:password>&<"})


def test_a_jwt_signed_by_another_key_is_refused(
    login: Login, server: ServerInfo, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = tmp_path / "other.key"
    other.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    with pytest.raises(simple_salesforce.SalesforceAuthenticationFailed) as refusal:
        login(**by_jwt(server) | {"privatekey_file": str(other)})

    assert refusal.value.code == "invalid_grant"


def test_an_expired_jwt_is_refused(server: ServerInfo, control: Control) -> None:
    claims = {
        "iss": server.client_id,
        "sub": server.username,
        "aud": "https://login.salesforce.com",
        "exp": datetime.now(UTC) - timedelta(minutes=1),
    }
    assertion = jwt.encode(claims, Path(server.private_key_file).read_text(), algorithm="RS256")
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    with requests.Session() as http:
        http.trust_env = False
        answer = http.post(
            f"{server.url}/services/oauth2/token",
            data={"grant_type": grant, "assertion": assertion},
            timeout=30,
        )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_wrong_client_credentials_are_refused(login: Login, server: ServerInfo) -> None:
    with pytest.raises(simple_salesforce.SalesforceAuthenticationFailed) as refusal:
        login(**by_client_credentials(server) | {"consumer_secret": "wrong"})

    assert refusal.value.code == "invalid_client"


def test_token_requests_are_counted_apart_from_calls(
    login: Login, server: ServerInfo, control: Control
) -> None:
    org = login(**by_password(server))
    org.query("SELECT Id FROM Organization")

    counters = control.counters()
    assert (counters.calls, counters.token_requests) == (1, 1)


def test_a_call_without_a_session_is_refused_as_401(server: ServerInfo, control: Control) -> None:
    with requests.Session() as http:
        http.trust_env = False
        answer = http.get(f"{server.url}/services/data/v64.0/limits", timeout=30)

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
