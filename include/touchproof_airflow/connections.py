"""Airflow connections turned into the library's settings.

Belongs here: reading the connection `touchproof_salesforce` (from AIRFLOW_CONN_…, a secret store
or Airflow's database) and laying it over the `TOUCHPROOF_` environment. Doesn't belong here: the
settings themselves (touchproof.settings), or talking to Salesforce.
"""

from __future__ import annotations

import json
from typing import Any

from touchproof.settings import Settings

SALESFORCE_CONNECTION = "touchproof_salesforce"
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


def _salesforce_fields() -> dict[str, Any]:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(SALESFORCE_CONNECTION)
    except AirflowNotFoundException:
        return {}
    extra = json.loads(connection.extra or "{}")
    fields = {f"salesforce_{name}": extra[name] for name in _EXTRA_FIELDS if extra.get(name)}
    if connection.login:
        fields["salesforce_username"] = connection.login
    if connection.password:
        fields["salesforce_password"] = connection.password
    return fields
