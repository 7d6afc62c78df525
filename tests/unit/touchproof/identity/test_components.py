"""Rules of connected components, against a union-find on random graphs."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from touchproof.identity.components import connected_components

_NAMES = [f"cookie:{number:02d}" for number in range(12)]
_EDGES = st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_NAMES)), max_size=20)


def _components(names: list[str], edges: list[tuple[str, str]]) -> dict[str, str]:
    result = connected_components(
        pa.table({"identifier_key": pa.array(names, pa.string())}),
        pa.table(
            {
                "left": pa.array([left for left, _ in edges], pa.string()),
                "right": pa.array([right for _, right in edges], pa.string()),
            }
        ),
    )
    keys, components = (result.column(n).to_pylist() for n in ("identifier_key", "component_key"))
    return dict(zip(keys, components, strict=True))


def _by_union_find(edges: list[tuple[str, str]]) -> dict[str, str]:
    parent = {name: name for name in _NAMES}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for left, right in edges:
        low, high = sorted((root(left), root(right)))
        parent[high] = low
    return {name: root(name) for name in _NAMES}


@settings(deadline=None)  # the first call imports scipy
@given(_EDGES)
def test_a_component_is_named_by_its_smallest_identifier(edges: list[tuple[str, str]]) -> None:
    assert _components(_NAMES, edges) == _by_union_find(edges)


@settings(deadline=None)
@given(_EDGES, st.integers())
def test_the_order_of_rows_changes_nothing(edges: list[tuple[str, str]], seed: int) -> None:
    names, shuffled = list(_NAMES), list(edges)
    order = random.Random(seed)  # noqa: S311 - an order, no secret
    order.shuffle(names)
    order.shuffle(shuffled)
    assert _components(names, shuffled) == _components(_NAMES, edges)


def test_nobody_without_links_is_alone_and_nobody_at_all_is_fine() -> None:
    assert _components(["b", "a"], []) == {"a": "a", "b": "b"}
    assert _components([], []) == {}
