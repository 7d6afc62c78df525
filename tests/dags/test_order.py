"""The DAGs hang together by their assets, and `make run` derives its order from them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from touchproof.sources.definition import SourceKind
from touchproof.sources.registry import SOURCES as REGISTERED
from touchproof_airflow.assets import LANDED, PUBLISHED, SOURCES
from touchproof_airflow.due import is_due
from touchproof_airflow.order import assets_of, run_order


def test_there_is_an_asset_for_each_extractable_source() -> None:
    extractable = {name for name, one in REGISTERED.items() if one.kind is not SourceKind.LEDGER}
    assert set(SOURCES) == extractable


def test_each_source_is_announced_by_one_dag(bag: Any) -> None:
    for asset in LANDED.values():
        emitters = [d for d, dag in bag.dags.items() if asset.uri in assets_of(dag).emits]
        assert len(emitters) == 1, asset.uri


def test_the_build_waits_for_every_source_and_nothing_else(bag: Any) -> None:
    build = assets_of(bag.dags["build_warehouse"])
    assert build.waits_for == {asset.uri for asset in LANDED.values()}
    assert build.emits == {PUBLISHED.uri}


def test_push_and_packs_wait_for_the_published_night(bag: Any) -> None:
    for dag_id in ("push_salesforce", "export_evidence"):
        assert assets_of(bag.dags[dag_id]).waits_for == {PUBLISHED.uri}


def test_the_order_is_extracts_then_build_then_its_readers(bag: Any) -> None:
    order = run_order(assets_of(dag) for dag in bag.dags.values())
    assert sorted(order) == sorted(bag.dags)
    build = order.index("build_warehouse")
    assert all(name.startswith("extract_") for name in order[:build])
    assert set(order[build + 1 :]) == {
        "export_evidence",
        "push_salesforce",
        "check_published_by_deadline",
        "fit_attribution",
        "push_new_leads",
    }
    by_the_clock = ["check_published_by_deadline", "fit_attribution", "push_new_leads"]
    assert order[-3:] == by_the_clock


def test_the_models_are_fitted_once_a_month(bag: Any) -> None:
    nights = [date(2026, 3, 1) + timedelta(days=number) for number in range(92)]
    fitting = [night for night in nights if is_due(bag.dags["fit_attribution"], night)]
    assert fitting == [date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]
    others = [dag for dag_id, dag in bag.dags.items() if dag_id != "fit_attribution"]
    assert all(is_due(dag, night) for dag in others for night in nights[:3])


def test_announce_and_verdict_run_whatever_the_extract_did(bag: Any) -> None:
    for dag_id, dag in bag.dags.items():
        for task in dag.tasks:
            if task.task_id.endswith((".announce", ".verdict")):
                assert task.trigger_rule == "all_done", (dag_id, task.task_id)
                assert not task.downstream_task_ids, (dag_id, task.task_id)


def test_publish_stands_behind_a_guard_on_the_dbt_producer(bag: Any) -> None:
    build = bag.dags["build_warehouse"]
    guard = build.get_task("require_build")
    assert guard.trigger_rule == "all_done"
    assert build.get_task("publish").upstream_task_ids == {"require_build"}
    watchers = {t.task_id for t in build.tasks if t.task_id.startswith("transform.")}
    assert guard.upstream_task_ids <= watchers
