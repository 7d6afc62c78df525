"""What dbt is started with, by us and by Cosmos: project, profile, variables, environment.

Belongs here: values only. Doesn't belong here: starting dbt (transform.py), what its connection
needs (dbt_plugin.py). It imports no dbt, which takes seconds.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from touchproof.settings import PROJECT_ROOT, Settings

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
PROFILE, TARGET = "touchproof", "warehouse"
"""Names in profiles.yml. Always given: dbt parses anew where they differ from the last run's."""
WAREHOUSE_PATH_VARIABLE = "TOUCHPROOF_WAREHOUSE_PATH"
NIGHT_VARIABLE = "TOUCHPROOF_BUILD_NIGHT"
_CODE = ("models", "macros")


def dbt_vars(settings: Settings) -> dict[str, str]:
    """Return the variables with which every dbt run of this world is started.

    They are the same every night: dbt parses the whole project again where one changes.
    """
    return {
        "world": settings.world,
        "business_timezone": settings.business_timezone,
        "reporting_currency": settings.reporting_currency,
        "project_sha256": project_sha256(),
    }


def dbt_environment(settings: Settings, night: str) -> dict[str, str]:
    """Return the environment variables of a dbt run: place, night, and what keeps dbt silent.

    Args:
        settings: The world.
        night: The night as YYYY-MM-DD, or an Airflow template of it.
    """
    return {
        WAREHOUSE_PATH_VARIABLE: str(settings.paths.warehouse),
        NIGHT_VARIABLE: night,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def project_sha256(project: Path = DBT_PROJECT) -> str:
    """Return a hash of the code from which models are compiled; where it changes, so may any row.

    Seeds and descriptions aren't code: a changed seed shows in the rows that it changes, a changed
    contract in the table's columns.

    Args:
        project: The dbt project's folder.
    """
    digest = hashlib.sha256((project / "dbt_project.yml").read_bytes())
    for folder in _CODE:
        for path in sorted((project / folder).rglob("*")):
            if path.suffix in (".sql", ".py"):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"\n{path.relative_to(project).as_posix()} {content}".encode())
    return digest.hexdigest()
