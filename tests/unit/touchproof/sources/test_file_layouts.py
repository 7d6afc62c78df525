"""A layout in a YAML says how a file is read; a contradictory one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.file_layouts import FileLayout

LAYOUT: TypeAdapter[Any] = TypeAdapter(FileLayout)
FIELDS = [{"name": "ID", "start": 2, "width": 3}, {"name": "NAME", "start": 5, "width": 4}]
FIXED = {
    "format": "fixed_width",
    "row_marker": "D",
    "trailer": {"marker": "T", "count_start": 2, "count_width": 3},
    "fields": FIELDS,
}


def test_a_fixed_width_file_is_read_by_its_layout(tmp_path: Path) -> None:
    path = tmp_path / "file.dat"
    path.write_text("D01 Ann \nD02 Bob \nT002\n")
    layout = LAYOUT.validate_python(FIXED)
    assert layout.names == ["ID", "NAME"]
    assert layout.read(path, 1000).to_pydict() == {"ID": ["01", "02"], "NAME": ["Ann", "Bob"]}
    path.write_text("D01 Ann \nT002\n")
    with pytest.raises(StructuralFaultError) as raised:
        layout.read(path, 1000)
    assert raised.value.rule == "control_total"


@pytest.mark.parametrize(
    ("layout", "named"),
    [
        ({**FIXED, "fields": [*FIELDS, {"name": "X", "start": 8, "width": 1}]}, "X begins within"),
        ({**FIXED, "row_marker": "DATA"}, "ID begins within"),
        ({"format": "json", "records": "rows", "columns": ["a", "a"]}, "twice"),
        ({"format": "xlsx", "sheet": "S", "columns": ["a"], "control_cell": "1B"}, "control_cell"),
        ({"format": "parquet", "columns": []}, "columns"),
        ({"format": "delimited", "columns": ["a"], "sheet": "S"}, "sheet"),
    ],
)
def test_a_contradictory_layout_is_refused(layout: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        LAYOUT.validate_python(layout)
