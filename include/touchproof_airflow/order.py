"""The order in which one process runs the DAGs, derived from their assets.

Belongs here: who emits and who waits for which asset, and the topological order of that. Doesn't
belong here: running (runner.py); under a scheduler Airflow itself does this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True)
class DagAssets:
    """Name the assets that a DAG emits and those that start it, by URI."""

    dag_id: str
    emits: frozenset[str]
    waits_for: frozenset[str]


def assets_of(dag: Any) -> DagAssets:
    """Read a DAG's assets from its tasks' outlets and its schedule."""
    emits = {outlet.uri for task in dag.tasks for outlet in task.outlets if hasattr(outlet, "uri")}
    waits_for = _uris(getattr(dag.timetable, "asset_condition", None))
    return DagAssets(dag.dag_id, frozenset(emits), frozenset(waits_for))


def _uris(condition: Any) -> set[str]:
    """Collect the assets of a schedule: one asset, or a condition over several."""
    if hasattr(condition, "uri"):
        return {condition.uri}
    return {uri for part in getattr(condition, "objects", ()) for uri in _uris(part)}


def run_order(dags: Iterable[DagAssets]) -> list[str]:
    """Return the DAG ids, each after all that emit what it waits for.

    DAGs that neither emit nor wait come last; ties are in alphabetical order.

    Raises:
        graphlib.CycleError: If the assets go round in a circle.
    """
    known = sorted(dags, key=lambda dag: dag.dag_id)
    emitters: dict[str, set[str]] = {}
    for dag in known:
        for asset in dag.emits:
            emitters.setdefault(asset, set()).add(dag.dag_id)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for dag in known:
        if dag.emits or dag.waits_for:
            before = {emitter for asset in dag.waits_for for emitter in emitters.get(asset, ())}
            sorter.add(dag.dag_id, *sorted(before))
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order + [dag.dag_id for dag in known if not dag.emits and not dag.waits_for]
