"""The order of DAGs in one process."""

from __future__ import annotations

from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchproof_airflow.order import DagAssets, run_order


def dag(name: str, emits: str = "", waits_for: str = "") -> DagAssets:
    return DagAssets(name, frozenset(emits.split()), frozenset(waits_for.split()))


def test_a_dag_runs_after_all_that_emit_what_it_waits_for() -> None:
    dags = [dag("a_reader", waits_for="x y"), dag("z", "x"), dag("y", "y"), dag("push", "", "x")]
    assert run_order(dags) == ["y", "z", "a_reader", "push"]


def test_a_dag_outside_the_chain_comes_last() -> None:
    assert run_order([dag("check"), dag("extract", "x")]) == ["extract", "check"]


def test_assets_in_a_circle_are_refused() -> None:
    with pytest.raises(CycleError):
        run_order([dag("a", "x", "y"), dag("b", "y", "x")])


@given(st.permutations([dag("a", "x"), dag("b", "y"), dag("c", "z", "x y"), dag("d", "", "z")]))
def test_the_order_doesn_t_depend_on_the_order_of_loading(dags: list[DagAssets]) -> None:
    assert run_order(dags) == ["a", "b", "c", "d"]
