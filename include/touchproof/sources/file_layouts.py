"""How a partner's file is laid out, told by a YAML: which format, which columns, which total.

Belongs here: one model a format, each of which reads its file into text columns. Doesn't belong
here: the formats' own reading (delimited.py, fixed_width.py, workbook.py, json_records.py,
parquet_records.py), what the columns mean (banks.py, bank_statements.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from touchproof.sources.delimited import read_delimited
from touchproof.sources.fixed_width import FixedField, Trailer, read_fixed_width
from touchproof.sources.json_records import read_json_records
from touchproof.sources.parquet_records import read_parquet_records
from touchproof.sources.unpack import read_unpacked
from touchproof.sources.workbook import read_workbook

Encoding = Literal["utf-8", "latin-1"]
Names = Annotated[list[str], Field(min_length=1)]


class _Layout(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def names(self) -> list[str]:
        """Return the names of the file's columns, in their order."""
        raise NotImplementedError

    @property
    def has_control_total(self) -> bool:
        """Tell whether the file counts its own rows; one that counts wrongly isn't read."""
        return False

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("it names a column twice")
        return self


class DelimitedLayout(_Layout):
    """Describe a text file with a header and a character between fields."""

    format: Literal["delimited"]
    columns: Names
    encoding: Encoding = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","

    @property
    def names(self) -> list[str]:
        """Return the names of the file's columns, in their order."""
        return self.columns

    def read(self, path: Path, limit: int) -> pa.Table:
        """Read a file into text columns; see `read_delimited`."""
        return read_delimited(
            read_unpacked(path, limit),
            self.columns,
            delimiter=self.delimiter,
            encoding=self.encoding,
        )


class FixedWidthField(BaseModel):
    """Place one field; `start` counts characters from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    start: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]


class FixedWidthTrailer(BaseModel):
    """Say how the last line begins and where it counts the rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    marker: Annotated[str, Field(min_length=1)]
    count_start: Annotated[int, Field(ge=1)]
    count_width: Annotated[int, Field(ge=1)]


class FixedWidthLayout(_Layout):
    """Describe a text file whose fields have places in the line."""

    format: Literal["fixed_width"]
    fields: Annotated[list[FixedWidthField], Field(min_length=1)]
    encoding: Encoding = "utf-8"
    row_marker: str = ""
    header_marker: str | None = None
    trailer: FixedWidthTrailer | None = None

    @model_validator(mode="after")
    def _apart(self) -> Self:
        at = len(self.row_marker)
        for field in self.fields:
            if field.start <= at:
                raise ValueError(f"the field {field.name} begins within the one before it")
            at = field.start - 1 + field.width
        return self

    @property
    def names(self) -> list[str]:
        """Return the names of the file's columns, in their order."""
        return [field.name for field in self.fields]

    @property
    def has_control_total(self) -> bool:
        """Tell whether the file counts its own rows; one that counts wrongly isn't read."""
        return self.trailer is not None

    def read(self, path: Path, limit: int) -> pa.Table:
        """Read a file into text columns; see `read_fixed_width`."""
        return read_fixed_width(
            read_unpacked(path, limit),
            [FixedField(field.name, field.start, field.width) for field in self.fields],
            row_marker=self.row_marker,
            header_marker=self.header_marker,
            trailer=None if self.trailer is None else Trailer(**self.trailer.model_dump()),
            encoding=self.encoding,
        )


class WorkbookLayout(_Layout):
    """Describe one sheet of an XLSX workbook; `control_cell` lies on its sheet `Control`."""

    format: Literal["xlsx"]
    sheet: str
    columns: Names
    control_cell: Annotated[str, Field(pattern=r"^[A-Z]{1,3}[1-9]\d*$")] | None = None

    @property
    def names(self) -> list[str]:
        """Return the names of the file's columns, in their order."""
        return self.columns

    @property
    def has_control_total(self) -> bool:
        """Tell whether the file counts its own rows; one that counts wrongly isn't read."""
        return self.control_cell is not None

    def read(self, path: Path, limit: int) -> pa.Table:
        """Read a file into text columns; see `read_workbook`."""
        return read_workbook(
            read_unpacked(path, limit),
            self.sheet,
            self.columns,
            control_cell=self.control_cell,
            limit=limit,
        )


class JsonLayout(_Layout):
    """Describe a JSON object with a list of flat records and, by name, their number."""

    format: Literal["json"]
    records: str
    columns: Names
    control_total: str | None = None

    @property
    def names(self) -> list[str]:
        """Return the names of the file's columns, in their order."""
        return self.columns

    @property
    def has_control_total(self) -> bool:
        """Tell whether the file counts its own rows; one that counts wrongly isn't read."""
        return self.control_total is not None

    def read(self, path: Path, limit: int) -> pa.Table:
        """Read a file into text columns; see `read_json_records`."""
        return read_json_records(
            read_unpacked(path, limit),
            self.columns,
            records=self.records,
            control_total=self.control_total,
        )


class ParquetLayout(_Layout):
    """Describe a Parquet file of flat rows; `control_total` is a key of its metadata."""

    format: Literal["parquet"]
    columns: Names
    control_total: str | None = None

    @property
    def names(self) -> list[str]:
        """Return the names of the file's columns, in their order."""
        return self.columns

    @property
    def has_control_total(self) -> bool:
        """Tell whether the file counts its own rows; one that counts wrongly isn't read."""
        return self.control_total is not None

    def read(self, path: Path, limit: int) -> pa.Table:
        """Read a file into text columns; see `read_parquet_records`."""
        return read_parquet_records(
            read_unpacked(path, limit),
            self.columns,
            control_total=self.control_total,
            limit=limit,
        )


FileLayout = Annotated[
    DelimitedLayout | FixedWidthLayout | WorkbookLayout | JsonLayout | ParquetLayout,
    Field(discriminator="format"),
]
