"""How `evidence.pdf` looks: fonts, styles, the frame of each page.

Belongs here: everything visual that isn't about one section. Doesn't belong here: what the sections
say (pdf.py), the timelines (timeline.py).

The font is Source Sans, from a package, so that no system font matters and accents, Greek and
Cyrillic are drawn; what it can't draw is written as its code point.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, TableStyle

from touchproof.evidence.lines import PackContent

REGULAR, BOLD, ITALIC = "SourceSans", "SourceSans-Bold", "SourceSans-Italic"
INK, SOFT, RULE = HexColor("#1f2933"), HexColor("#52606d"), HexColor("#cbd2d9")
ACCENT, PALE, WARN = HexColor("#0b6e99"), HexColor("#e8f1f5"), HexColor("#b7410e")
WIDTH, HEIGHT = A4
SIDE, TOP, BOTTOM = 20 * mm, 22 * mm, 20 * mm
TEXT_WIDTH = WIDTH - 2 * SIDE
SANDBOX_LINE = "SANDBOX: a pretend world's pack, no claim on anybody"

_FILES = {REGULAR: "Regular", BOLD: "Semibold", ITALIC: "It"}


@cache
def register_fonts() -> frozenset[int]:
    """Register the fonts; return the code points that all upright ones can draw."""
    spec = importlib.util.find_spec("font_source_sans_pro")
    assert spec is not None and spec.origin is not None  # noqa: S101  (a dependency)
    folder = Path(spec.origin).parent / "files"
    for name, file in _FILES.items():
        registerFont(TTFont(name, str(folder / f"SourceSansPro-{file}.ttf")))
    registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=ITALIC, boldItalic=BOLD)
    drawn = TTFont("measured", str(folder / "SourceSansPro-Semibold.ttf")).face.charToGlyph
    return frozenset(drawn)


def shown(text: object) -> str:
    """Return a text as the font can draw it; what it can't becomes `\\u4e2d`."""
    known = register_fonts()
    return "".join(
        letter if ord(letter) in known and letter.isprintable() else f"\\u{ord(letter):04x}"
        for letter in str(text)
    )


def marked(text: object) -> str:
    """Return a text for a paragraph: drawable, its markup characters escaped."""
    return escape(shown(text))


def fitted(text: str, font: str, size: float, width: float) -> str:
    """Cut a drawable text in its middle so that it fits a width in points."""
    if stringWidth(text, font, size) <= width:
        return text
    keep = len(text)
    while keep > 2:
        keep -= 1
        cut = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
        if stringWidth(cut, font, size) <= width:
            return cut
    return "…"


def _style(name: str, **more: Any) -> ParagraphStyle:
    given = {"fontName": REGULAR, "fontSize": 9.5, "leading": 13.5, "textColor": INK, **more}
    return ParagraphStyle(name, **given)


BODY = _style("body", spaceAfter=5)
INTRO = _style("intro", spaceAfter=5, keepWithNext=True)
SMALL = _style("small", fontSize=8, leading=10.5)
SMALL_RIGHT = _style("small right", fontSize=8, leading=10.5, alignment=TA_RIGHT)
CELL = _style("cell", fontSize=8.5, leading=11)
CELL_BOLD = _style("cell bold", fontSize=8.5, leading=11, fontName=BOLD)
CELL_RIGHT = _style("cell right", fontSize=8.5, leading=11, alignment=TA_RIGHT)
CELL_RIGHT_BOLD = _style(
    "cell right bold", fontSize=8.5, leading=11, alignment=TA_RIGHT, fontName=BOLD
)
HEAD = _style("head", fontSize=8.5, leading=11, fontName=BOLD, textColor=white)
HEAD_RIGHT = _style(
    "head right", fontSize=8.5, leading=11, fontName=BOLD, textColor=white, alignment=TA_RIGHT
)
TITLE = _style("title", fontName=BOLD, fontSize=24, leading=29, textColor=ACCENT)
SUBTITLE = _style("subtitle", fontSize=13, leading=18, textColor=SOFT, spaceAfter=10)
SECTION = _style(
    "section",
    fontName=BOLD,
    fontSize=14,
    leading=18,
    textColor=ACCENT,
    spaceBefore=14,
    spaceAfter=5,
    keepWithNext=True,
)
LIST = _style("list", leftIndent=12, bulletIndent=2, spaceAfter=3)

TABLE = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), ACCENT),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 5),
        ("RIGHTPADDING", (0, 0), (-1, -1), 5),
    ]
)


def paragraph(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    """Return a paragraph of marked-up text."""
    return Paragraph(text, style)


class PageCanvas(Canvas):
    """Draw header and footer once the number of pages is known."""

    content: PackContent

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        """Keep the page until all are there."""
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]  # missing in the stubs

    def save(self) -> None:
        """Draw what surrounds the text on each page, then write the file."""
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self._surround(number, len(self._pages))
            super().showPage()
        super().save()

    def _surround(self, number: int, of: int) -> None:
        header = self.content.header
        self.setStrokeColor(RULE)
        self.setLineWidth(0.5)
        self.line(SIDE, BOTTOM - 5 * mm, WIDTH - SIDE, BOTTOM - 5 * mm)
        self.setFillColor(SOFT)
        self.setFont(REGULAR, 8)
        sandbox = "SANDBOX  ·  " if header.is_sandbox else ""
        left = f"{sandbox}Evidence pack {header.name}  ·  pack id {self.content.pack_id}"
        self.drawString(SIDE, BOTTOM - 9 * mm, shown(left))
        self.drawRightString(WIDTH - SIDE, BOTTOM - 9 * mm, f"Page {number:,} of {of:,}")
        if header.is_sandbox:
            self._mark_sandbox()

    def _mark_sandbox(self) -> None:
        self.setFillColor(WARN)
        self.rect(0, HEIGHT - 11 * mm, WIDTH, 11 * mm, stroke=0, fill=1)
        self.setFillColor(white)
        self.setFont(BOLD, 10)
        self.drawCentredString(WIDTH / 2, HEIGHT - 7 * mm, SANDBOX_LINE)
        self.saveState()
        self.translate(WIDTH / 2, HEIGHT / 2)
        self.rotate(52)
        self.setFillColor(Color(0.72, 0.25, 0.05, alpha=0.06))
        self.setFont(BOLD, 130)
        self.drawCentredString(0, -45, "SANDBOX")
        self.restoreState()
