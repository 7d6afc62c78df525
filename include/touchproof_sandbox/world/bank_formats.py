"""Files as each bank writes them: its own YAML read backwards, in any layout.

Belongs here: values in a bank's codes, dates and numbers, and the bytes of every layout. Doesn't
belong here: what a bank reports (bank_files.py) or answers (bank_replies.py), reading (touchproof).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import xlsxwriter

from touchproof.sources.bank_statements import AnswerMapping, StatementMapping
from touchproof.sources.banks import MAPPINGS_FOLDER, BankMapping, load_mapping
from touchproof.sources.file_layouts import (
    DelimitedLayout,
    FileLayout,
    FixedWidthLayout,
    JsonLayout,
    ParquetLayout,
    WorkbookLayout,
)
from touchproof_sandbox.world import files

Value = str | date | datetime | Decimal | None
"""A value before a bank writes it: None where it has none, amounts in units of its currency."""

_DATE_GROUP, _MAYBE_PACKED = r"(?P<date>\d{8})", r"(\.gz)?"
_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_TYPED = (WorkbookLayout, ParquetLayout)


@cache
def bank_mappings() -> dict[str, BankMapping]:
    """Return every bank's mapping by its source's name, in the names' order."""
    mappings = [load_mapping(path) for path in sorted(MAPPINGS_FOLDER.glob("*.yml"))]
    return {mapping.source: mapping for mapping in mappings}


def openings_bytes(mapping: BankMapping, rows: Sequence[Mapping[str, Value]]) -> bytes:
    """Return a file of openings; rows by our columns, codes as ours."""
    codes = {
        "product_line": _backwards(mapping.product_codes),
        "existing_customer": _backwards(mapping.existing_customer_codes),
    }
    formats = {
        "opened_at": mapping.opened_at.format,
        "birth_date": mapping.birth_date_format,
    }
    return _bytes(mapping, mapping.layout, mapping.columns, rows, codes, formats)


def answers_bytes(
    mapping: BankMapping, section: AnswerMapping, rows: Sequence[Mapping[str, Value]]
) -> bytes:
    """Return a file of a statement or remittance; rows by our columns, codes as ours."""
    codes: dict[str, Mapping[str, str]] = {}
    if isinstance(section, StatementMapping):
        codes = {
            "status": _backwards(section.status_codes),
            "reason_code": _backwards(section.reason_codes),
        }
    formats = dict.fromkeys(("statement_date", "paid_date"), section.date_format)
    return _bytes(mapping, section.layout, section.columns, rows, codes, formats)


def file_name(pattern: str, day: date) -> str:
    """Return the name of a day's file that a pattern matches, uncompressed."""
    plain = pattern.replace(_DATE_GROUP, f"{day:%Y%m%d}").replace(_MAYBE_PACKED, "")
    return plain.replace("\\.", ".")


def _backwards(codes: Mapping[str, str]) -> dict[str, str]:
    return {ours: theirs for theirs, ours in reversed(list(codes.items()))}


def _bytes(
    mapping: BankMapping,
    layout: FileLayout,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Value]],
    codes: Mapping[str, Mapping[str, str]],
    formats: Mapping[str, str],
) -> bytes:
    """Convert values, name them as the file does, and write them."""
    ours = {theirs: name for name, theirs in columns.items()}

    def value(name: str | None, row: Mapping[str, Value]) -> Value:
        found = row.get(name) if name else None
        if found is None or name is None:
            return None
        if name in codes:
            return codes[name].get(str(found), str(found))
        if isinstance(layout, _TYPED):
            return found
        if isinstance(found, date):
            return found.strftime(formats[name])
        if isinstance(found, Decimal):
            return found if isinstance(layout, JsonLayout) else _number(mapping, found)
        return found

    table = [{theirs: value(ours.get(theirs), row) for theirs in layout.names} for row in rows]
    return _WRITERS[type(layout)](layout, table)


def _number(mapping: BankMapping, amount: Decimal) -> str:
    if mapping.implied_decimals:
        return str(int(amount.scaleb(mapping.implied_decimals)))
    return f"{amount:.2f}".replace(".", mapping.decimal_mark)


Rows = Sequence[Mapping[str, Any]]


def _delimited(layout: DelimitedLayout, rows: Rows) -> bytes:
    lines = [list(row.values()) for row in rows]
    text = files.csv_text(layout.names, lines, delimiter=layout.delimiter)
    return text.encode(layout.encoding, "replace")


def _fixed_width(layout: FixedWidthLayout, rows: Rows) -> bytes:
    lines = []
    for row in rows:
        line = layout.row_marker
        for field in layout.fields:
            text = str(row[field.name] or "")
            if len(text) > field.width:
                raise ValueError(f"{field.name} has no room for {len(text)} characters")
            line = line.ljust(field.start - 1) + text.ljust(field.width)
        lines.append(line)
    if layout.header_marker is not None:
        lines.insert(0, layout.header_marker)
    if layout.trailer is not None:
        count = str(len(rows)).rjust(layout.trailer.count_width, "0")
        lines.append(layout.trailer.marker.ljust(layout.trailer.count_start - 1) + count)
    return "".join(f"{line}\r\n" for line in lines).encode(layout.encoding, "replace")


def _json(layout: JsonLayout, rows: Rows) -> bytes:
    records = [
        {name: float(one) if isinstance(one, Decimal) else one for name, one in row.items()}
        for row in rows
    ]
    total = {layout.control_total: len(records)} if layout.control_total else {}
    return files.json_bytes({**total, layout.records: records}, indent=1)


def _parquet(layout: ParquetLayout, rows: Rows) -> bytes:
    def kind(name: str) -> pa.DataType:
        first = next((row[name] for row in rows if row[name] is not None), "")
        if isinstance(first, datetime):
            return pa.timestamp("us", "UTC")
        if isinstance(first, date):
            return pa.date32()
        return pa.decimal128(18, 2) if isinstance(first, Decimal) else pa.string()

    table = pa.table(
        {name: pa.array([row[name] for row in rows], kind(name)) for name in layout.names}
    )
    if layout.control_total is not None:
        table = table.replace_schema_metadata({layout.control_total: str(len(rows))})
    return files.parquet_bytes(table)


def _workbook(layout: WorkbookLayout, rows: Rows) -> bytes:
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True, "strings_to_formulas": False})
    book.set_properties({"created": _MADE_AT})
    sheet = book.add_worksheet(layout.sheet)
    day, moment = (
        book.add_format({"num_format": form}) for form in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")
    )
    sheet.write_row(0, 0, layout.names)
    for number, row in enumerate(rows, start=1):
        for place, one in enumerate(row.values()):
            if isinstance(one, datetime):
                sheet.write_datetime(number, place, one.replace(tzinfo=None), moment)
            elif isinstance(one, date):
                sheet.write_datetime(number, place, one, day)
            elif isinstance(one, Decimal):
                sheet.write_number(number, place, float(one))
            elif one is not None:
                sheet.write_string(number, place, one)
    if layout.control_cell is not None:
        book.add_worksheet("Control").write_number(layout.control_cell, len(rows))
    book.close()
    return sink.getvalue()


_WRITERS: Mapping[type[Any], Callable[[Any, Rows], bytes]] = {
    DelimitedLayout: _delimited,
    FixedWidthLayout: _fixed_width,
    JsonLayout: _json,
    ParquetLayout: _parquet,
    WorkbookLayout: _workbook,
}
