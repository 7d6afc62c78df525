"""Drawing `summary.xlsx`: totals with a chart, every claim, adjustments, what to know.

Belongs here: sheets, formats, the chart, and what makes the bytes reproducible. Doesn't belong
here: any figure that isn't in the pack's content. Only values are written, never a formula, and
each text as a text, so nothing that a bank reported can run in a spreadsheet.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from touchproof.evidence.adjustments import CHANGES
from touchproof.evidence.lines import PackContent
from touchproof.evidence.pack_format import money, utc_text

_INK, _ACCENT, _PALE, _WARN = "#1f2933", "#0b6e99", "#e8f1f5", "#b7410e"
_FIXED = datetime(2000, 1, 1)
_MONEY = "#,##0.00;[Red]-#,##0.00"
_SANDBOX = "SANDBOX: a pretend world's pack, no claim on anybody"


def workbook_bytes(content: PackContent) -> bytes:
    """Return the workbook; the same content gives the same bytes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "yyyy-mm-dd",
        },
    )
    book.set_properties(
        {
            "title": f"Evidence pack {content.header.name}",
            "author": "touchproof",
            "comments": f"pack id {content.pack_id}",
            "created": _FIXED,
        }
    )
    sheets = _Sheets(book, content)
    sheets.totals()
    sheets.claims()
    sheets.adjustments()
    book.close()
    return out.getvalue()


class _Sheets:
    """Write the sheets of one workbook."""

    def __init__(self, book: Any, content: PackContent) -> None:
        self.book = book
        self.content = content
        base = {"font_name": "Calibri", "font_size": 10, "font_color": _INK, "valign": "vcenter"}

        def made(**more: object) -> Any:
            return book.add_format({**base, **more})

        self.plain = made()
        self.text = made(indent=1)
        self.wrapped = made(text_wrap=True, indent=1)
        self.title = made(bold=True, font_size=16, font_color=_ACCENT, indent=1)
        self.label = made(font_color="#52606d", indent=1)
        self.head = made(
            bold=True, font_color="#ffffff", bg_color=_ACCENT, text_wrap=True, indent=1
        )
        self.head_right = made(
            bold=True, font_color="#ffffff", bg_color=_ACCENT, text_wrap=True, align="right"
        )
        self.count = made(num_format="#,##0")
        self.money = made(num_format=_MONEY)
        self.date = made(num_format="yyyy-mm-dd", align="left", indent=1)
        self.moment = made(num_format="yyyy-mm-dd hh:mm", align="left", indent=1)
        self.sum_text = made(bold=True, bg_color=_PALE, top=1, indent=1)
        self.sum_count = made(bold=True, bg_color=_PALE, top=1, num_format="#,##0")
        self.sum_money = made(bold=True, bg_color=_PALE, top=1, num_format=_MONEY)
        self.warning = made(bold=True, font_color="#ffffff", bg_color=_WARN)

    def _sheet(self, name: str, widths: Sequence[int], *, landscape: bool) -> tuple[Any, int]:
        """Add a sheet; return it and its first free row."""
        sheet = self.book.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, self.plain)
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        if landscape:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        sandbox = "SANDBOX   " if self.content.header.is_sandbox else ""
        sheet.set_footer(
            f"&L{sandbox}Evidence pack {self.content.header.name}, id {self.content.pack_id}"
            "&RPage &P of &N"
        )
        if not self.content.header.is_sandbox:
            return sheet, 0
        sheet.set_row(0, 18)
        for column in range(len(widths)):
            sheet.write_blank(0, column, None, self.warning)
        sheet.write_string(0, 0, _SANDBOX, self.warning)
        return sheet, 1

    def totals(self) -> None:
        """Write who, what and the totals by product and currency, with a chart."""
        content, header = self.content, self.content.header
        sheet, row = self._sheet("Summary", (32, 12, 12, 14, 18), landscape=False)
        sheet.set_row(row, 26)
        sheet.write_string(row, 0, f"Referral fees claimed from {header.bank_id}", self.title)
        facts = [
            ("Pack", header.name),
            ("Kind", "claims" if header.kind == "claims" else "adjustments only"),
            ("Month of the openings", header.period),
            ("Issued", utc_text(header.issued_at)),
            ("Signing key", header.key_id),
            ("Pack id (on every page)", content.pack_id),
        ]
        begin = row + 1
        for row, (label, value) in enumerate(facts, start=begin):
            sheet.write_string(row, 0, label, self.label)
            sheet.write_string(row, 1, value, self.text)
        row += 2
        for column, text in enumerate(("Product", "Currency", "Claims", "Contacts", "Fees")):
            sheet.write_string(row, column, text, self.head_right if column > 1 else self.head)
        first = row + 1
        products = _by_product(content)
        for row, (product, currency, claims, touches, cents) in enumerate(products, start=first):
            sheet.write_string(row, 0, product, self.text)
            sheet.write_string(row, 1, currency, self.text)
            sheet.write_number(row, 2, claims, self.count)
            sheet.write_number(row, 3, touches, self.count)
            sheet.write_number(row, 4, _units(cents), self.money)
        last = row
        for currency in sorted({product[1] for product in products}):
            row += 1
            of_currency = [product for product in products if product[1] == currency]
            sheet.write_string(row, 0, "Total claimed", self.sum_text)
            sheet.write_string(row, 1, currency, self.sum_text)
            sheet.write_number(row, 2, sum(one[2] for one in of_currency), self.sum_count)
            sheet.write_number(row, 3, sum(one[3] for one in of_currency), self.sum_count)
            sheet.write_number(row, 4, _units(sum(one[4] for one in of_currency)), self.sum_money)
        row = self._adjustment_totals(sheet, row + 2)
        if products:
            self._chart(sheet, row + 2, first, last)

    def _adjustment_totals(self, sheet: Any, row: int) -> int:
        changes = _by_change(self.content)
        if not changes:
            return row - 2
        heads = ("Adjustments to earlier packs", "Currency", "Lines", "", "Change of fees")
        for column, text in enumerate(heads):
            sheet.write_string(row, column, text, self.head_right if column > 1 else self.head)
        begin = row + 1
        for row, (change, currency, lines, cents) in enumerate(changes, start=begin):
            sheet.write_string(row, 0, change.replace("_", " "), self.text)
            sheet.write_string(row, 1, currency, self.text)
            sheet.write_number(row, 2, lines, self.count)
            sheet.write_number(row, 4, _units(cents), self.money)
        return row

    def _chart(self, sheet: Any, row: int, first: int, last: int) -> None:
        several = len({claim.currency for claim in self.content.claims}) > 1
        chart = self.book.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": "Fees",
                "categories": ["Summary", first, 0, last, 1 if several else 0],
                "values": ["Summary", first, 4, last, 4],
                "fill": {"color": _ACCENT},
                "gap": 60,
                "data_labels": {"value": True, "num_format": "#,##0.00", "font": {"size": 9}},
            }
        )
        chart.set_title({"name": "Fees by product", "name_font": {"size": 12, "color": _INK}})
        chart.set_legend({"none": True})
        chart.set_y_axis({"reverse": True, "line": {"none": True}, "num_font": {"size": 9}})
        chart.set_x_axis(
            {"visible": False, "major_gridlines": {"visible": False}, "min": 0},
        )
        chart.set_size({"width": 620, "height": 110 + 34 * (last - first + 1)})
        sheet.insert_chart(row, 0, chart, {"x_offset": 4, "object_position": 2})

    def claims(self) -> None:
        """Write one row a claim, with a filter and a frozen header."""
        columns = (
            ("Your reference", 26, self.text),
            ("Product", 11, self.text),
            ("Opened on", 13, self.date),
            ("Opened (UTC)", 17, self.moment),
            ("First contact (UTC)", 17, self.moment),
            ("Days before", 8, self.count),
            ("Contacts", 9, self.count),
            ("Fee", 11, self.money),
            ("Currency", 10, self.text),
            ("Matched by", 20, self.text),
            ("Contract", 11, self.text),
            ("Clause", 8, self.text),
            ("Window (days)", 9, self.count),
            ("Our claim", 38, self.text),
        )
        sheet, row = self._sheet("Claims", [width for _, width, _ in columns], landscape=True)
        self._header(sheet, row, [(text, style) for text, _, style in columns])
        top = row
        for row, claim in enumerate(self.content.claims, start=top + 1):
            trail = self.content.trails[claim.claim_id]
            cells = (
                claim.bank_reference,
                claim.product_line,
                claim.opened_date,
                "date only" if claim.is_date_only else _naive(claim.opened_at),
                _naive(claim.first_touched_at),
                (claim.opened_at - claim.first_touched_at).days,
                len(trail),
                _units(claim.fee_cents),
                claim.currency,
                claim.match_method.replace("_", " "),
                claim.contract_version,
                claim.clause,
                claim.referral_window_days,
                claim.claim_id,
            )
            self._row(sheet, row, cells, [style for _, _, style in columns])
        sheet.autofilter(top, 0, max(row, top + 1), len(columns) - 1)

    def adjustments(self) -> None:
        """Write one row an adjustment; the sheet is there even if there is none."""
        columns = (
            ("Your reference", 26, self.text),
            ("Put in pack", 8, self.count),
            ("Change", 18, self.text),
            ("What", 16, self.text),
            ("Before", 32, self.wrapped),
            ("After", 32, self.wrapped),
            ("Change of fee", 12, self.money),
            ("Currency", 10, self.text),
            ("Changed (UTC)", 17, self.moment),
            ("Why", 38, self.wrapped),
            ("Our claim", 38, self.text),
        )
        sheet, row = self._sheet("Adjustments", [width for _, width, _ in columns], landscape=True)
        self._header(sheet, row, [(text, style) for text, _, style in columns])
        top = row
        if not self.content.adjustments:
            sheet.write_string(row + 1, 0, "This pack adjusts no earlier one.", self.plain)
        for row, line in enumerate(self.content.adjustments, start=top + 1):
            cells = (
                line.bank_reference,
                line.issued_in_pack,
                line.change.replace("_", " "),
                line.field.removesuffix("_cents").replace("_", " "),
                _told(line.field, line.before),
                _told(line.field, line.after),
                _units(line.fee_change_cents),
                line.currency,
                _naive(line.changed_at) if line.changed_at else None,
                line.reason or CHANGES[line.change],
                line.claim_id,
            )
            self._row(sheet, row, cells, [style for _, _, style in columns])
        sheet.autofilter(top, 0, max(row, top + 1), len(columns) - 1)

    def _header(self, sheet: Any, row: int, columns: Sequence[tuple[str, Any]]) -> None:
        sheet.set_row(row, 30)
        for column, (text, style) in enumerate(columns):
            is_number = style in (self.count, self.money)
            sheet.write_string(row, column, text, self.head_right if is_number else self.head)
        sheet.freeze_panes(row + 1, 1)
        sheet.repeat_rows(0, row)

    def _row(self, sheet: Any, row: int, cells: Sequence[object], styles: Sequence[Any]) -> None:
        for column, (cell, style) in enumerate(zip(cells, styles, strict=True)):
            if cell is None:
                sheet.write_blank(row, column, None, style)
            elif isinstance(cell, str):
                sheet.write_string(row, column, cell, self.text if style is self.moment else style)
            elif isinstance(cell, (int, Decimal)):
                sheet.write_number(row, column, cell, style)
            else:
                sheet.write_datetime(row, column, cell, style)


def _by_product(content: PackContent) -> list[tuple[str, str, int, int, int]]:
    """Sum (product, currency, claims, contacts, cents)."""
    claims: Counter[tuple[str, str]] = Counter()
    touches: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for claim in content.claims:
        key = (claim.product_line, claim.currency)
        claims[key] += 1
        touches[key] += len(content.trails[claim.claim_id])
        cents[key] += claim.fee_cents
    return [(*key, claims[key], touches[key], cents[key]) for key in sorted(claims)]


def _by_change(content: PackContent) -> list[tuple[str, str, int, int]]:
    """Sum (change, currency, lines, cents)."""
    lines: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for line in content.adjustments:
        lines[line.change, line.currency] += 1
        cents[line.change, line.currency] += line.fee_change_cents
    return [(*key, lines[key], cents[key]) for key in sorted(lines)]


def _told(name: str, value: str) -> str:
    return money(int(value)) if name == "fee_cents" and value else value


def _units(cents: int) -> Decimal:
    return Decimal(cents) / 100


def _naive(moment: datetime) -> datetime:
    """Return a UTC moment as spreadsheets know it: without a zone."""
    return moment.replace(tzinfo=None)
