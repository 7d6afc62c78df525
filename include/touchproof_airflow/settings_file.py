"""`airflow_settings.yaml` loaded into Airflow's database where no Astro CLI does it.

Belongs here: reading the Astro CLI's format and writing connections, pools and variables. Doesn't
belong here: what they are for. A connection that the environment provides (AIRFLOW_CONN_…) is
never overwritten, since Airflow looks there first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from touchproof.errors import ConfigurationError
from touchproof.settings import PROJECT_ROOT

SETTINGS_FILE = PROJECT_ROOT / "airflow_settings.yaml"


@dataclass(frozen=True)
class AirflowObjects:
    """List what the file declares, as it stands there; entries without a name are left out."""

    connections: tuple[Mapping[str, Any], ...]
    pools: tuple[Mapping[str, Any], ...]
    variables: tuple[Mapping[str, Any], ...]

    @property
    def slots(self) -> int:
        """Return how many tasks all pools together let run at once."""
        return sum(int(pool["pool_slot"]) for pool in self.pools)


def read_settings_file(path: Path = SETTINGS_FILE) -> AirflowObjects:
    """Read the file.

    Raises:
        ConfigurationError: If it isn't there or isn't in the Astro CLI's format.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        declared = content["airflow"]
        return AirflowObjects(
            connections=_named(declared.get("connections"), "conn_id"),
            pools=_named(declared.get("pools"), "pool_name"),
            variables=_named(declared.get("variables"), "variable_name"),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            "The Airflow settings can't be read",
            where=path.name,
            todo="It needs `airflow:` with connections, pools and variables, as the Astro CLI has.",
        ) from None


def load_settings_file(path: Path = SETTINGS_FILE) -> AirflowObjects:
    """Write what the file declares to Airflow's database; run again, it changes nothing."""
    from airflow.models import Connection, Pool, Variable
    from airflow.utils.session import create_session

    objects = read_settings_file(path)
    with create_session() as session:
        for pool in objects.pools:
            Pool.create_or_update_pool(
                name=pool["pool_name"],
                slots=int(pool["pool_slot"]),
                description=pool.get("pool_description") or "",
                include_deferred=False,
                session=session,
            )
        for entry in objects.connections:
            session.query(Connection).filter(Connection.conn_id == entry["conn_id"]).delete()
            session.add(_connection(entry))
        for variable in objects.variables:
            Variable.set(variable["variable_name"], variable.get("variable_value") or "")
    return objects


def _connection(entry: Mapping[str, Any]) -> Any:
    from airflow.models import Connection

    if entry.get("conn_uri"):
        return Connection(conn_id=entry["conn_id"], uri=entry["conn_uri"])
    return Connection(
        conn_id=entry["conn_id"],
        conn_type=entry.get("conn_type"),
        host=entry.get("conn_host"),
        schema=entry.get("conn_schema"),
        login=entry.get("conn_login"),
        password=entry.get("conn_password"),
        port=entry.get("conn_port"),
        extra=entry.get("conn_extra"),
    )


def _named(entries: Any, name: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(entry for entry in entries or () if entry.get(name))
