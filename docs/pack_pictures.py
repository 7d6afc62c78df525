"""Draw the pictures of docs/finance.md from an example pack: `make pack-pictures`.

Belongs here: a made-up pack, put through the code that makes every pack, and turning its pages into
pictures. Doesn't belong here: how packs look (evidence/pdf.py, evidence/workbook.py).

It needs Debian's poppler-utils and libreoffice-calc. Usage: pack_pictures.py [CLAIMS [FOLDER]];
with a folder the pack's files are left there and docs/images isn't touched.
"""

from __future__ import annotations

import csv
import hashlib
import random
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageOps

from touchproof.evidence.adjustments import CHANGES
from touchproof.evidence.lines import (
    AdjustmentLine,
    ClaimLine,
    Code,
    Method,
    PackHeader,
    Rule,
    Terms,
    TouchLine,
)
from touchproof.evidence.pack import build_pack

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
SEEDS = ROOT / "dbt_project" / "seeds" / "skips"
BANK, PERIOD = "northlake", "2026-05"
PAGES = {1: "pack_pdf_title", 2: "pack_pdf_terms", 4: "pack_pdf_claims"}
CONTACTS = (
    ("Paid Search", "click", "ga4"),
    ("Email", "click", "email"),
    ("Paid Social", "visit", "ga4"),
    ("Direct Mail", "scan", "media"),
    ("Referral", "form_submit", "app"),
)


def example(claims: int) -> dict[str, bytes]:
    """Return the files of a made-up pack, unsigned; the same number gives the same bytes."""
    chance = random.Random(7)
    terms = [_terms(row) for row in _seed("bank_terms") if row["bank_id"] == BANK]
    lines, touches = [], []
    for number in range(claims):
        line, trail = _claim(number, chance, terms)
        lines.append(line)
        touches += trail
    header = PackHeader(
        kind="claims",
        bank_id=BANK,
        pack_number=3,
        period=PERIOD,
        business_timezone="America/New_York",
        night=date(2026, 6, 1),
        issued_at=datetime(2026, 6, 2, 9, 30, tzinfo=UTC),
        is_sandbox=True,
        key_id="sandbox-3f9a17c2",
        key_sha256=_hash("key"),
        code=Code("0.1.0", _hash("dbt"), 212, {}),
        previous_manifest_sha256=_hash("previous"),
    )
    return build_pack(
        header,
        lines,
        touches,
        {touch.batch: _hash(touch.batch) for touch in touches},
        adjustments=_adjustments(),
        terms=terms,
        rules=[
            Rule(row["code"], row["outcome"], row["sentence"])
            for row in _seed("skip_eligibility_rules")
        ],
        methods=[
            Method(int(row["match_tier"]), row["match_method"], row["sentence"])
            for row in _seed("skip_match_methods")
        ],
    )


def _claim(
    number: int, chance: random.Random, terms: list[Terms]
) -> tuple[ClaimLine, list[TouchLine]]:
    product = chance.choice(["savings", "savings", "checking", "checking", "loan", "transfer"])
    day = date(2026, 5, 1 + number % 31)
    of_day = [
        line
        for line in terms
        if line.product_line == product
        and line.valid_from_date <= day
        and (line.valid_to_date is None or day < line.valid_to_date)
    ]
    line, is_date_only = of_day[0], number % 5 == 0
    opened = datetime(2026, 5, day.day, 4, tzinfo=UTC)
    if not is_date_only:
        opened += timedelta(minutes=chance.randrange(540, 1020))
    claim_id = f"clm_{_hash(f'claim {number}')[:32]}"
    count = chance.choice([1, 1, 2, 3, 3, 4, 6, 9, 14])
    times = sorted(
        opened - timedelta(minutes=chance.randrange(30, 89 * 1440)) for _ in range(count)
    )
    trail = []
    for place, moment in enumerate(times, start=1):
        channel, interaction, source = chance.choice(CONTACTS)
        trail.append(
            TouchLine(
                claim_id=claim_id,
                touch_number=place,
                touched_at=moment,
                channel=channel,
                interaction=interaction,
                source_system=source,
                source_event_id=_hash(f"{claim_id} {place}")[:32],
                batch=_hash(f"{source} {moment.date()}")[:12],
                landed_at=moment + timedelta(hours=9),
            )
        )
    made = ClaimLine(
        claim_id=claim_id,
        bank_reference=f"NL-{2026000 + number * 37}-{_hash(str(number))[:4].upper()}",
        product_line=product,
        fee_kind=line.fee_kind,
        contract_version=line.contract_version,
        clause=line.clause,
        referral_window_days=line.referral_window_days,
        opened_date=day,
        opened_at=opened,
        is_date_only=is_date_only,
        first_touched_at=times[0],
        match_method=chance.choice(["referral_token", "email", "email", "name_birth_postcode"]),
        fee_cents=line.fee_cents,
        currency=line.currency,
    )
    return made, trail


def _adjustments() -> list[AdjustmentLine]:
    told = (
        ("withdrawn", "standing", "claimed", "withdrawn", -4500, "Opened by a test account."),
        ("fee_corrected", "fee_cents", "6000", "4500", -1500, ""),
        (
            "contact_lost",
            "contact",
            f"2026-03-14T10:22:31Z | Email | click | email | {_hash('lost')[:32]}",
            "",
            0,
            "",
        ),
    )
    return [
        AdjustmentLine(
            claim_id=f"clm_{_hash(f'earlier {number}')[:32]}",
            bank_reference=f"NL-{2025000 + number * 11}-{_hash(str(number))[:4].upper()}",
            issued_in_pack=2,
            change=change,
            field=field,
            before=before,
            after=after,
            fee_change_cents=cents,
            currency="USD",
            changed_at=datetime(2026, 5, 20, 14, 5, tzinfo=UTC) if reason else None,
            reason=reason or CHANGES[change],
        )
        for number, (change, field, before, after, cents, reason) in enumerate(told)
    ]


def _terms(row: dict[str, str]) -> Terms:
    ends = row["valid_to_date"]
    return Terms(
        contract_version=row["contract_version"],
        clause=row["clause"],
        product_line=row["product_line"],
        fee_kind=row["fee_kind"],
        fee_cents=int(row["fee_cents"]),
        currency=row["currency"],
        valid_from_date=date.fromisoformat(row["valid_from_date"]),
        valid_to_date=date.fromisoformat(ends) if ends else None,
        referral_window_days=int(row["referral_window_days"]),
        other=(
            ("is_fee_lawful", "yes"),
            ("is_share_consent_required", "no"),
            ("claim_deadline_days", row["claim_deadline_days"]),
        ),
    )


def _seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def draw(folder: Path) -> None:
    """Turn the pack of a folder into the committed pictures."""
    for page, name in PAGES.items():
        _page(folder / "evidence.pdf", page, IMAGES / f"{name}.png")
    subprocess.run(
        [
            *("soffice", "--headless", "--convert-to", "pdf", "--outdir"),
            folder / "sheets",
            folder / "summary.xlsx",
        ],
        check=True,
        capture_output=True,
    )
    for page, name in {1: "pack_xlsx_summary", 2: "pack_xlsx_claims"}.items():
        _page(folder / "sheets" / "summary.pdf", page, IMAGES / f"{name}.png", cropped=True)


def _page(document: Path, page: int, picture: Path, *, cropped: bool = False) -> None:
    """Draw one page; a sheet's picture ends below its last row, without its footer."""
    resolution = "100" if cropped else "80"
    stem = picture.with_suffix("")
    subprocess.run(
        [
            *(
                "pdftoppm",
                "-png",
                "-singlefile",
                "-r",
                resolution,
                "-f",
                str(page),
                "-l",
                str(page),
            ),
            document,
            stem,
        ],
        check=True,
    )
    image = Image.open(picture).convert("RGB")
    if cropped:
        above_footer = image.crop((0, 0, image.width, int(image.height * 0.93)))
        box = ImageOps.invert(above_footer.convert("L")).getbbox() or (0, 0, *image.size)
        image = image.crop((box[0] - 10, box[1] - 10, box[2] + 10, box[3] + 10))
    image.quantize(64, dither=Image.Dither.NONE).save(picture, optimize=True)
    print(f"{picture.name}: {picture.stat().st_size:,} bytes")


def main() -> None:
    """Make the example and draw it, or leave its files in a folder."""
    claims = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[2] if len(sys.argv) > 2 else temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in example(claims).items():
            (folder / name).write_bytes(content)
        if len(sys.argv) <= 2:
            draw(folder)


if __name__ == "__main__":
    main()
