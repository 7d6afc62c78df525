"""The timeline of one claim: its window, the contacts in it, the opening at its end.

Belongs here: the drawing of one claim. Doesn't belong here: which claims are drawn and where
(pdf.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from reportlab.lib.colors import white
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from touchproof.evidence.lines import ClaimLine, TouchLine
from touchproof.evidence.pack_format import money
from touchproof.evidence.pdf_style import (
    ACCENT,
    BOLD,
    INK,
    PALE,
    REGULAR,
    RULE,
    SOFT,
    TEXT_WIDTH,
    WARN,
    fitted,
    shown,
)

_LISTED = 6
_HEAD, _AXIS, _LINE, _GAP = 24.0, 50.0, 10.0, 8.0
_RADIUS = 2.6
_PAD = 8.0


class ClaimTimeline(Flowable):
    """Draw one claim in a strip as wide as the text.

    Args:
        number: Place of the claim in the pack, from 1.
        claim: The claim.
        trail: Its contacts, oldest first.
    """

    def __init__(self, number: int, claim: ClaimLine, trail: Sequence[TouchLine]) -> None:
        super().__init__()
        self.number = number
        self.claim = claim
        self.trail = trail
        self.listed = _listed(trail)
        self.width = TEXT_WIDTH
        self.height = _HEAD + _AXIS + _LINE * ((len(self.listed) + 1) // 2) + _GAP

    def wrap(self, *_available: float) -> tuple[float, float]:
        """Return the size."""
        return self.width, self.height

    def draw(self) -> None:
        """Draw heading, axis and the list of contacts, from top to bottom."""
        canvas: Any = self.canv
        top = self.height
        self._heading(canvas, top - 9)
        self._axis(canvas, top - _HEAD - _AXIS + 29)
        self._list(canvas, top - _HEAD - _AXIS + 2)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.4)
        canvas.line(0, 3, self.width, 3)

    def _heading(self, canvas: Any, y: float) -> None:
        claim = self.claim
        fee = money(claim.fee_cents, claim.currency)
        canvas.setFillColor(INK)
        canvas.setFont(BOLD, 9.5)
        canvas.drawRightString(self.width, y, shown(fee))
        place = f"{self.number:,}.  "
        canvas.setFillColor(SOFT)
        canvas.setFont(REGULAR, 9.5)
        canvas.drawString(0, y, place)
        x = stringWidth(place, REGULAR, 9.5)
        room = self.width - x - stringWidth(fee, BOLD, 9.5) - 12
        reference = fitted(shown(f"Your reference {claim.bank_reference}"), BOLD, 9.5, room)
        canvas.setFillColor(INK)
        canvas.setFont(BOLD, 9.5)
        canvas.drawString(x, y, reference)
        canvas.setFillColor(SOFT)
        canvas.setFont(REGULAR, 8)
        matched = claim.match_method.replace("_", " ")
        about = (
            f"{claim.product_line}, contract {claim.contract_version}, clause {claim.clause}, "
            f"matched by {matched}, our claim {claim.claim_id}"
        )
        canvas.drawString(x, y - 10.5, fitted(shown(about), REGULAR, 8, self.width - x))

    def _axis(self, canvas: Any, y: float) -> None:
        claim = self.claim
        start = claim.opened_at - timedelta(days=claim.referral_window_days)
        left, right = _PAD, self.width - _PAD
        canvas.setFillColor(PALE)
        canvas.rect(left, y - 5, right - left, 17, stroke=0, fill=1)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.8)
        canvas.line(left, y, right, y)
        span = (claim.opened_at - start).total_seconds() or 1.0

        def place(moment: datetime) -> float:
            share = (moment - start).total_seconds() / span
            return left + max(0.0, min(1.0, share)) * (right - left)

        self._marks(canvas, y, start, place)
        canvas.setStrokeColor(WARN)
        canvas.setLineWidth(1.4)
        canvas.line(right, y - 6, right, y + 13)
        self._dots(canvas, y, place)
        canvas.setFillColor(WARN)
        canvas.setFont(BOLD, 7.5)
        opened = (
            f"opened {claim.opened_date.isoformat()} (date only)"
            if claim.is_date_only
            else f"opened {_minute(claim.opened_at)}"
        )
        canvas.drawRightString(right, y - 14, opened)
        canvas.setFillColor(SOFT)
        canvas.setFont(REGULAR, 7.5)
        window = f"window of {claim.referral_window_days:,} days from {_minute(start)}"
        canvas.drawString(left, y - 14, window)

    def _marks(self, canvas: Any, y: float, start: datetime, place: Any) -> None:
        """Mark the first of each month, as long as there is room."""
        month = (start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)) + timedelta(32)
        month = month.replace(day=1)
        canvas.setStrokeColor(SOFT)
        canvas.setFillColor(SOFT)
        canvas.setLineWidth(0.5)
        canvas.setFont(REGULAR, 6.5)
        last = -100.0
        while month < self.claim.opened_at:
            x = place(month)
            canvas.line(x, y - 2, x, y + 2)
            if x - last > 30 and x < self.width - _PAD - 14:
                canvas.drawCentredString(x, y + 14, month.strftime("%Y-%m"))
                last = x
            month = (month + timedelta(32)).replace(day=1)

    def _dots(self, canvas: Any, y: float, place: Any) -> None:
        """Draw each contact; those that would hide one another are stacked."""
        canvas.setStrokeColor(white)
        canvas.setLineWidth(0.5)
        canvas.setFillColor(ACCENT)
        ends = [-100.0, -100.0, -100.0]
        for touch in self.trail:
            x = place(touch.touched_at)
            level = next((n for n, end in enumerate(ends) if x - end >= 2 * _RADIUS), 2)
            ends[level] = x
            canvas.circle(x, y + level * 4.4, _RADIUS, stroke=1, fill=1)

    def _list(self, canvas: Any, y: float) -> None:
        column = (self.width - _PAD) / 2
        for place, (lead, text) in enumerate(self.listed):
            x, line = _PAD + (place % 2) * column, y - _LINE * (place // 2)
            canvas.setFillColor(ACCENT if lead else SOFT)
            canvas.setFont(BOLD, 7.5)
            canvas.drawString(x, line, lead)
            canvas.setFillColor(INK if lead else SOFT)
            canvas.setFont(REGULAR, 7.5)
            canvas.drawString(
                x + (18 if lead else 0), line, fitted(shown(text), REGULAR, 7.5, column - 26)
            )


def _listed(trail: Sequence[TouchLine]) -> list[tuple[str, str]]:
    """Return (number, text) of the contacts to name: all, or the first ones and the last."""
    chosen = list(trail) if len(trail) <= _LISTED else [*trail[: _LISTED - 2], trail[-1]]
    lines = [
        (
            str(touch.touch_number),
            f"{_minute(touch.touched_at)}  {touch.channel}, {touch.interaction}".replace("_", " "),
        )
        for touch in chosen
    ]
    if len(trail) > _LISTED:
        more = len(trail) - len(chosen)
        lines.insert(-1, ("", f"and {more:,} more, all in touches.csv"))
    return lines


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
