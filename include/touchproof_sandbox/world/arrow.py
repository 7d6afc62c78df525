"""Short ways to build Arrow arrays.

Belongs here: texts, gathers and structs. Doesn't belong here: anything about events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ArrowArray: TypeAlias = Any
"""A `pyarrow.Array` of whatever type (the library's own types aren't precise enough to help)."""
Index: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]


def numbers(values: NDArray[Any], is_null: Mask | None = None) -> ArrowArray:
    """Return numbers or truth values as an array, null where `is_null` is true."""
    return pa.array(values, mask=is_null)


def texts(values: Sequence[str | None]) -> ArrowArray:
    """Return the texts as an array."""
    return pa.array(values, pa.string())


def constant(value: str, count: int) -> ArrowArray:
    """Return `count` times the same text."""
    return pa.repeat(pa.scalar(value), count)


def gather(values: ArrowArray, index: Index, keep: Mask | None = None) -> ArrowArray:
    """Return `values` at the places of `index`, null where `keep` is false."""
    return values.take(pa.array(index, mask=None if keep is None else ~keep))


def struct(
    kind: pa.StructType, fields: Mapping[str, ArrowArray], is_null: Mask | None = None
) -> ArrowArray:
    """Return a struct array of the kind; fields that aren't given are null."""
    count = len(next(iter(fields.values())))
    arrays = [fields.get(field.name, pa.nulls(count, field.type)) for field in kind]
    mask = None if is_null is None else pa.array(is_null)
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=mask)
