"""Connected components: which identifiers belong to one person.

Belongs here: the graph, on Arrow tables. Doesn't belong here: which links count (the model
int_identity_edges and its seed) and what a person is called (int_person_ids_assigned).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array, csgraph


def connected_components(identifiers: pa.Table, edges: pa.Table) -> pa.Table:
    """Group identifiers that edges connect, directly or through others.

    Args:
        identifiers: One text column; its distinct values are the nodes.
        edges: Two text columns; every value is one of the nodes.

    Returns:
        `identifier_key` and `component_key`, the component's smallest identifier; one row an
        identifier, sorted. The result doesn't depend on the order of the input's rows.
    """
    nodes: Any = pc.unique(identifiers.column(0))  # the stubs know chunked arrays only
    nodes = nodes.take(pc.array_sort_indices(nodes))
    count = len(nodes)
    left, right = (
        pc.index_in(edges.column(position), value_set=nodes).to_numpy() for position in (0, 1)
    )
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, labels = csgraph.connected_components(graph, directed=False)
    # Nodes are sorted, so a component's first node is its smallest.
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    smallest = nodes.take(pa.array(first[inverse], pa.int64()))
    return pa.Table.from_arrays([nodes, smallest], names=["identifier_key", "component_key"])
