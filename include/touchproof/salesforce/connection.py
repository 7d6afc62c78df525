"""Which org, and as whom.

Belongs here: `SalesforceConnection` and reading it from the settings, or from the `server.json` of
a pretend world. Doesn't belong here: logging in (client.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from touchproof.errors import ConfigurationError
from touchproof.settings import Settings

_NEEDED = {
    "password": ("username", "password"),
    "jwt": ("username", "client_id", "private_key_file"),
    "client_credentials": ("client_id", "client_secret"),
}


@dataclass(frozen=True)
class SalesforceConnection:
    """Name one org and the integration user's way in; secrets stay out of the repr."""

    auth: Literal["password", "jwt", "client_credentials"]
    domain: str
    username: str = ""
    password: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    private_key_file: str = field(default="", repr=False)
    loopback_url: str | None = None

    @property
    def login_host(self) -> str:
        return f"{self.domain}.salesforce.com"


def connection_from_settings(settings: Settings) -> SalesforceConnection:
    """Return the connection that the settings name, else the world's own loopback server.

    Raises:
        ConfigurationError: If settings are missing for the chosen way to log in, or nothing is
            set and the world has no loopback server.
    """
    if settings.salesforce_username is None and settings.salesforce_client_id is None:
        return _loopback_connection(settings)
    connection = SalesforceConnection(
        auth=settings.salesforce_auth,
        domain=settings.salesforce_domain,
        username=settings.salesforce_username or "",
        password=_reveal(settings.salesforce_password),
        security_token=_reveal(settings.salesforce_security_token),
        client_id=settings.salesforce_client_id or "",
        client_secret=_reveal(settings.salesforce_client_secret),
        private_key_file=str(settings.salesforce_private_key_file or ""),
        loopback_url=settings.salesforce_loopback_url,
    )
    missing = [name for name in _NEEDED[connection.auth] if not getattr(connection, name)]
    if missing:
        raise ConfigurationError(
            f"The Salesforce login by {connection.auth} lacks settings",
            where=", ".join(f"TOUCHPROOF_SALESFORCE_{name.upper()}" for name in missing),
            todo="Set them, or choose another way by TOUCHPROOF_SALESFORCE_AUTH.",
        )
    if connection.auth == "client_credentials" and connection.domain in {"login", "test"}:
        raise ConfigurationError(
            "Client credentials need the org's own domain",
            where="TOUCHPROOF_SALESFORCE_DOMAIN",
            todo="Set it to the part before .salesforce.com, e.g. acme.my.",
        )
    return connection


def _reveal(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _loopback_connection(settings: Settings) -> SalesforceConnection:
    if settings.is_production:
        raise ConfigurationError(
            "No Salesforce org is configured",
            where="TOUCHPROOF_SALESFORCE_USERNAME",
            todo="Set the Salesforce settings from the secret store.",
        )
    try:
        server = json.loads((settings.paths.salesforce_server / "server.json").read_bytes())
        return SalesforceConnection(
            auth="password",
            domain="login",
            username=server["username"],
            password=server["password"],
            security_token=server["security_token"],
            loopback_url=settings.salesforce_loopback_url or server["url"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(
            "No Salesforce org is configured, and this world's pretend one hasn't been started",
            where=f"world {settings.world}",
            todo="Start it (touchproof sandbox serve), or set TOUCHPROOF_SALESFORCE_USERNAME"
            " and the other Salesforce settings.",
        ) from None
