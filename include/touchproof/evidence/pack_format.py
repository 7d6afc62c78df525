"""What a pack looks like: names, columns, cells, the manifest's canonical text.

Belongs here: everything that the maker (pack.py) and the checker (verify.py) must agree on, with
the standard library alone. Doesn't belong here: where the content comes from, and checking it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

FORMAT = "touchproof evidence pack 2"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
SIGNATURE_BYTES = 64
CLAIMS = "claims.csv"
TOUCHES = "touches.csv"
ADJUSTMENTS = "adjustments.csv"
SUMMARY = "summary.xlsx"
DOCUMENT = "evidence.pdf"
SEAL = "seal_sha256"

PUBLIC_KEYS = "public_keys"
COUNTERSIGNATURES = "countersignatures"
TIMESTAMPS = "timestamps"
BESIDE_PACKS = frozenset({COUNTERSIGNATURES, TIMESTAMPS})
"""What a bank's folder may hold besides its packs."""

CLAIM_COLUMNS = (
    "claim_id",
    "bank_reference",
    "product_line",
    "fee_kind",
    "contract_version",
    "clause",
    "referral_window_days",
    "opened_date",
    "opened_at",
    "is_date_only",
    "first_touched_at",
    "match_method",
    "touches",
    "fee_cents",
    "currency",
)
TOUCH_COLUMNS = (
    "claim_id",
    "touch_number",
    "touched_at",
    "channel",
    "interaction",
    "source_system",
    "source_event_id",
    "batch",
    "landed_at",
)
ADJUSTMENT_COLUMNS = (
    "adjustment_number",
    "claim_id",
    "bank_reference",
    "issued_in_pack",
    "change",
    "field",
    "before",
    "after",
    "fee_change_cents",
    "currency",
    "changed_at",
    "reason",
)
COLUMNS = {
    CLAIMS: CLAIM_COLUMNS,
    TOUCHES: TOUCH_COLUMNS,
    ADJUSTMENTS: ADJUSTMENT_COLUMNS,
}
FILES = (*COLUMNS, SUMMARY, DOCUMENT)
"""Every file that a manifest lists; beside them lie the manifest and its signature."""

KINDS = ("claims", "adjustment")

MANIFEST_KEYS = frozenset(
    {
        "format",
        "kind",
        "bank_id",
        "pack_number",
        "pack_id",
        "period",
        "business_timezone",
        "night",
        "issued_at",
        "is_sandbox",
        "signing_key",
        "code",
        "terms",
        "previous_manifest_sha256",
        "files",
        "claims",
        "touches",
        "adjustments",
        "totals",
        "adjustment_totals",
        "landed_batches",
        SEAL,
    }
)

_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def folder_name(pack_number: int) -> str:
    """Return the folder of a pack below its bank's, e.g. `0007`."""
    return f"{pack_number:04d}"


def safe_cell(value: object) -> str:
    """Write one value so that no spreadsheet takes it for a formula.

    A text that begins like one (blanks aside) gets an apostrophe; genuine numbers stay. Times are
    UTC and end in `Z`; None is an empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).replace("\0", "\ufffd")
    start = text[:1] if text[:1] in _FORMULA_STARTS else text.lstrip()[:1]
    if start in _FORMULA_STARTS and start and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return RFC 4180 text (UTF-8, CRLF, header) with safe cells."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def read_csv(content: bytes) -> list[list[str]]:
    """Return header and rows of a pack's CSV file.

    Raises:
        ValueError: If it isn't UTF-8 or not well-formed.
    """
    text = content.decode()  # UnicodeDecodeError is a ValueError
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise ValueError("not well-formed CSV") from error


def manifest_bytes(content: dict[str, Any]) -> bytes:
    """Return the one text of a manifest, sealed: its own hash without the seal is part of it."""
    unsealed = {key: value for key, value in content.items() if key != SEAL}
    seal = hashlib.sha256(_canonical(unsealed)).hexdigest()
    return _canonical({**unsealed, SEAL: seal})


def pack_id(bank_id: str, pack_number: int, csv_files: Mapping[str, bytes]) -> str:
    """Return what a pack's pages name it by: a hash of its lines, known before the manifest."""
    lines = [f"{bank_id}/{folder_name(pack_number)}"]
    lines += [f"{name} {sha256(csv_files[name])}" for name in sorted(COLUMNS)]
    return sha256("\n".join(lines).encode())[:16]


def money(cents: int, currency: str = "") -> str:
    """Write cents as units with thousands separators, e.g. `-1,234.50 USD`."""
    units, rest = divmod(abs(cents), 100)
    text = f"{'-' if cents < 0 else ''}{units:,}.{rest:02d}"
    return f"{text} {currency}".strip()


def _canonical(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def utc_text(moment: datetime) -> str:
    """Return a moment as `2026-05-01T15:30:00Z`; one without a zone is taken as UTC."""
    aware = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def sha256(content: bytes) -> str:
    """Return the hex SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
