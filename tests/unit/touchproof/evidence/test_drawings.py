"""Document and workbook show what the tables say, whatever a bank's references look like."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pypdf import PdfReader

from touchproof.evidence.pdf_style import fitted, register_fonts, shown
from touchproof.evidence.signing import signer

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

REFERENCES = (
    "Žluťoučký-Ελληνικά-Русский",
    "<b>&amp;</b>",
    "=1+1",
    "X" * 200,
    "a\tb",
    "中文",
)


@pytest.fixture(scope="module")
def odd(
    tmp_path_factory: pytest.TempPathFactory, make_world: Callable[[Path], EvidenceWorld]
) -> EvidenceWorld:
    """Return a world whose pack holds odd references, many contacts and a date-only opening."""
    world = make_world(tmp_path_factory.mktemp("odd"))
    for number, reference in enumerate(REFERENCES):
        world.skip(number, date(2026, 5, 4), bank_opening_id=f"bank_northlake:{reference}")
    world.skip(50, date(2026, 5, 5), touches=80, is_date_only=True)
    world.publish()
    world.export()
    return world


def _pages(file: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(file).pages]


def test_every_claim_has_its_strip_with_its_own_reference(odd: EvidenceWorld) -> None:
    text = "\n".join(_pages(odd.pack(1) / "evidence.pdf"))
    assert "Žluťoučký-Ελληνικά-Русский" in text
    assert "<b>&amp;</b>" in text
    assert "a\\u0009b" in text and "\\u4e2d\\u6587" in text
    assert "XXX…XXX" in text
    assert "and 75 more, all in touches.csv" in text
    assert "opened 2026-05-05 (date only)" in text
    for row in odd.referrals:
        assert row["claim_id"] in text
    assert "525.65 USD" in text


@pytest.mark.parametrize(
    "words",
    [
        "Evidence of referral fees",
        "Terms",
        "How claims are found",
        "What is not claimed",
        "Totals",
        "The claims",
        "What this document can't prove",
        "Glossary",
    ],
)
def test_the_document_has_every_section(odd: EvidenceWorld, words: str) -> None:
    assert words in "\n".join(_pages(odd.pack(1) / "evidence.pdf"))


def test_each_page_names_pack_id_number_and_sandbox(odd: EvidenceWorld) -> None:
    pages = _pages(odd.pack(1) / "evidence.pdf")
    assert len(pages) > 2
    ids = set()
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert page.count("SANDBOX") >= 3
        ids |= set(re.findall(r"pack id ([0-9a-f]{16})", page))
    assert len(ids) == 1


def test_each_sheet_says_sandbox_at_its_top_and_in_its_footer(odd: EvidenceWorld) -> None:
    with zipfile.ZipFile(odd.pack(1) / "summary.xlsx") as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        texts = [book.read(name).decode() for name in sheets]
        strings = book.read("xl/sharedStrings.xml").decode()
    assert len(texts) == 3
    assert "SANDBOX: a pretend world" in strings
    for text in texts:
        assert "SANDBOX" in re.findall(r"<oddFooter>(.*?)</oddFooter>", text)[0]
        assert 'state="frozen"' in text or text is texts[0]


def test_a_real_pack_says_sandbox_nowhere(world: EvidenceWorld) -> None:
    world.skip(1, date(2026, 5, 9))
    world.publish()
    world.export(signer=signer("key-1", Ed25519PrivateKey.generate(), None, None))
    assert "SANDBOX" not in "".join(_pages(world.pack(1) / "evidence.pdf"))
    with zipfile.ZipFile(world.pack(1) / "summary.xlsx") as book:
        assert b"SANDBOX" not in b"".join(book.read(name) for name in book.namelist())


def test_neither_drawing_names_another_bank_or_a_person(chain: EvidenceWorld) -> None:
    text = "".join(_pages(chain.pack(1, "bank_maple") / "evidence.pdf"))
    with zipfile.ZipFile(chain.pack(1, "bank_maple") / "summary.xlsx") as book:
        text += "".join(book.read(name).decode() for name in book.namelist())
    assert "bank_maple" in text
    assert "northlake" not in text and "per_" not in text


def test_a_text_that_is_too_wide_is_cut_in_its_middle() -> None:
    register_fonts()
    assert fitted("short", "SourceSans", 8, 100) == "short"
    cut = fitted("A" * 100 + "Z" * 100, "SourceSans", 8, 100)
    assert cut.startswith("AAA") and cut.endswith("ZZZ") and "…" in cut
    assert fitted("AAAA", "SourceSans", 8, 1) == "…"
    assert shown("a\u202eb\0") == "a\\u202eb\\u0000"
