"""What dbt is started with, by us and by Cosmos: profile, variables, environment.

Belongs here: values only. Doesn't belong here: starting dbt (transform.py), what its connection
needs (dbt_plugin.py). It imports no dbt, which takes seconds.
"""

from __future__ import annotations

from touchproof.dbt_code import compiled_sha256
from touchproof.settings import Settings

PROFILE, TARGET = "touchproof", "warehouse"
"""Names in profiles.yml. Always given: dbt parses anew where they differ from the last run's."""
WAREHOUSE_PATH_VARIABLE = "TOUCHPROOF_WAREHOUSE_PATH"
NIGHT_VARIABLE = "TOUCHPROOF_BUILD_NIGHT"


def dbt_vars(settings: Settings) -> dict[str, str]:
    """Return the variables with which every dbt run of this world is started.

    They are the same every night: dbt parses the whole project again where one changes.
    """
    return {
        "world": settings.world,
        "business_timezone": settings.business_timezone,
        "reporting_currency": settings.reporting_currency,
        "salesforce_attribution_model": settings.salesforce_attribution_model,
        "project_sha256": compiled_sha256(),
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
