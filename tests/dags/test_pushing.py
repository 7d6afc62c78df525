"""The task of the nightly push is deferred while Salesforce works long: the real DAG, run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_crm import FIRST_NIGHT, Crm

from touchproof.ledger.store import Ledger
from touchproof.settings import Settings
from touchproof_airflow import alerts, pushing
from touchproof_airflow.pushing import STEP
from touchproof_sandbox.salesforce import lifecycle
from touchproof_sandbox.salesforce.control import Control

DAG_ID = "push_salesforce"
PAUSED = "paused:nightly"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("crm")
    lifecycle.start(folder)
    yield folder
    lifecycle.stop(folder)


@pytest.fixture
def crm(tmp_path: Path, server: Path, new_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Crm:
    """Return an org that looks long at its first job, and a world that wants two changes of it."""
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "WORLD": "deferred",
        "MAX_CHANGED_SHARE": "1",
        "CONFIRM_FIRST_PLAN": "true",
        "SALESFORCE_FIRST_LOOK_SECONDS": "0.05",
    }.items():
        monkeypatch.setenv(f"TOUCHPROOF_{name}", value)
    settings = Settings()
    settings.paths.ledger.parent.mkdir(parents=True)
    shutil.copyfile(new_ledger, settings.paths.ledger)
    settings.paths.salesforce_server.parent.mkdir(parents=True)
    settings.paths.salesforce_server.symlink_to(server)
    info = lifecycle.find(settings.paths.salesforce_server)
    assert info is not None
    made = Crm(settings, Control(info.url))
    made.control.wipe()
    made.control.set_clock(made.clock())
    lead = made.lead()
    made.want("sync_lead_consent", salesforce_id=lead, HasOptedOutOfEmail="true")
    made.want("sync_lead_attributes", salesforce_id=lead, Touchproof_Stage__c="engaged")
    made.publish()
    made.control.reset_counters()
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let the task sleep for a fifth of a second at most."""
    monkeypatch.setattr(pushing, "LONGEST_SLEEP", 0.2)
    return 0.2


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the alerts that are sent."""
    sent: list[Any] = []
    monkeypatch.setattr(alerts, "send", lambda alert, _: sent.append(alert))
    return sent


def steps(crm: Crm) -> dict[str, str]:
    return {run.step: run.status for run in Ledger.of(crm.settings).runs(FIRST_NIGHT)}


def require_pushed(crm: Crm, report: dict[str, Any]) -> None:
    assert (report["status"], report["planned"], report["pushed"]) == ("ok", 2, 2)
    calls: int = crm.control.counters().calls
    assert report["push_calls"] == calls
    (record,) = crm.records().values()
    assert record["HasOptedOutOfEmail"] == "true"
    assert record["Touchproof_Stage__c"] == "engaged"


def test_a_long_wait_defers_the_task_and_it_goes_on_when_the_wait_is_over(
    bag: Any,
    crm: Crm,
    impatient: float,
    told: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow.providers.standard.triggers.temporal import DateTimeTrigger
    from airflow.sdk.exceptions import TaskDeferred

    context = {
        "dag_run": SimpleNamespace(dag_id=DAG_ID),
        "params": {"night": FIRST_NIGHT.isoformat()},
    }
    monkeypatch.setattr("touchproof_airflow.steps.get_current_context", lambda: context)
    task = bag.dags[DAG_ID].get_task("push_nightly")
    crm.control.hold_jobs()

    with pytest.raises(TaskDeferred) as deferred:
        task.go_on(context)

    trigger = deferred.value.trigger
    assert isinstance(trigger, DateTimeTrigger)
    assert deferred.value.method_name == "go_on"
    assert trigger.moment > datetime.now(UTC)
    assert (STEP in steps(crm), steps(crm)[PAUSED], told) == (False, "waiting", [])

    crm.control.stop_faults()
    done = getattr(task, deferred.value.method_name)(context, event=trigger.moment)

    require_pushed(crm, done)
    assert (steps(crm)[STEP], steps(crm)[PAUSED], told) == ("ok", "ok", [])


def test_airflow_takes_a_deferred_push_to_its_end(
    bag: Any, crm: Crm, impatient: float, told: list[Any]
) -> None:
    from touchproof_airflow.local_airflow import prepare_database, run_dag

    prepare_database()
    crm.control.hold_jobs(seconds=1.5)

    outcome = run_dag(bag.dags[DAG_ID], FIRST_NIGHT)

    assert (outcome.state, outcome.failed_tasks, told) == ("success", (), [])
    (run,) = Ledger.of(crm.settings).runs(FIRST_NIGHT, step=STEP)
    assert steps(crm)[PAUSED] == "ok"
    require_pushed(crm, run.report)


def test_in_one_process_the_push_sits_and_waits(
    bag: Any, crm: Crm, impatient: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from touchproof_airflow.local_airflow import prepare_database, run_dag

    monkeypatch.setenv("TOUCHPROOF_ONE_PROCESS", "1")
    prepare_database()
    crm.control.hold_jobs(seconds=1.5)

    outcome = run_dag(bag.dags[DAG_ID], FIRST_NIGHT)

    assert outcome.succeeded
    assert PAUSED not in steps(crm)
    (run,) = Ledger.of(crm.settings).runs(FIRST_NIGHT, step=STEP)
    require_pushed(crm, run.report)
