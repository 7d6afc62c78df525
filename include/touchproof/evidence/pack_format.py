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
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

FORMAT = "touchproof evidence pack 1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CLAIMS = "claims.csv"
TOUCHES = "touches.csv"
SEAL = "seal_sha256"

CLAIM_COLUMNS = (
    "claim_id",
    "bank_reference",
    "product_line",
    "fee_kind",
    "opened_date",
    "opened_at",
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
COLUMNS = {CLAIMS: CLAIM_COLUMNS, TOUCHES: TOUCH_COLUMNS}

MANIFEST_KEYS = frozenset(
    {
        "format",
        "bank_id",
        "pack_number",
        "period",
        "business_timezone",
        "night",
        "issued_at",
        "code_version",
        "previous_manifest_sha256",
        "files",
        "claims",
        "touches",
        "totals",
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


def _canonical(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def utc_text(moment: datetime) -> str:
    """Return a moment as `2026-05-01T15:30:00Z`; one without a zone is taken as UTC."""
    aware = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def sha256(content: bytes) -> str:
    """Return the hex SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
