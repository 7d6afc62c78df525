"""Drawing `evidence.pdf`: the pack as a lawyer reads it.

Belongs here: the sections and what is in them. Doesn't belong here: fonts, colours and page frame
(pdf_style.py), tables (pdf_tables.py), timelines (timeline.py), fixed words (pdf_words.py), any
figure that isn't in the pack's content.

`invariant` fixes reportlab's dates and ids, so the same content gives the same bytes.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.lib.units import mm
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Spacer,
    Table,
)

from touchproof.evidence import pdf_style as style
from touchproof.evidence.adjustments import CHANGES
from touchproof.evidence.lines import PackContent
from touchproof.evidence.pack_format import money, utc_text
from touchproof.evidence.pdf_style import marked, paragraph
from touchproof.evidence.pdf_tables import boxes_table, facts_table, ruled_table
from touchproof.evidence.pdf_words import CONTACT, GLOSSARY, LIMITS, METHOD, READING, VERIFYING
from touchproof.evidence.timeline import ClaimTimeline

Story = list[Flowable]


def document_bytes(content: PackContent) -> bytes:
    """Return the document; the same content gives the same bytes."""
    style.register_fonts()
    out = io.BytesIO()
    header = content.header
    document = BaseDocTemplate(
        out,
        pagesize=(style.WIDTH, style.HEIGHT),
        title=f"Evidence pack {header.name}",
        author="touchproof",
        subject=f"pack id {content.pack_id}",
        lang="en-US",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(
        style.SIDE,
        style.BOTTOM,
        style.TEXT_WIDTH,
        style.HEIGHT - style.TOP - style.BOTTOM,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    document.addPageTemplates(PageTemplate("page", frames=[frame]))
    canvas: Any = type("PackCanvas", (style.PageCanvas,), {"content": content})
    document.build(_story(content), canvasmaker=canvas)
    return out.getvalue()


def _story(content: PackContent) -> Story:
    story = [*_title(content), *_terms(content), *_method(content), *_rules(content)]
    story += [*_totals(content), *_adjustments(content), *_claims(content)]
    story += _section("What this document can't prove", [_bullets(LIMITS)])
    glossary = [
        paragraph(f"<font name='{style.BOLD}'>{word}</font>: {meaning}", style.BODY)
        for word, meaning in GLOSSARY
    ]
    return [*story, *_section("Glossary", glossary)]


def _section(title: str, parts: Iterable[Any]) -> Story:
    story: Story = [paragraph(title, style.SECTION)]
    for part in parts:
        story += part if isinstance(part, list) else [part]
    return story


def _bullets(texts: Iterable[str]) -> Story:
    return [paragraph(f"<bullet>•</bullet>{text}", style.LIST) for text in texts]


def _title(content: PackContent) -> Story:
    header = content.header
    local = header.issued_at.astimezone(ZoneInfo(header.business_timezone))
    kind = "Claims" if header.kind == "claims" else "Adjustments only"
    if header.kind == "claims" and content.adjustments:
        kind = "Claims, and adjustments to earlier packs"
    facts = [
        ("Bank", header.bank_id),
        ("Pack", f"{header.name} ({kind.lower()})"),
        ("Month of the openings", header.period),
        ("Issued", f"{utc_text(header.issued_at)} ({local:%Y-%m-%d %H:%M} {local:%Z})"),
        ("Signing key", f"{header.key_id} (Ed25519)"),
        ("Key fingerprint", _spaced(header.key_sha256)),
        ("Previous pack's hash", _spaced(header.previous_manifest_sha256 or "none: the first")),
        ("Pack id", content.pack_id),
    ]
    return [
        Spacer(1, 6 * mm),
        paragraph("Evidence of referral fees", style.TITLE),
        paragraph(marked(f"{kind} for {header.bank_id}, month {header.period}"), style.SUBTITLE),
        _headline(content),
        Spacer(1, 5 * mm),
        facts_table(facts),
        *_section("How to read this", [paragraph(READING), paragraph(VERIFYING)]),
    ]


def _headline(content: PackContent) -> Table:
    """Show the sums in large figures."""
    boxes = []
    for currency, cents in _sums((claim.currency, claim.fee_cents) for claim in content.claims):
        boxes.append((money(cents, currency), "claimed"))
    for currency, cents in _sums(
        (line.currency, line.fee_change_cents) for line in content.adjustments
    ):
        boxes.append((money(cents, currency), "change of fees claimed earlier"))
    touches = sum(len(trail) for trail in content.trails.values())
    if content.claims:
        boxes.append((f"{len(content.claims):,}", _plural(len(content.claims), "claim")))
        boxes.append((f"{touches:,}", _plural(touches, "contact")))
    else:
        boxes.append((f"{len(content.adjustments):,}", "adjusted facts"))
    return boxes_table(boxes)


def _terms(content: PackContent) -> Story:
    if not content.terms:
        return []
    rows = [
        [
            f"{line.contract_version}, {line.clause}",
            line.product_line,
            line.fee_kind,
            money(line.fee_cents, line.currency),
            f"{line.referral_window_days:,} days",
            _validity(line.valid_from_date.isoformat(), line.valid_to_date),
        ]
        for line in content.terms
    ]
    heads = ("Contract, clause", "Product", "Fee for", "Fee", "Window", "Openings")
    parts: list[Any] = [
        paragraph(
            "The fee of each claim is that of the terms in force on the day of the opening. The "
            "window says how old a qualifying contact may be at the opening.",
            style.INTRO,
        ),
        ruled_table(heads, rows, (28, 24, 24, 28, 20, 46), right={3, 4}),
        Spacer(1, 2 * mm),
    ]
    clauses: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for line in content.terms:
        if line.clause not in clauses.setdefault(line.other, []):
            clauses[line.other].append(line.clause)
    for other, named in clauses.items():
        if other:
            further = "; ".join(f"{_worded(name)}: {value}" for name, value in other)
            which = f"{_plural(len(named), 'Clause')} {', '.join(sorted(named))}"
            parts.append(paragraph(marked(f"{which}, further: {further}."), style.SMALL))
    parts.append(Spacer(1, 1.5 * mm))
    parts.append(paragraph(CONTACT))
    return _section("Terms", parts)


def _method(content: PackContent) -> Story:
    rows = [[str(one.tier), one.name.replace("_", " "), one.sentence] for one in content.methods]
    parts: list[Any] = [paragraph(text) for text in METHOD]
    if rows:
        parts.append(
            ruled_table(("Tier", "Matched by", "What it means"), rows, (12, 38, 120), right={0})
        )
    return _section("How claims are found", parts)


def _rules(content: PackContent) -> Story:
    if not content.rules:
        return []
    outcome = {"refused": "not claimed", "review": "looked at by a person"}
    rows = [
        [str(number), rule.sentence, outcome.get(rule.outcome, rule.outcome)]
        for number, rule in enumerate(content.rules, start=1)
    ]
    return _section(
        "What is not claimed",
        [
            paragraph(
                "An opening that matches a person is tried against these rules in this order; the "
                "first that applies decides. What none of them stops is claimed.",
                style.INTRO,
            ),
            ruled_table(("Rule", "If", "the opening is"), rows, (12, 118, 40), right={0}),
        ],
    )


def _totals(content: PackContent) -> Story:
    number: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for claim in content.claims:
        number[claim.currency, claim.product_line] += 1
        cents[claim.currency, claim.product_line] += claim.fee_cents
    if not number:
        return []
    rows, sums = [], []
    for currency in sorted({key[0] for key in number}):
        keys = sorted(key for key in number if key[0] == currency)
        rows += [[key[1], f"{number[key]:,}", money(cents[key], currency)] for key in keys]
        sums.append(len(rows) + 1)
        total = sum(cents[key] for key in keys)
        count = sum(number[key] for key in keys)
        rows.append([f"Total {currency}", f"{count:,}", money(total, currency)])
    table = ruled_table(("Product", "Claims", "Fees"), rows, (70, 40, 60), right={1, 2}, bold=sums)
    return [KeepTogether(_section("Totals", [table]))]


def _adjustments(content: PackContent) -> Story:
    if not content.adjustments:
        return []
    rows = [
        [
            f"{line.bank_reference} (pack {line.issued_in_pack:04d})",
            line.change.replace("_", " "),
            f"{_worded(line.field.removesuffix('_cents'))}: {_value(line.field, line.before)} → "
            f"{_value(line.field, line.after)}",
            money(line.fee_change_cents, line.currency) if line.fee_change_cents else "",
            line.reason or CHANGES[line.change],
        ]
        for line in content.adjustments
    ]
    heads = ("Your reference", "Change", "Before → after", "Change of fee", "Why")
    return _section(
        "Adjustments to earlier packs",
        [
            paragraph(
                "An issued pack is never rewritten. What has changed since is told here, and "
                "counts from this pack on; adjustments.csv has it in full.",
                style.INTRO,
            ),
            ruled_table(heads, rows, (32, 26, 54, 24, 34), right={3}),
        ],
    )


def _claims(content: PackContent) -> Story:
    if not content.claims:
        return []
    story: Story = [
        CondPageBreak(60 * mm),
        *_section(
            "The claims",
            [
                paragraph(
                    "Each strip is one claim. The shaded band is the referral window, each dot a "
                    "qualifying contact, the mark at the right end the opening at the bank. Times "
                    "are UTC.",
                    style.INTRO,
                )
            ],
        ),
        Spacer(1, 2 * mm),
    ]
    for number, claim in enumerate(content.claims, start=1):
        story.append(ClaimTimeline(number, claim, content.trails[claim.claim_id]))
    return story


def _sums(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    cents: Counter[str] = Counter()
    for currency, amount in pairs:
        cents[currency] += amount
    return sorted(cents.items())


def _value(name: str, value: str) -> str:
    if not value:
        return "none"
    return money(int(value)) if name == "fee_cents" else value


def _worded(name: str) -> str:
    return name.removeprefix("is_").replace("min_", "least_").replace("_", " ")


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _validity(start: str, end: object) -> str:
    return f"from {start} until before {end}" if end else f"from {start}"


def _spaced(text: str) -> str:
    """Break a hash into groups, so that a person can compare it and lines can wrap."""
    if len(text) != 64:
        return text
    return " ".join(text[place : place + 8] for place in range(0, 64, 8))
