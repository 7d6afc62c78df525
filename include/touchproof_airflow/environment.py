"""The environment in which Airflow runs on a world's data.

Belongs here: Airflow's configuration as environment variables, set before Airflow is imported,
the same for `make run` and `make ui`. Doesn't belong here: connections and pools
(airflow_settings.yaml), our own settings (touchproof.settings). This module imports no Airflow.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from touchproof.settings import PROJECT_ROOT, Settings
from touchproof_airflow.settings_file import read_settings_file

ONE_PROCESS = "TOUCHPROOF_ONE_PROCESS"
"""Set by `make run`, which runs task after task in its own process while a person waits: no
retries (the person runs the night again), and no task that waits for one that comes later."""


def is_one_process() -> bool:
    """Tell whether tasks run one after the other in one process, without a scheduler."""
    return os.environ.get(ONE_PROCESS) == "1"


def database(settings: Settings) -> Path:
    """Return the file of Airflow's own database."""
    return settings.paths.airflow_home / "airflow.db"


def parallelism() -> int:
    """Return how many tasks may run at once: one a slot, so that a slot is never without a process.

    With fewer, slow extracts could take every process, and the lane of new leads would wait for
    them with its slot free.
    """
    return read_settings_file().slots


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that point Airflow, Cosmos and dbt at one world."""
    home = settings.paths.airflow_home
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(parallelism()),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database(settings)}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        "AIRFLOW__COSMOS__ENABLE_CACHE": "True",
        # Cosmos would write all events of a build anew at each event, for a retry that we never do.
        "AIRFLOW__COSMOS__ENABLE_WATCHER_RELIABLE_RETRY": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "GX_ANALYTICS_ENABLED": "False",
        "TOUCHPROOF_WORLD": settings.world,
        "TOUCHPROOF_DATA_DIR": str(settings.paths.root.parent),
        "TOUCHPROOF_BUSINESS_TIMEZONE": settings.business_timezone,
    }


def enter(settings: Settings) -> None:
    """Set the environment of this process; call it before the first import of Airflow.

    Raises:
        RuntimeError: If Airflow was imported already, so that it would use another database.
    """
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME") != str(
        settings.paths.airflow_home
    ):
        raise RuntimeError("Airflow was imported before its environment was set")
    settings.paths.airflow_home.mkdir(parents=True, exist_ok=True)
    os.environ.update(airflow_environment(settings))
