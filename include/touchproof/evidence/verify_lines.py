"""Checking one pack's rows: headers, counts, totals, lines against contacts and terms.

Belongs here: what the three tables of a pack must satisfy among themselves and with the manifest.
Doesn't belong here: bytes and hashes (verify_pack.py), other packs (verify_chain.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from touchproof.evidence import pack_format as form
from touchproof.evidence.told import FIELDS, Row
from touchproof.evidence.verify_pack import PackCheck

_COUNT = re.compile("[0-9]{1,18}")
_CENTS = re.compile("-?[0-9]{1,18}")


def check_lines(check: PackCheck, contents: Mapping[str, bytes]) -> None:
    """Read a pack's tables and check them; what is well-formed is kept in `check.tables`."""
    manifest = check.manifest or {}
    for name in form.COLUMNS:
        rows = _read_table(name, contents, manifest, check)
        if rows is not None and _NUMBERS_ARE_NUMBERS[name](rows, check):
            check.tables[name] = rows
    tables = check.tables
    if form.CLAIMS in tables:
        _check_claims(tables[form.CLAIMS], manifest, check)
    if form.TOUCHES in tables:
        _check_touches(tables[form.TOUCHES], manifest, check)
    if form.ADJUSTMENTS in tables:
        _check_adjustments(tables[form.ADJUSTMENTS], manifest, check)
    if form.CLAIMS in tables and form.TOUCHES in tables:
        _compare_lines(tables[form.CLAIMS], tables[form.TOUCHES], check)


def _read_table(
    name: str, contents: Mapping[str, bytes], manifest: Mapping[str, Any], check: PackCheck
) -> list[dict[str, str]] | None:
    if name not in contents:
        return None
    columns = form.COLUMNS[name]
    try:
        rows = form.read_csv(contents[name])
    except ValueError:
        check.fault(name, "can't be read as CSV in UTF-8")
        return None
    if not rows or tuple(rows[0]) != columns:
        check.fault(name, "has another header than this format")
        return None
    expected = next(file["rows"] for file in manifest["files"] if file["name"] == name)
    if len(rows) - 1 != expected:
        check.fault(name, f"has {len(rows) - 1} rows, the manifest says {expected}")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(columns):
            check.fault(name, f"row {number} has {len(row)} cells instead of {len(columns)}")
            return None
    return [dict(zip(columns, row, strict=True)) for row in rows[1:]]


def _numbers_in(name: str, columns: Sequence[str], pattern: re.Pattern[str]) -> Any:
    def check_numbers(rows: Sequence[Row], check: PackCheck) -> bool:
        for number, row in enumerate(rows, start=1):
            for column in columns:
                if not pattern.fullmatch(row[column]):
                    check.fault(name, f"row {number} has a {column} that is no whole number")
                    return False
        return True

    return check_numbers


_NUMBERS_ARE_NUMBERS = {
    form.CLAIMS: _numbers_in(form.CLAIMS, ("fee_cents", "touches", "referral_window_days"), _COUNT),
    form.TOUCHES: _numbers_in(form.TOUCHES, ("touch_number",), _COUNT),
    form.ADJUSTMENTS: _numbers_in(form.ADJUSTMENTS, ("fee_change_cents",), _CENTS),
}


def _check_claims(claims: Sequence[Row], manifest: Mapping[str, Any], check: PackCheck) -> None:
    for claim_id, times in Counter(row["claim_id"] for row in claims).items():
        if times > 1:
            check.fault(form.CLAIMS, f"{claim_id} is claimed {times} times")
    if len(claims) != manifest["claims"]:
        check.fault(form.MANIFEST, f"says {manifest['claims']} claims, there are {len(claims)}")
    if (manifest["kind"] == "claims") != bool(claims):
        check.fault(form.MANIFEST, f"says kind {manifest['kind']}, there are {len(claims)} claims")
    cents: Counter[str] = Counter()
    number: Counter[str] = Counter()
    terms = {tuple(str(line.get(name)) for name in _TERMS_OF_CLAIM) for line in manifest["terms"]}
    for row in claims:
        cents[row["currency"]] += int(row["fee_cents"])
        number[row["currency"]] += 1
        if tuple(row[name] for name in _TERMS_OF_CLAIM) not in terms:
            check.fault(form.MANIFEST, f"holds no terms for the claim {row['claim_id']}")
    check.cents = dict(cents)
    totals = [
        {"currency": name, "claims": number[name], "fee_cents": cents[name]}
        for name in sorted(number)
    ]
    if totals != manifest["totals"]:
        check.fault(form.MANIFEST, "has other totals than the claims add up to")


_TERMS_OF_CLAIM = (
    "contract_version",
    "clause",
    "product_line",
    "fee_kind",
    "currency",
    "referral_window_days",
)


def _check_touches(touches: Sequence[Row], manifest: Mapping[str, Any], check: PackCheck) -> None:
    if len(touches) != manifest["touches"]:
        check.fault(form.MANIFEST, f"says {manifest['touches']} contacts, there are {len(touches)}")
    batches = sorted({row["batch"] for row in touches})
    listed = [batch["batch"] for batch in manifest["landed_batches"]]
    if batches != listed:
        check.fault(form.MANIFEST, "lists other landed batches than the trail names")
    for batch in manifest["landed_batches"]:
        content = batch.get("content_sha256")
        if content is not None and not str(content).startswith(batch["batch"]):
            check.fault(form.MANIFEST, f"gives batch {batch['batch']} another content's hash")


def _check_adjustments(
    adjustments: Sequence[Row], manifest: Mapping[str, Any], check: PackCheck
) -> None:
    said = manifest["adjustments"]
    if len(adjustments) != said:
        check.fault(form.MANIFEST, f"says {said} adjustments, there are {len(adjustments)}")
    numbers = [row["adjustment_number"] for row in adjustments]
    if numbers != [str(number) for number in range(1, len(numbers) + 1)]:
        check.fault(form.ADJUSTMENTS, "isn't numbered from 1 on")
    cents: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for place, row in enumerate(adjustments, start=1):
        if row["field"] not in FIELDS:
            check.fault(form.ADJUSTMENTS, f"row {place} adjusts what no pack tells")
        cents[row["currency"]] += int(row["fee_change_cents"])
        number[row["currency"]] += 1
    check.adjusted_cents = dict(cents)
    totals = [
        {"currency": name, "adjustments": number[name], "fee_change_cents": cents[name]}
        for name in sorted(number)
    ]
    if totals != manifest["adjustment_totals"]:
        check.fault(form.MANIFEST, "has other totals than the adjustments add up to")


def _compare_lines(claims: Sequence[Row], touches: Sequence[Row], check: PackCheck) -> None:
    trails: dict[str, list[Row]] = {row["claim_id"]: [] for row in claims}
    for index, touch in enumerate(touches, start=1):
        if touch["claim_id"] not in trails:
            check.fault(form.TOUCHES, f"row {index} names a claim that isn't in {form.CLAIMS}")
            return
        trails[touch["claim_id"]].append(touch)
    for claim in claims:
        trail = trails[claim["claim_id"]]
        if fault := _trail_fault(claim, trail):
            check.fault(form.TOUCHES, f"{claim['claim_id']} {fault}")


def _trail_fault(claim: Row, trail: Sequence[Row]) -> str | None:
    numbers = [touch["touch_number"] for touch in trail]
    if not trail or claim["touches"] != str(len(trail)):
        return f"has {len(trail)} contacts, its line says {claim['touches']}"
    if numbers != [str(number) for number in range(1, len(trail) + 1)]:
        return "has contacts that aren't numbered from 1 on"
    try:
        times = [datetime.fromisoformat(touch["touched_at"]) for touch in trail]
        opened = datetime.fromisoformat(claim["opened_at"])
        first = datetime.fromisoformat(claim["first_touched_at"])
        if times != sorted(times) or times[0] != first:
            return "has another first contact than its line says, or contacts out of order"
        if times[-1] >= opened:
            return "has a contact that isn't before the opening"
        if times[0] < opened - timedelta(days=int(claim["referral_window_days"])):
            return "has a contact before its window"
    except (ValueError, TypeError, OverflowError):
        return "has a time that can't be read"
    return None
