"""The tables of `evidence.pdf`: facts, large figures, ruled rows.

Belongs here: how rows of text become tables that break over pages. Doesn't belong here: what is in
them (pdf.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reportlab.lib.units import mm
from reportlab.platypus import Table, TableStyle

from touchproof.evidence import pdf_style as style
from touchproof.evidence.pdf_style import marked, paragraph


def facts_table(facts: Sequence[tuple[str, str]]) -> Table:
    """Return labels and values, one a line."""
    rows = [
        [paragraph(label, style.SMALL), paragraph(marked(value), style.CELL)]
        for label, value in facts
    ]
    table = Table(rows, colWidths=[38 * mm, style.TEXT_WIDTH - 38 * mm])
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, style.RULE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
            ]
        )
    )
    return table


def boxes_table(boxes: Sequence[tuple[str, str]]) -> Table:
    """Return figures and what they are, side by side in a shaded band."""
    cells = [
        [
            paragraph(f"<font name='{style.BOLD}' size='15'>{marked(big)}</font>", style.BODY),
            paragraph(small, style.SMALL),
        ]
        for big, small in boxes
    ]
    table = Table([cells], colWidths=[style.TEXT_WIDTH / len(cells)] * len(cells))
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), style.PALE),
                ("LEFTPADDING", (0, 0), (-1, -1), 8),
                ("TOPPADDING", (0, 0), (-1, -1), 8),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table


def ruled_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths_mm: Sequence[float],
    *,
    right: Iterable[int] = (),
    bold: Iterable[int] = (),
) -> Table:
    """Return a table whose header repeats on each page; texts wrap, figures stand right."""
    to_right, strong = frozenset(right), frozenset(bold)
    cells = [
        [
            paragraph(head, style.HEAD_RIGHT if place in to_right else style.HEAD)
            for place, head in enumerate(heads)
        ]
    ]
    for number, row in enumerate(rows, start=1):
        pair = (
            (style.CELL_BOLD, style.CELL_RIGHT_BOLD)
            if number in strong
            else (style.CELL, style.CELL_RIGHT)
        )
        cells.append(
            [
                paragraph(marked(text), pair[1] if place in to_right else pair[0])
                for place, text in enumerate(row)
            ]
        )
    table = Table(cells, colWidths=[width * mm for width in widths_mm], repeatRows=1)
    table.setStyle(style.TABLE)
    for number in strong:
        table.setStyle(TableStyle([("BACKGROUND", (0, number), (-1, number), style.PALE)]))
    return table
