"""Checking one pack: file set, seal, hashes, rows, totals, lines against contacts.

Belongs here: the checks inside one folder, with the standard library alone. Doesn't belong here:
the chain and the report (verify.py).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from touchproof.evidence import pack_format as form
from touchproof.evidence.periods import parse_period


@dataclass
class PackCheck:
    """Collect what was read from one pack and what is wrong with it."""

    name: str
    manifest: dict[str, Any] | None = None
    manifest_sha256: str | None = None
    issued_at: datetime | None = None
    claim_ids: list[str] = field(default_factory=list)
    touches: int = 0
    cents: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, file: str, what: str) -> None:
        """Note one fault of a file of this pack."""
        self.faults.append(f"{self.name}/{file}: {what}")

    @property
    def bank_id(self) -> str | None:
        return None if self.manifest is None else str(self.manifest["bank_id"])

    @property
    def pack_number(self) -> int | None:
        return None if self.manifest is None else int(self.manifest["pack_number"])

    @property
    def previous_sha256(self) -> str | None:
        return None if self.manifest is None else self.manifest["previous_manifest_sha256"]


def check_pack(folder: Path) -> PackCheck:
    """Check one pack's folder; faults are collected, never raised."""
    check = PackCheck(folder.name)
    contents = _read_files(folder, check)
    raw = contents.pop(form.MANIFEST, None)
    if raw is None:
        check.fault(form.MANIFEST, "is missing")
        return check
    check.manifest_sha256 = form.sha256(raw)
    manifest = _read_manifest(raw, check)
    if manifest is None:
        return check
    check.manifest = manifest
    check.issued_at = datetime.fromisoformat(manifest["issued_at"])
    _compare_file_set(contents, manifest, check)
    tables = {name: _read_table(name, contents, manifest, check) for name in form.COLUMNS}
    claims, touches = tables[form.CLAIMS], tables[form.TOUCHES]
    if claims is not None:
        _check_claims(claims, manifest, check)
    if touches is not None:
        _check_touches(touches, manifest, check)
    if claims is not None and touches is not None:
        _compare_lines(claims, touches, check)
    return check


def _read_files(folder: Path, check: PackCheck) -> dict[str, bytes]:
    contents = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            check.fault(path.name, "isn't a plain file")
        else:
            contents[path.name] = path.read_bytes()
    return contents


def _read_manifest(raw: bytes, check: PackCheck) -> dict[str, Any] | None:
    try:
        manifest = json.loads(raw.decode())
    except ValueError:
        check.fault(form.MANIFEST, "can't be read as JSON")
        return None
    if not isinstance(manifest, dict) or not _is_well_formed(manifest):
        check.fault(form.MANIFEST, "isn't the manifest of a pack of this format")
        return None
    if form.manifest_bytes(manifest) != raw:
        check.fault(form.MANIFEST, "doesn't match its own seal, so it was changed after the issue")
    return manifest


def _is_well_formed(manifest: Mapping[str, Any]) -> bool:
    """Tell whether every key is there, and of a type that the checks can rely on."""
    if manifest.keys() != form.MANIFEST_KEYS or manifest["format"] != form.FORMAT:
        return False
    texts = ("bank_id", "period", "business_timezone", "night", "issued_at", "code_version")
    numbers = ("pack_number", "claims", "touches")
    previous = manifest["previous_manifest_sha256"]
    try:
        parse_period(manifest["period"])
        moment = datetime.fromisoformat(manifest["issued_at"])
        return (
            all(isinstance(manifest[name], str) for name in texts)
            and all(type(manifest[name]) is int and manifest[name] >= 0 for name in numbers)
            and (previous is None or isinstance(previous, str))
            and moment.tzinfo is not None
            and all(
                isinstance(file["name"], str)
                and isinstance(file["sha256"], str)
                and type(file["rows"]) is int
                for file in manifest["files"]
            )
            and {file["name"] for file in manifest["files"]} >= form.COLUMNS.keys()
            and all(isinstance(batch["batch"], str) for batch in manifest["landed_batches"])
            and isinstance(manifest["totals"], list)
        )
    except Exception:  # noqa: BLE001  (any shape that a forger can think of)
        return False


def _compare_file_set(
    contents: Mapping[str, bytes], manifest: Mapping[str, Any], check: PackCheck
) -> None:
    named = [file["name"] for file in manifest["files"]]
    if len(set(named)) != len(named):
        check.fault(form.MANIFEST, "names a file twice")
    for name in sorted(set(named) - contents.keys()):
        check.fault(name, "is missing")
    for name in sorted(contents.keys() - set(named)):
        check.fault(name, "isn't part of the pack")
    for file in manifest["files"]:
        content = contents.get(file["name"])
        if content is not None and form.sha256(content) != file["sha256"]:
            check.fault(file["name"], "was changed after the issue (its hash isn't the manifest's)")


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


def _check_claims(
    claims: Sequence[Mapping[str, str]], manifest: Mapping[str, Any], check: PackCheck
) -> None:
    check.claim_ids = [row["claim_id"] for row in claims]
    for claim_id, times in Counter(check.claim_ids).items():
        if times > 1:
            check.fault(form.CLAIMS, f"{claim_id} is claimed {times} times")
    if len(claims) != manifest["claims"]:
        check.fault(form.MANIFEST, f"says {manifest['claims']} claims, there are {len(claims)}")
    cents: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for index, row in enumerate(claims, start=1):
        if not all(re.fullmatch("[0-9]+", row[name]) for name in ("fee_cents", "touches")):
            check.fault(form.CLAIMS, f"row {index} has a fee or a count that is no whole number")
            return
        cents[row["currency"]] += int(row["fee_cents"])
        number[row["currency"]] += 1
    check.cents = dict(cents)
    totals = [
        {"currency": name, "claims": number[name], "fee_cents": cents[name]}
        for name in sorted(number)
    ]
    if totals != manifest["totals"]:
        check.fault(form.MANIFEST, "has other totals than the claims add up to")


def _check_touches(
    touches: Sequence[Mapping[str, str]], manifest: Mapping[str, Any], check: PackCheck
) -> None:
    check.touches = len(touches)
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


def _compare_lines(
    claims: Sequence[Mapping[str, str]],
    touches: Sequence[Mapping[str, str]],
    check: PackCheck,
) -> None:
    trails: dict[str, list[Mapping[str, str]]] = {row["claim_id"]: [] for row in claims}
    for index, touch in enumerate(touches, start=1):
        if touch["claim_id"] not in trails:
            check.fault(form.TOUCHES, f"row {index} names a claim that isn't in {form.CLAIMS}")
            return
        trails[touch["claim_id"]].append(touch)
    for claim in claims:
        trail = trails[claim["claim_id"]]
        if fault := _trail_fault(claim, trail):
            check.fault(form.TOUCHES, f"{claim['claim_id']} {fault}")


def _trail_fault(claim: Mapping[str, str], trail: Sequence[Mapping[str, str]]) -> str | None:
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
    except (ValueError, TypeError):
        return "has a time that can't be read"
    return None
