"""The summary names every pack and adds up what its lines stand for."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from touchproof.night_report import Pack
from touchproof.summary import print_places


def printed(*packs: Pack) -> list[str]:
    to = StringIO()
    report: Any = SimpleNamespace(packs=packs, status=SimpleNamespace(published=None))
    print_places(report, Console(file=to, width=120))
    return to.getvalue().splitlines()[2:]


def pack(bank: str, number: int, claims: int, **fees: int) -> Pack:
    return Pack(
        bank, f"2026-{number + 2:02}", claims, fees, f"evidence/{bank}/{number:04}", "issued"
    )


def test_a_banks_packs_are_one_line_with_their_sums() -> None:
    lines = printed(
        pack("harbor", 2, 1_040, USD=100_050, CAD=5),
        pack("aurore", 1, 1, CAD=5_000),
        pack("harbor", 1, 2, USD=16_500),
    )
    assert lines == [
        "  evidence/aurore/0001              2026-03: 1 claims, 50.00 CAD (issued)",
        "  evidence/harbor/0001 … 0002       2026-03 to 2026-04: 2 packs, 1,042 claims,"
        " 0.05 CAD + 1,165.50 USD (issued)",
    ]


def test_a_night_without_packs_says_why() -> None:
    assert "once the month is closed" in printed()[0]
