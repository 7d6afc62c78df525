"""Checking one pack: file set, seal, hashes, signature.

Belongs here: reading a folder without trusting anything in it, and what its manifest must satisfy.
Doesn't belong here: rows and totals (verify_lines.py), the chain (verify_chain.py), the report
(verify.py). The workbook and the document are hashed, never parsed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from touchproof.evidence import pack_format as form
from touchproof.evidence.keys import ISSUER, PublicKey
from touchproof.evidence.periods import parse_period
from touchproof.evidence.told import Row, ToldPack

MAX_MANIFEST_BYTES = 64 << 20
MAX_TABLE_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20
_HASH = re.compile("[0-9a-f]{64}")


@dataclass
class PackCheck:
    """Collect what was read from one pack and what is wrong with it."""

    name: str
    manifest: dict[str, Any] | None = None
    manifest_raw: bytes = b""
    signature: bytes | None = None
    issued_at: datetime | None = None
    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    cents: dict[str, int] = field(default_factory=dict)
    adjusted_cents: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, file: str, what: str) -> None:
        """Note one fault of a file of this pack."""
        self.faults.append(f"{self.name}/{file}: {what}")

    def rows(self, name: str) -> Sequence[Row]:
        """Return the rows of a table, none if it couldn't be read."""
        return self.tables.get(name, [])

    @property
    def claim_ids(self) -> list[str]:
        return [row["claim_id"] for row in self.rows(form.CLAIMS)]

    @property
    def touches(self) -> int:
        return len(self.rows(form.TOUCHES))

    @property
    def adjustments(self) -> int:
        return len(self.rows(form.ADJUSTMENTS))

    @property
    def told(self) -> ToldPack:
        """Return the pack's rows for the fold over the chain."""
        rows = (self.rows(form.CLAIMS), self.rows(form.TOUCHES), self.rows(form.ADJUSTMENTS))
        return ToldPack(self.pack_number or 0, *rows)

    @property
    def manifest_sha256(self) -> str | None:
        return form.sha256(self.manifest_raw) if self.manifest_raw else None

    @property
    def bank_id(self) -> str | None:
        return None if self.manifest is None else str(self.manifest["bank_id"])

    @property
    def pack_number(self) -> int | None:
        return None if self.manifest is None else int(self.manifest["pack_number"])

    @property
    def kind(self) -> str | None:
        return None if self.manifest is None else str(self.manifest["kind"])

    @property
    def is_sandbox(self) -> bool:
        return self.manifest is not None and bool(self.manifest["is_sandbox"])

    @property
    def previous_sha256(self) -> str | None:
        return None if self.manifest is None else self.manifest["previous_manifest_sha256"]


def check_pack(folder: Path, keys: Mapping[str, PublicKey] | None) -> PackCheck:
    """Check one pack's folder; faults are collected, never raised.

    Args:
        folder: The pack.
        keys: Public keys by id; None leaves the signature unchecked, which the caller must say.
    """
    from touchproof.evidence.verify_lines import check_lines

    check = PackCheck(folder.name)
    if folder.is_symlink() or not folder.is_dir():
        check.fault("", "isn't a plain folder")
        return check
    found = _plain_files(folder, check)
    if form.MANIFEST not in found:
        check.fault(form.MANIFEST, "is missing")
        return check
    raw = _read(folder / form.MANIFEST, MAX_MANIFEST_BYTES)
    if raw is None:
        check.fault(form.MANIFEST, "is too large to be one")
        return check
    check.manifest_raw = raw
    check.manifest = _read_manifest(raw, check)
    if check.manifest is None:
        return check
    check.issued_at = datetime.fromisoformat(check.manifest["issued_at"])
    contents = _compare_files(folder, found, check)
    _check_signature(folder, found, keys, check)
    check_lines(check, contents)
    return check


def _plain_files(folder: Path, check: PackCheck) -> set[str]:
    """Return the names of the plain files; anything else is a fault."""
    found = set()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                check.fault(_name(entry.name), "isn't a plain file")
            else:
                found.add(entry.name)
    return found


def _read(path: Path, limit: int) -> bytes | None:
    """Return a plain file's bytes; None if there are more than the limit."""
    with _opened(path) as file:
        content: bytes = file.read(limit + 1)
    return content if len(content) <= limit else None


def _opened(path: Path) -> Any:
    """Open a plain file, even if it was swapped for a link since it was listed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a plain file")
    return os.fdopen(descriptor, "rb")


def _read_manifest(raw: bytes, check: PackCheck) -> dict[str, Any] | None:
    manifest: Any = None
    try:
        manifest = json.loads(raw.decode())
        well_formed = isinstance(manifest, dict) and _is_well_formed(manifest)
        is_sealed = well_formed and form.manifest_bytes(manifest) == raw
    except (ValueError, RecursionError):  # of UTF-8, JSON, surrogates, depth
        check.fault(form.MANIFEST, "can't be read as JSON")
        return None
    if not well_formed:
        said = manifest.get("format") if isinstance(manifest, dict) else None
        older = isinstance(said, str) and said != form.FORMAT and said.startswith(form.FORMAT[:-1])
        which = f"of {form.FORMAT}, but of an older format" if older else "of a pack of this format"
        check.fault(form.MANIFEST, f"isn't the manifest {which}")
        return None
    if not is_sealed:
        check.fault(form.MANIFEST, "doesn't match its own seal, so it was changed after the issue")
    return dict(manifest)


def _is_well_formed(manifest: Mapping[str, Any]) -> bool:
    """Tell whether every key is there, and of a type that the checks can rely on."""
    if manifest.keys() != form.MANIFEST_KEYS or manifest["format"] != form.FORMAT:
        return False
    texts = ("bank_id", "pack_id", "period", "business_timezone", "night", "issued_at")
    numbers = ("pack_number", "claims", "touches", "adjustments")
    lists = ("terms", "totals", "adjustment_totals", "landed_batches", "files")
    previous = manifest["previous_manifest_sha256"]
    try:
        parse_period(manifest["period"])
        moment = datetime.fromisoformat(manifest["issued_at"])
        key, code = manifest["signing_key"], manifest["code"]
        return (
            all(isinstance(manifest[name], str) for name in texts)
            and all(type(manifest[name]) is int and manifest[name] >= 0 for name in numbers)
            and all(isinstance(manifest[name], list) for name in lists)
            and manifest["kind"] in form.KINDS
            and type(manifest["is_sandbox"]) is bool
            and (previous is None or _HASH.fullmatch(previous) is not None)
            and moment.tzinfo is not None
            and key.keys() == {"algorithm", "key_id", "public_key_sha256"}
            and key["algorithm"] == "Ed25519"
            and all(isinstance(key[name], str) for name in key)
            and code.keys()
            == {"touchproof_version", "dbt_project_sha256", "dbt_project_files", "queries"}
            and all(
                file.keys() == {"name", "sha256", "bytes", "rows"}
                and _HASH.fullmatch(file["sha256"]) is not None
                and all(type(file[name]) is int and file[name] >= 0 for name in ("bytes", "rows"))
                for file in manifest["files"]
            )
            and [file["name"] for file in manifest["files"]] == sorted(form.FILES)
            and all(isinstance(batch["batch"], str) for batch in manifest["landed_batches"])
            and all(isinstance(line["clause"], str) for line in manifest["terms"])
        )
    except Exception:  # noqa: BLE001  (any shape that a forger can think of)
        return False


def _compare_files(folder: Path, found: set[str], check: PackCheck) -> dict[str, bytes]:
    """Compare the folder with the manifest's list; return the tables' bytes."""
    manifest = check.manifest or {}
    known = {form.MANIFEST, form.SIGNATURE}
    named = {file["name"]: file for file in manifest["files"]}
    for name in sorted(named.keys() - found):
        check.fault(name, "is missing")
    for name in sorted(found - named.keys() - known):
        check.fault(_name(name), "isn't part of the pack")
    contents = {}
    for name in sorted(named.keys() & found):
        size, path = named[name]["bytes"], folder / name
        if path.lstat().st_size != size:
            check.fault(
                name, f"was changed after the issue (it has another length than {size:,} bytes)"
            )
        elif name in form.COLUMNS and size > MAX_TABLE_BYTES:
            check.fault(name, "is too large to be read")
        elif name not in form.COLUMNS:
            _require_hash(name, _hash_of(path), named[name]["sha256"], check)
        else:
            content = _read(path, size) or b""
            _require_hash(name, form.sha256(content), named[name]["sha256"], check)
            contents[name] = content
    if contents.keys() == form.COLUMNS.keys():
        expected = form.pack_id(manifest["bank_id"], manifest["pack_number"], contents)
        if manifest["pack_id"] != expected:
            check.fault(form.MANIFEST, "has another pack id than its lines give")
    return contents


def _require_hash(name: str, found: str, expected: str, check: PackCheck) -> None:
    if found != expected:
        check.fault(name, "was changed after the issue (its hash isn't the manifest's)")


def _hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with _opened(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _check_signature(
    folder: Path, found: set[str], keys: Mapping[str, PublicKey] | None, check: PackCheck
) -> None:
    manifest = check.manifest or {}
    key_id = manifest["signing_key"]["key_id"]
    shown = _name(key_id)
    if form.SIGNATURE not in found:
        check.fault(form.SIGNATURE, "is missing, so nobody vouches for the pack")
        return
    signature = _read(folder / form.SIGNATURE, form.SIGNATURE_BYTES)
    if signature is None or len(signature) != form.SIGNATURE_BYTES:
        check.fault(form.SIGNATURE, f"isn't {form.SIGNATURE_BYTES} bytes long")
        return
    check.signature = signature
    if keys is None:
        return
    key = keys.get(key_id)
    if key is None or key.role != ISSUER:
        check.fault(form.SIGNATURE, f"can't be checked: there is no issuer's public key {shown}")
    elif key.sha256 != manifest["signing_key"]["public_key_sha256"]:
        check.fault(form.SIGNATURE, f"was made with another key that is called {shown} too")
    elif not key.verifies(signature, check.manifest_raw):
        check.fault(form.SIGNATURE, f"isn't that of the key {shown} over {form.MANIFEST}")
    elif check.issued_at is not None and not key.is_valid_at(check.issued_at):
        check.fault(
            form.SIGNATURE,
            f"is dated {manifest['issued_at']}, the key {shown} counts only {key.validity}",
        )
    elif key.is_sandbox != manifest["is_sandbox"]:
        kind = "a sandbox" if key.is_sandbox else "a real"
        check.fault(form.MANIFEST, f"isn't marked as what it is, for {kind} key signed it")


def _name(text: str) -> str:
    """Return a name that came from outside as one short printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80])
