"""The review sheet: an XLSX for a person, and reading it back without trusting it.

Belongs here: how the sheet looks, its limits and checks. Doesn't belong here: what waits for
review and what a decision does (review.py).

Every text is written as text, so that nothing from the data is ever a formula. Coming back, a
sheet is refused as a whole if it is too large, holds macros, links or entities, or if a decided
row isn't exactly what waits for review now.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from touchproof.errors import BadInputError
from touchproof.skips.reasons import require_reason
from touchproof.skips.review import ACCEPT, REJECT, ReviewRow, RowDecision

SHEET = "Review"
MAX_BYTES, MAX_UNPACKED, MAX_PARTS, MAX_ROWS = 20_000_000, 200_000_000, 200, 50_000
_HEADER_ROW = 4
_FORBIDDEN_PARTS = (
    "vbaproject",
    "externallink",
    "activex",
    "embeddings",
    "oleobject",
    "macrosheet",
)


@dataclass(frozen=True)
class Column:
    """Describe one column: its title, width in characters, and how it is shown."""

    name: str
    title: str
    width: int
    look: str = "text"


COLUMNS = (
    Column("decision", "Decision", 11, "input"),
    Column("reason", "Reason", 34, "input"),
    Column("bank_id", "Bank", 11),
    Column("bank_reference", "Bank's reference", 17),
    Column("product_line", "Product", 10),
    Column("opened_date", "Opened", 11),
    Column("fee_cents", "Fee", 10, "money"),
    Column("currency", "In", 5),
    Column("why", "Why a person should look", 36, "wrapped"),
    Column("evidence", "Contacts before the opening", 50, "wrapped"),
    Column("steps", "So far", 22, "wrapped"),
    Column("match_method", "Matched by", 14),
    Column("match_probability", "Certainty", 10),
    Column("candidates", "Persons", 9, "count"),
    Column("contacts", "Contacts", 9, "count"),
    Column("first_contact", "First contact", 13),
    Column("last_contact", "Last contact", 13),
    Column("kind", "What", 9),
    Column("code", "Rule", 17),
    Column("person_id", "Person", 18),
    Column("claim_id", "Claim", 38),
    Column("row_hash", "Row hash", 23),
)
_PRINTED = 17
_FACTS = tuple(field.name for field in fields(ReviewRow))
_PALETTE = {"ink": "#1F2A44", "input": "#FFF8DC", "band": "#F3F6FB", "line": "#D5DBE8"}


def write_sheet(rows: Sequence[ReviewRow], path: Path, *, title: str, made_at: datetime) -> None:
    """Write the sheet.

    Args:
        rows: What waits for review.
        path: The file to write; its folder exists.
        title: Heading: which world and night.
        made_at: Moment noted in the file's properties.
    """
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    workbook = xlsxwriter.Workbook(str(path), options)
    workbook.set_properties(
        {"title": title, "created": made_at.astimezone(UTC).replace(tzinfo=None)}
    )
    looks = _looks(workbook)
    sheet = workbook.add_worksheet(SHEET)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEADER_ROW)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&A&R&8page &P of &N")
    sheet.set_row(_HEADER_ROW, 22)
    sheet.write_string(0, 0, title, looks["title"])
    sheet.write_string(
        1, 0, "Choose a decision and give a reason in the yellow cells; leave the others empty. "
        "A reason names no person. Then: touchproof claims review --in FILE", looks["note"],
    )  # fmt: skip
    sheet.write_string(
        2, 0, "accept: the bank owes us this fee and the claim may be issued. reject: we don't "
        "claim it. The file is refused if a row has changed since.", looks["note"],
    )  # fmt: skip
    for number, column in enumerate(COLUMNS):
        sheet.set_column(number, number, column.width)
        sheet.write_string(_HEADER_ROW, number, column.title, looks["head"])
    for offset, row in enumerate(rows, 1):
        band = "" if offset % 2 else "_band"
        sheet.set_row(_HEADER_ROW + offset, 15 * _lines(row))
        for number, column in enumerate(COLUMNS):
            _write(sheet, _HEADER_ROW + offset, number, column, row, looks[column.look + band])
    last = _HEADER_ROW + max(len(rows), 1)
    # What only the way back needs isn't printed.
    sheet.print_area(0, 0, last, _PRINTED - 1)
    sheet.autofilter(_HEADER_ROW, 0, last, len(COLUMNS) - 1)
    sheet.freeze_panes(_HEADER_ROW + 1, 4)
    sheet.data_validation(
        _HEADER_ROW + 1, 0, last, 0,
        {
            "validate": "list",
            "source": [ACCEPT, REJECT],
            "error_title": "Decision",
            "error_message": "Choose accept or reject, or leave the cell empty.",
        },
    )  # fmt: skip
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True})
    workbook.close()


def read_sheet(path: Path, waiting: Sequence[ReviewRow]) -> list[RowDecision]:
    """Read the decisions of a sheet, or refuse all of it.

    Args:
        path: The file.
        waiting: What waits for review now.

    Raises:
        BadInputError: In one sentence, with the row.
    """
    current = {row.claim_id: row for row in waiting}
    decisions = []
    seen: set[str] = set()
    for number, cells in _cells(path):
        decision = str(cells["decision"] or "").strip().lower()
        reason = str(cells["reason"] or "").strip()
        if not decision and not reason:
            continue
        where = f"row {number}, {cells['bank_id']} {cells['bank_reference']}"[:80]
        row = _same_row(cells, current, where)
        if decision not in (ACCEPT, REJECT):
            raise BadInputError("A decision is accept or reject", where=where)
        require_reason(reason, where)
        if row.claim_id in seen:
            raise BadInputError("A row stands twice in the sheet", where=where)
        seen.add(row.claim_id)
        decisions.append(RowDecision(row, decision, reason))
    return decisions


def _same_row(cells: Mapping[str, Any], current: Mapping[str, ReviewRow], where: str) -> ReviewRow:
    row = current.get(str(cells["claim_id"]))
    todo = "Write a new sheet and decide again: touchproof claims review --out FILE."
    if row is None:
        raise BadInputError("A row doesn't wait for review any more", where=where, todo=todo)
    if str(cells["row_hash"]) != row.row_hash:
        raise BadInputError("A row changed since the sheet was written", where=where, todo=todo)
    for name in _FACTS:
        if _read(cells[name], name) != str(_value(row, name)):
            raise BadInputError(
                f"A row isn't what its hash says: {name} was changed", where=where, todo=todo
            )
    return row


def _cells(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return (row number, cells by column name) of every row below the header."""
    _require_plain(path)
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        workbook = load_workbook(path, read_only=True, data_only=False, keep_links=False)
        sheet = workbook[SHEET]
        found = [
            (number, [(cell.value, cell.data_type) for cell in row])
            for number, row in enumerate(sheet.iter_rows(max_row=MAX_ROWS + 1), 1)
        ]
    except (InvalidFileException, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise BadInputError(
            "The file isn't a review sheet", where=path.name, todo="Use the one that was written."
        ) from error
    if len(found) > MAX_ROWS:
        raise BadInputError(f"The sheet has more than {MAX_ROWS} rows", where=path.name)
    titles = [column.title for column in COLUMNS]
    rows = iter(found)
    for _, cells in rows:
        if [str(value or "") for value, _ in cells][: len(titles)] == titles:
            break
    else:
        raise BadInputError("The sheet has no header row as written", where=path.name)
    read = []
    for number, cells in rows:
        padded = [*cells, *[(None, "n")] * len(COLUMNS)][: len(COLUMNS)]
        if any(kind == "f" for _, kind in padded):
            raise BadInputError("A cell holds a formula", where=f"row {number}")
        if any(value is not None for value, _ in padded):
            names = (column.name for column in COLUMNS)
            read.append((number, dict(zip(names, (v for v, _ in padded), strict=True))))
    return read


def _require_plain(path: Path) -> None:
    """Refuse what a sheet of ours never is, before a reader of spreadsheets sees it."""
    if path.suffix.lower() != ".xlsx" or not path.is_file():
        raise BadInputError("There is no such .xlsx file", where=path.name)
    if path.stat().st_size > MAX_BYTES:
        raise BadInputError("The file is too large for a review sheet", where=path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise BadInputError("The file unpacks to too much", where=path.name)
            for part in parts:
                name = part.filename.lower()
                if any(word in name for word in _FORBIDDEN_PARTS):
                    raise BadInputError("The file holds macros or links", where=path.name)
                if name.endswith((".xml", ".rels")):
                    _require_plain_xml(archive, part, path)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise BadInputError("The file isn't a whole .xlsx", where=path.name) from error


def _require_plain_xml(archive: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> None:
    with archive.open(part) as file:
        content = file.read(part.file_size + 1)
    plain = content.replace(b"\0", b"").lower()
    if b"<!doctype" in plain or b"<!entity" in plain:
        raise BadInputError("The file declares entities", where=path.name)
    if part.filename.lower().endswith(".rels") and b'targetmode="external"' in plain:
        raise BadInputError("The file holds macros or links", where=path.name)


def _value(row: ReviewRow, name: str) -> Any:
    return row.row_hash if name == "row_hash" else getattr(row, name, "")


def _read(value: Any, name: str) -> str:
    """Return a cell's content as the row's own value reads: money in cents, counts whole."""
    if value is None:
        return ""
    if name == "fee_cents":
        try:
            return str(round(Decimal(str(value)) * 100))
        except InvalidOperation:
            return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _write(sheet: Any, line: int, number: int, column: Column, row: ReviewRow, look: Any) -> None:
    if column.look == "input":
        sheet.write_blank(line, number, None, look)
    elif column.look == "money":
        sheet.write_number(line, number, row.fee_cents / 100, look)
    elif column.look == "count":
        sheet.write_number(line, number, int(_value(row, column.name)), look)
    else:
        sheet.write_string(line, number, str(_value(row, column.name)), look)


def _lines(row: ReviewRow) -> int:
    return max(1, -(-len(row.evidence) // 46), -(-len(row.why) // 33), -(-len(row.steps) // 20))


def _looks(workbook: Any) -> dict[str, Any]:
    base = {"font_name": "Calibri", "font_size": 10, "valign": "top", "border": 1,
            "border_color": _PALETTE["line"]}  # fmt: skip
    kinds: dict[str, dict[str, Any]] = {
        "text": {"num_format": "@", "indent": 1},
        "wrapped": {"text_wrap": True, "num_format": "@", "indent": 1},
        "money": {"num_format": "#,##0.00"},
        "count": {"num_format": "0"},
        "input": {"bg_color": _PALETTE["input"], "locked": False, "text_wrap": True,
                  "num_format": "@"},
    }  # fmt: skip
    looks = {name: workbook.add_format({**base, **kind}) for name, kind in kinds.items()}
    for name, kind in kinds.items():
        band = {} if name == "input" else {"bg_color": _PALETTE["band"]}
        looks[f"{name}_band"] = workbook.add_format({**base, **kind, **band})
    looks["title"] = workbook.add_format(
        {"bold": True, "font_size": 14, "font_color": _PALETTE["ink"]}
    )
    looks["note"] = workbook.add_format({"font_size": 10, "font_color": "#55607A"})
    looks["head"] = workbook.add_format(
        {"bold": True, "font_color": "#FFFFFF", "bg_color": _PALETTE["ink"], "valign": "vcenter",
         "text_wrap": True, "border": 1, "border_color": _PALETTE["line"]}
    )  # fmt: skip
    return looks
