"""Which org, and as whom: from the settings, else from the world's own server."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from touchproof.errors import ConfigurationError
from touchproof.salesforce.connection import connection_from_settings
from touchproof.settings import Settings

SERVER = {
    "url": "http://127.0.0.1:4711",
    "username": "user",
    "password": "word",
    "security_token": "token",
}


def write_server(settings: Settings, content: str) -> None:
    place = settings.paths.salesforce_server / "server.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


def test_a_pretend_world_uses_its_own_server(settings: Settings) -> None:
    write_server(settings, json.dumps(SERVER))

    connection = connection_from_settings(settings)

    assert (connection.auth, connection.username) == ("password", "user")
    assert connection.loopback_url == "http://127.0.0.1:4711"


@pytest.mark.parametrize("content", [None, "", "{}", "[]"])
def test_a_world_without_a_usable_server_says_what_to_do(
    settings: Settings, content: str | None
) -> None:
    if content is not None:
        write_server(settings, content)

    with pytest.raises(ConfigurationError, match="touchproof sandbox serve"):
        connection_from_settings(settings)


def test_the_production_world_never_falls_back_to_a_pretend_server(settings: Settings) -> None:
    production = settings.model_copy(update={"world": "main"})
    write_server(production, json.dumps(SERVER))

    with pytest.raises(ConfigurationError, match="secret store"):
        connection_from_settings(production)


def test_settings_win_over_the_worlds_server(settings: Settings) -> None:
    write_server(settings, json.dumps(SERVER))
    configured = settings.model_copy(
        update={"salesforce_username": "real", "salesforce_password": SecretStr("secret")}
    )

    connection = connection_from_settings(configured)

    assert (connection.username, connection.loopback_url) == ("real", None)
    assert "secret" not in repr(connection)


@pytest.mark.parametrize(
    ("auth", "missing"),
    [
        ("password", "TOUCHPROOF_SALESFORCE_PASSWORD"),
        ("jwt", "TOUCHPROOF_SALESFORCE_CLIENT_ID, TOUCHPROOF_SALESFORCE_PRIVATE_KEY_FILE"),
        (
            "client_credentials",
            "TOUCHPROOF_SALESFORCE_CLIENT_ID, TOUCHPROOF_SALESFORCE_CLIENT_SECRET",
        ),
    ],
)
def test_missing_settings_are_named(settings: Settings, auth: str, missing: str) -> None:
    configured = settings.model_copy(
        update={"salesforce_username": "real", "salesforce_auth": auth}
    )

    with pytest.raises(ConfigurationError) as refusal:
        connection_from_settings(configured)

    assert refusal.value.where == missing


def test_client_credentials_need_the_orgs_own_domain(settings: Settings) -> None:
    configured = settings.model_copy(
        update={
            "salesforce_auth": "client_credentials",
            "salesforce_client_id": "id",
            "salesforce_client_secret": SecretStr("secret"),
        }
    )

    with pytest.raises(ConfigurationError) as refusal:
        connection_from_settings(configured)

    assert refusal.value.where == "TOUCHPROOF_SALESFORCE_DOMAIN"
