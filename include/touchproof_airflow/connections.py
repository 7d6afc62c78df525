"""Airflow connections turned into the library's settings.

Belongs here: reading the connections `touchproof_salesforce` and `touchproof_evidence_key` (from
AIRFLOW_CONN_…, a secret store or Airflow's database) and laying them over the `TOUCHPROOF_`
environment. Doesn't belong here: the settings themselves (touchproof.settings), or talking to
Salesforce.
"""

from __future__ import annotations

import json
from typing import Any

from touchproof.settings import Settings

SALESFORCE_CONNECTION = "touchproof_salesforce"
EVIDENCE_KEY_CONNECTION = "touchproof_evidence_key"
_EXTRA_FIELDS = (
    "auth",
    "domain",
    "client_id",
    "client_secret",
    "security_token",
    "private_key_file",
    "loopback_url",
)


def settings_for_task() -> Settings:
    """Return the settings of the task that runs now.

    What the environment says about Salesforce wins, so that `make run` reaches its loopback
    server whatever an Airflow database contains.
    """
    settings = Settings()
    if settings.salesforce_username or settings.salesforce_client_id:
        return settings
    return Settings(**_salesforce_fields())


def settings_with_evidence_key() -> Settings:
    """Return the settings of a task that signs packs.

    The key's id is the connection's login, the private key (Ed25519, PEM) its password; extra may
    hold `valid_from` and `valid_to`. Only a task that signs reads it, and only in production: a
    pretend world signs with its own key whatever an Airflow database contains.
    """
    settings = Settings()
    if not settings.is_production or settings.evidence_private_key is not None:
        return settings
    connection = _connection(EVIDENCE_KEY_CONNECTION)
    if connection is None:
        return settings
    extra = json.loads(connection.extra or "{}")
    fields = {
        "evidence_key_id": connection.login,
        "evidence_private_key": connection.password,
        "evidence_key_valid_from": extra.get("valid_from"),
        "evidence_key_valid_to": extra.get("valid_to"),
    }
    return Settings(**{name: value for name, value in fields.items() if value})


def _salesforce_fields() -> dict[str, Any]:
    connection = _connection(SALESFORCE_CONNECTION)
    if connection is None:
        return {}
    extra = json.loads(connection.extra or "{}")
    fields = {f"salesforce_{name}": extra[name] for name in _EXTRA_FIELDS if extra.get(name)}
    if connection.login:
        fields["salesforce_username"] = connection.login
    if connection.password:
        fields["salesforce_password"] = connection.password
    return fields


def _connection(name: str) -> Any:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None
