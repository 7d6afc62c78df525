"""Path tables in delimited files: read in a stream, refused with the line and the column.

Belongs here: the file format of `attribute-paths`. Doesn't belong here: what is done with the
paths. The file is read once by Arrow; only if that fails is it read again, line by line, to say
where the fault is. Sentences about faults name line and column, never a value.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from touchproof.attribution.paths import Floats, PathTable
from touchproof.attribution.step_codes import (
    SEPARATOR,
    FaultyPathError,
    StepCoder,
    path_fault,
)
from touchproof.errors import BadInputError

PATH = "path"
DEFAULTS = {"conversions": 1.0, "value": 0.0, "nulls": 0.0}
"""The number columns, and what each row has where the file has no such column."""
MAY_BE_NEGATIVE = {"value"}
LARGEST = 1e15
_BLOCK_BYTES = 1 << 24
_MAX_FIELD_CHARACTERS = 1 << 30
_OTHER_SEPARATORS = (",", ";", "\t", "|")
_NAMES = {"\t": "tab", " ": "space"}


def read_path_file(path: Path, separator: str = ",") -> PathTable:
    """Read a delimited file with a header: `path`, and `conversions`, `value`, `nulls` if it has.

    Other columns are ignored.

    Args:
        path: UTF-8, with or without byte order mark.
        separator: One character between fields.

    Raises:
        BadInputError: If the file can't be read, with line and column of the first fault.
    """
    separator = _separator(separator)
    source = _Source(path)
    present = _columns(source, separator)
    coder = StepCoder()
    numbers: dict[str, list[Floats]] = {name: [] for name in present if name != PATH}
    try:
        for batch in _batches(source, separator, present):
            coder.add(batch.column(PATH))
            for name, parts in numbers.items():
                parts.append(_checked(batch.column(name), name))
    except (pa.ArrowInvalid, FaultyPathError, _BadNumberError):
        # Arrow's own message quotes the row.
        _explain(source, separator)
    channels, steps, offsets = coder.result()
    count = len(offsets) - 1
    if count == 0:
        raise BadInputError(
            "There is a header but no path below it",
            where=source.name,
            todo="Give one path a line, e.g. first > second > third.",
        )
    columns = {
        name: np.concatenate(numbers[name]) if name in numbers else np.full(count, default)
        for name, default in DEFAULTS.items()
    }
    return PathTable(channels, steps, offsets, **columns)


class _BadNumberError(Exception):
    """Report a number that is missing, infinite, too large or wrongly negative."""


class _Source:
    """Open a file again and again; what can be read once only (a pipe) is held in memory."""

    def __init__(self, path: Path) -> None:
        self.name = path.name or str(path)
        self._path = path
        self._content: bytes | None = None
        try:
            if not path.is_file():
                self._content = path.read_bytes()
            else:
                path.open("rb").close()
        except OSError as error:
            raise BadInputError(
                f"The file can't be read: {(error.strerror or 'unknown reason').lower()}",
                where=self.name,
            ) from None

    def open(self) -> IO[bytes]:
        """Open it at its begin, after a byte order mark if there is one."""
        stream: IO[bytes] = (
            self._path.open("rb") if self._content is None else io.BytesIO(self._content)
        )
        if stream.read(3) != b"\xef\xbb\xbf":
            stream.seek(0)
        return stream

    def rows(self, separator: str) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the line that it begins on; blank lines aren't rows."""
        csv.field_size_limit(_MAX_FIELD_CHARACTERS)
        with io.TextIOWrapper(self.open(), "utf-8", newline="") as text:
            reader = csv.reader(text, delimiter=separator)
            line = 1
            while True:
                try:
                    row = next(reader, None)
                except UnicodeDecodeError:
                    raise BadInputError(
                        "The text isn't UTF-8",
                        where=f"{self.name}, line {self._undecodable_line()}",
                    ) from None
                except csv.Error:
                    raise BadInputError(
                        "The line isn't delimited text", where=f"{self.name}, line {line}"
                    ) from None
                if row is None:
                    return
                if row:
                    yield line, row
                line = reader.line_num + 1

    def _undecodable_line(self) -> int:
        with self.open() as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError:
                    return number
        raise AssertionError("all lines are UTF-8")  # pragma: no cover


def _separator(separator: str) -> str:
    if separator in ("\\t", "tab"):
        return "\t"
    if len(separator) != 1 or separator in f'"\r\n{SEPARATOR}' or not separator.isascii():
        raise BadInputError(
            "A separator is one character other than a quote, a line break or >",
            where="--sep",
            todo="E.g. --sep ';' or --sep tab.",
        )
    return separator


def _columns(source: _Source, separator: str) -> list[str]:
    """Return the columns that we read, in the file's order."""
    line, header = next(source.rows(separator), (1, []))
    names = [name.strip() for name in header]
    where = f"{source.name}, line {line}"
    if PATH not in names:
        raise BadInputError("There is no column path", where=where, todo=_advice(header, separator))
    present = [name for name in names if name == PATH or name in DEFAULTS]
    for name in present:
        if present.count(name) > 1:
            raise BadInputError(f"The column {name} is there twice", where=where)
    return present


def _advice(header: list[str], separator: str) -> str:
    joined = separator.join(header)
    for other in _OTHER_SEPARATORS:
        if other != separator and PATH in [name.strip() for name in joined.split(other)]:
            return (
                f"It looks separated by {_NAMES.get(other, other)}: add --sep '{other}'.".replace(
                    "'\t'", "tab"
                )
            )
    return "The first line names the columns: path, conversions, value, nulls."


def _batches(source: _Source, separator: str, present: list[str]) -> Iterator[Any]:
    with source.open() as stream:
        line, header = next(source.rows(separator))
        reader = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                block_size=_BLOCK_BYTES,
                column_names=_plain_names(header, present),
                skip_rows=line + "".join(header).count("\n"),
            ),
            parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                include_columns=present,
                column_types={
                    name: pa.large_string() if name == PATH else pa.float64() for name in present
                },
                null_values=[],
                strings_can_be_null=False,
            ),
        )
        yield from reader


def _plain_names(header: list[str], present: list[str]) -> list[str]:
    """Return the header without white space; columns that aren't read get names of their own."""
    names = [name.strip() for name in header]
    return [name if name in present else f"column {place}" for place, name in enumerate(names)]


def _checked(column: Any, name: str) -> Floats:
    # Not `to_numpy`, which imports pandas.
    numbers = np.asarray(np.from_dlpack(column), dtype=np.float64)
    if _number_fault(numbers, name).any():
        raise _BadNumberError
    return numbers


def _number_fault(numbers: Floats, name: str) -> Any:
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(numbers) <= LARGEST)
        return wrong if name in MAY_BE_NEGATIVE else wrong | (numbers < 0)


def _explain(source: _Source, separator: str) -> NoReturn:
    """Read the file line by line and raise for its first fault."""
    rows = source.rows(separator)
    _, header = next(rows)
    names = [name.strip() for name in header]
    for line, row in rows:
        if len(row) != len(names):
            raise BadInputError(
                f"Fields in the line: {len(row)}, in the header: {len(names)}",
                where=f"{source.name}, line {line}",
            )
        for name, field in zip(names, row, strict=True):
            fault = path_fault(field) if name == PATH else _field_fault(field, name)
            if fault:
                raise BadInputError(fault, where=f"{source.name}, line {line}, column {name}")
    raise BadInputError(
        "The file isn't delimited text as we read it",
        where=source.name,
        todo="Look for a quote that isn't closed.",
    )


def _field_fault(field: str, name: str) -> str | None:
    if name not in DEFAULTS:
        return None
    if not field.strip():
        return "The number is missing"
    try:
        number = pa.scalar(field.strip()).cast(pa.float64()).as_py()
    except pa.ArrowInvalid:
        number = math.nan
    if not math.isfinite(number):
        return "This isn't a number"
    if abs(number) > LARGEST:
        return "The number is too large"
    if number < 0 and name not in MAY_BE_NEGATIVE:
        return "The number is negative"
    return None
