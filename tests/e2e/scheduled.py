"""A world under Airflow's real scheduler: what the tests of this folder share.

Belongs here: making the world, speaking to Airflow's REST API. Doesn't belong here: any test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from touchproof.settings import Settings
from touchproof.world_clock import set_world_clock
from touchproof_airflow import pretend
from touchproof_airflow.planning import NightPlan, RunRequest
from touchproof_airflow.ui import USER, AirflowServer

ONE_DAY = timedelta(days=1)
EXTRACTS = tuple(
    f"extract_{name}"
    for name in ("salesforce", "ga4", "email", "media", "app", "banks", "web_forms")
)
AFTERWARDS = ("push_salesforce", "export_evidence")


@dataclass(frozen=True)
class Api:
    """Speak to Airflow's REST API as the signed-in user."""

    url: str
    session: requests.Session

    @classmethod
    def of(cls, server: AirflowServer) -> Api:
        session = requests.Session()
        login = {"username": USER, "password": server.password()}
        answer = session.post(f"{server.url}auth/token", json=login, timeout=60)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return cls(f"{server.url}api/v2/", session)

    def unpause(self, dag_id: str) -> None:
        answer = self.session.patch(
            f"{self.url}dags/{dag_id}", json={"is_paused": False}, timeout=60
        )
        answer.raise_for_status()

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        answer = self.session.get(f"{self.url}dags/{dag_id}/dagRuns", timeout=60)
        answer.raise_for_status()
        return list(answer.json()["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        answer = self.session.get(
            f"{self.url}dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=500", timeout=60
        )
        answer.raise_for_status()
        return list(answer.json()["task_instances"])


def make_world(folder: Path) -> Settings:
    """Make a small world, run its first night, and let the next one be due."""
    settings = Settings(data_dir=folder, world="demo")
    environment = os.environ | {
        "TOUCHPROOF_DATA_DIR": str(settings.data_dir),
        "TOUCHPROOF_WORLD": settings.world,
    }
    command = [sys.executable, "-m", "touchproof_airflow", "run"]
    subprocess.run([*command, "--customers", "1500", "--days", "45"], env=environment, check=True)
    due = second_night(settings)
    plan = NightPlan(due, due, False, "due")
    pretend.ensure_days(settings, pretend.describe(settings, RunRequest()), plan)
    pretend.ensure_salesforce(settings, plan)
    set_world_clock(settings, morning_after(due))
    return settings


def second_night(settings: Settings) -> date:
    """Return the night that is due in a world that `make_world` made."""
    return pretend.first_night(settings) + ONE_DAY


def morning_after(night: date) -> datetime:
    """Return the moment at which a night is due."""
    return datetime(night.year, night.month, night.day, 5, tzinfo=UTC) + ONE_DAY


def scheduled_runs(api: Api, dag_id: str) -> list[dict[str, Any]]:
    """Return the runs that the scheduler made, not those of `make run`."""
    return [run for run in api.runs(dag_id) if run["run_type"] != "manual"]
