"""Nested tables brought into a declared schema.

Belongs here: choosing and converting (nested) columns, and reading newline-delimited JSON into
them. Doesn't belong here: any one source's schema.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from touchproof.sources.faults import StructuralFaultError

Array: TypeAlias = Any
"""An Arrow array; its type stubs lack half of what is used here."""

_MAX_BLOCK_BYTES = 1024 * 1024 * 1024


def conform(table: pa.Table, schema: pa.Schema, required: Sequence[str]) -> pa.Table:
    """Return a table of exactly the declared schema.

    Args:
        table: What was read; further columns and struct fields are left out.
        schema: Declared columns; those that the table lacks become null.
        required: Columns that must be there.

    Raises:
        StructuralFaultError: `wrong_header` or `wrong_type`, naming the declared column.
    """
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise StructuralFaultError(
            "wrong_header", column=", ".join(missing), rows_in=table.num_rows
        )
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            found = table.column(field.name).combine_chunks()
            columns.append(_conform_array(found, field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            # Arrow's own message quotes the value.
            raise StructuralFaultError(
                "wrong_type", column=field.name, rows_in=table.num_rows
            ) from None
    return pa.table(columns, schema=schema)


def _conform_array(array: Array, wanted: Any) -> Array:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if array.type == wanted:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), wanted)
    if pa.types.is_struct(wanted):
        return _conform_struct(array, wanted)
    if pa.types.is_list(wanted):
        return _conform_list(array, wanted)
    if _is_nested(array.type):
        raise pa.ArrowTypeError("a nested value stands where a plain one should")
    if pa.types.is_boolean(wanted) and not (
        pa.types.is_boolean(array.type) or pa.types.is_string(array.type)
    ):
        raise pa.ArrowTypeError("a flag is neither true nor false")
    return array.cast(wanted)


def _conform_struct(array: Array, wanted: Any) -> Array:
    if not pa.types.is_struct(array.type):
        raise pa.ArrowTypeError("a plain value stands where a nested one should")
    names = {array.type.field(n).name for n in range(array.type.num_fields)}
    fields = [wanted.field(n) for n in range(wanted.num_fields)]
    children = [
        _conform_array(pc.struct_field(array, field.name), field.type)
        if field.name in names
        else pa.nulls(len(array), field.type)
        for field in fields
    ]
    return pa.StructArray.from_arrays(children, fields=fields, mask=pc.is_null(array))


def _conform_list(array: Array, wanted: Any) -> Array:
    if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        raise pa.ArrowTypeError("a single value stands where a list should")
    as_list = array.cast(pa.list_(array.type.value_type))
    if as_list.offset or as_list.null_count:
        as_list = pa.concat_arrays([as_list])  # no-op for the values, fresh offsets
    values = _conform_array(as_list.flatten(), wanted.value_type)
    lengths = pc.fill_null(pc.list_value_length(as_list), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    return pa.ListArray.from_arrays(
        offsets.cast(pa.int32()), values, type=wanted, mask=pc.is_null(as_list)
    )


def _is_nested(found: pa.DataType) -> bool:
    return bool(pa.types.is_nested(found))


def read_json_lines(content: bytes, schema: pa.Schema) -> pa.Table:
    """Read newline-delimited JSON whose INT64 are texts (BigQuery's way) or numbers.

    Args:
        content: The unpacked file.
        schema: Declared columns; fields that it doesn't know are left out.

    Raises:
        StructuralFaultError: `nul_bytes`, `wrong_encoding`, `damaged_json`, `no_data_rows`.
    """
    if b"\0" in content:
        raise StructuralFaultError("nul_bytes")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StructuralFaultError("wrong_encoding") from UnicodeError(error.reason)
    if not content.strip():
        raise StructuralFaultError("no_data_rows", rows_in=0)
    for integers_as in (pa.string(), pa.int64()):
        try:
            table = pa_json.read_json(
                io.BytesIO(content),
                read_options=pa_json.ReadOptions(
                    use_threads=False, block_size=min(len(content) + 1, _MAX_BLOCK_BYTES)
                ),
                parse_options=pa_json.ParseOptions(
                    explicit_schema=pa.schema(
                        [(f.name, _with_integers_as(f.type, integers_as)) for f in schema]
                    ),
                    unexpected_field_behavior="ignore",
                ),
            )
        except pa.ArrowInvalid:
            continue
        seen = [n for n in table.column_names if table[n].null_count < table.num_rows]
        return table.select(seen)  # a field that no line has isn't a column of the file
    raise StructuralFaultError("damaged_json")


def _with_integers_as(declared: Any, integers_as: Any) -> Any:
    if pa.types.is_int64(declared):
        return integers_as
    if pa.types.is_list(declared):
        return pa.list_(_with_integers_as(declared.value_type, integers_as))
    if pa.types.is_struct(declared):
        fields = [declared.field(n) for n in range(declared.num_fields)]
        return pa.struct([(f.name, _with_integers_as(f.type, integers_as)) for f in fields])
    return declared
