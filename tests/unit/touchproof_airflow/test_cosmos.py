"""What surrounds dbt under Airflow: its report, and the events that Cosmos sees."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.events.types import NodeFinished
from dbt_common.events.base_types import msg_from_base_event

from touchproof_airflow.cosmos import PRODUCER, WATCHERS, build_report, thin_out
from touchproof_airflow.environment import ONE_PROCESS


def event(name: str, resource_type: str = "model") -> Any:
    node = SimpleNamespace(resource_type=resource_type)
    return SimpleNamespace(info=SimpleNamespace(name=name), data=SimpleNamespace(node_info=node))


def test_the_report_counts_and_names_and_quotes_nothing(tmp_path: Path) -> None:
    results = [
        {"unique_id": "model.touchproof.a", "status": "success", "message": "OK"},
        {"unique_id": "test.touchproof.b", "status": "fail", "message": "Got 'jane@example.com'"},
        {"unique_id": "model.touchproof.c", "status": "error", "message": "'1234567'"},
        {"unique_id": "model.touchproof.d", "status": "skipped", "message": None},
    ]
    file = tmp_path / "run_results.json"
    file.write_text(json.dumps({"results": results, "elapsed_time": 12.345}))
    report = build_report(file)
    assert report["counts"] == {"error": 1, "fail": 1, "skipped": 1, "success": 1}
    assert report["failed"] == ["model.touchproof.c", "test.touchproof.b"]
    assert "jane" not in json.dumps(report) and "1234567" not in json.dumps(report)


def test_a_build_without_results_has_failed(tmp_path: Path) -> None:
    assert build_report(tmp_path / "run_results.json")["failed"]


@pytest.mark.parametrize("name", ["NodeStart", "NodeCompiling", "NodeExecuting"])
def test_early_events_are_left_out(name: str) -> None:
    seen = event(name)
    thin_out(seen)
    assert seen.info.name == ""


@pytest.mark.parametrize(
    ("name", "resource_type", "is_kept"),
    [
        ("NodeFinished", "model", True),
        ("NodeFinished", "test", False),
        ("RunResultError", "test", True),
        ("LogSkipBecauseError", "model", True),
    ],
)
def test_what_a_task_shows_is_kept(name: str, resource_type: str, is_kept: bool) -> None:
    seen = event(name, resource_type)
    thin_out(seen)
    assert (seen.info.name == name) is is_kept


def test_nothing_is_kept_where_no_task_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONE_PROCESS, "1")
    node = {"unique_id": "model.touchproof.fct_attribution", "node_status": "success"}
    seen = msg_from_base_event(NodeFinished(node_info=node))
    logged = seen.info.msg
    assert logged and seen.data.node_info.node_status == "success"
    thin_out(seen)
    assert seen.info.name == "" and seen.data.node_info.node_status == ""
    assert seen.info.msg == logged, "the log keeps its lines"


@pytest.mark.parametrize(
    ("task_id", "is_watcher"),
    [
        ("transform.stg_ga4__events.run", True),
        ("transform.fct_attribution.test", True),
        ("transform.dbt_producer_watcher_done", True),
        (PRODUCER, False),
        ("gate", False),
        ("publish", False),
    ],
)
def test_only_the_models_tasks_are_watchers(task_id: str, is_watcher: bool) -> None:
    assert (re.compile(WATCHERS).fullmatch(task_id) is not None) is is_watcher
