"""Airflow's configuration for one world."""

from __future__ import annotations

import sys

import pytest

from touchproof.settings import Settings
from touchproof_airflow import environment


def test_nothing_calls_home(settings: Settings) -> None:
    variables = environment.airflow_environment(settings)
    assert variables["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert variables["AIRFLOW__COSMOS__ENABLE_TELEMETRY"] == "False"
    assert variables["GX_ANALYTICS_ENABLED"] == "False"
    assert variables["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "False"


def test_everything_that_airflow_writes_lies_in_the_world(settings: Settings) -> None:
    variables = environment.airflow_environment(settings)
    home = str(settings.paths.airflow_home)
    for name in (
        "AIRFLOW_HOME",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
        "AIRFLOW__COSMOS__CACHE_DIR",
    ):
        assert home in variables[name], name


def test_children_find_the_same_world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.airflow_environment(settings).items():
        if name.startswith("TOUCHPROOF_"):
            monkeypatch.setenv(name, value)
    assert Settings().paths.root == settings.paths.root


def test_airflow_imported_for_another_home_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "airflow", sys)
    with pytest.raises(RuntimeError, match="before its environment"):
        environment.enter(settings)
