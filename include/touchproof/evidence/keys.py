"""Public keys: whose signatures count, and from when to when.

Belongs here: the folder of public keys that is handed over beside the packs, reading it without
trust, checking a signature with it, adding a key and ending one. Doesn't belong here: private keys
(signing.py). The standard library and `cryptography` are all it needs.

A key is `<key_id>.json` (PEM, role, validity) or `<key_id>.pem` alone, then an issuer's key whose
validity isn't known. Roles: `issuer` signs packs, `bank` countersigns heads. `tsa/*.pem` are the
certificates of time-stamping authorities that are trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from touchproof.durable import write_atomically
from touchproof.errors import BadInputError
from touchproof.evidence.pack_format import sha256, utc_text

ISSUER, BANK = "issuer", "bank"
TSA_FOLDER = "tsa"
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_BYTES = 65_536
_FIELDS = frozenset(
    {"key_id", "role", "owner", "public_key_pem", "valid_from", "valid_to", "is_sandbox"}
)


@dataclass(frozen=True)
class PublicKey:
    """Hold one public key.

    Args:
        key_id: Its name for ever.
        role: `issuer` or `bank`.
        owner: The bank's id, empty for an issuer.
        public_key_pem: SubjectPublicKeyInfo of an Ed25519 key.
        valid_from: Signatures from then on count; None if unknown.
        valid_to: Signatures before then count; None until further notice.
        is_sandbox: Whether it signs a pretend world's packs.
    """

    key_id: str
    role: str
    owner: str
    public_key_pem: str
    valid_from: datetime | None
    valid_to: datetime | None
    is_sandbox: bool

    @property
    def sha256(self) -> str:
        """Return the fingerprint: SHA-256 of the raw 32 bytes."""
        return sha256(load_public(self.public_key_pem).public_bytes(Encoding.Raw, PublicFormat.Raw))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key's holder signed a message."""
        try:
            load_public(self.public_key_pem).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def is_valid_at(self, moment: datetime) -> bool:
        """Tell whether what was signed at a moment counts."""
        begun = self.valid_from is None or self.valid_from <= moment
        return begun and (self.valid_to is None or moment < self.valid_to)

    @property
    def validity(self) -> str:
        """Say from when to when, for a sentence."""
        begin = utc_text(self.valid_from) if self.valid_from else "ever"
        return f"from {begin} to {utc_text(self.valid_to) if self.valid_to else 'further notice'}"


def load_public(pem: str) -> Ed25519PublicKey:
    """Read a PEM public key.

    Raises:
        BadInputError: If it isn't one of Ed25519.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm, UnicodeError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInputError(
            "That isn't an Ed25519 public key", where="public key", todo="Give it as PEM."
        )
    return key


def read_keys(folder: Path) -> dict[str, PublicKey]:
    """Return the public keys of a folder by id.

    Raises:
        BadInputError: If a file isn't a key, or two files name one id differently.
    """
    found: dict[str, PublicKey] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in {".json", ".pem"} or path.name.startswith("."):
            continue
        key = read_key(path)
        other = found.setdefault(key.key_id, key)
        if other.public_key_pem != key.public_key_pem and other.sha256 != key.sha256:
            raise BadInputError("Two keys have one id", where=key.key_id)
    return found


def read_key(path: Path) -> PublicKey:
    """Read one key's file.

    Raises:
        BadInputError: If it isn't one.
    """
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise BadInputError("A public key is a small plain file", where=path.name[:80])
    if not _KEY_ID.fullmatch(path.stem):
        raise BadInputError("A key's file is named by its id", where=path.name[:80])
    text = path.read_bytes().decode(errors="replace")
    if path.suffix == ".pem":
        key = PublicKey(path.stem, ISSUER, "", text, None, None, is_sandbox=False)
    else:
        key = _from_json(path, text)
    load_public(key.public_key_pem)
    return key


def _from_json(path: Path, text: str) -> PublicKey:
    try:
        content: Any = json.loads(text)
        if not isinstance(content, dict) or content.keys() != _FIELDS:
            raise ValueError
        texts = ("key_id", "role", "owner", "public_key_pem")
        if not all(isinstance(content[name], str) for name in texts):
            raise ValueError
        if content["key_id"] != path.stem or content["role"] not in {ISSUER, BANK}:
            raise ValueError
        if type(content["is_sandbox"]) is not bool:
            raise ValueError
        return PublicKey(
            **{name: content[name] for name in texts},
            valid_from=_moment(content["valid_from"]),
            valid_to=_moment(content["valid_to"]),
            is_sandbox=content["is_sandbox"],
        )
    except (ValueError, TypeError, RecursionError):
        raise BadInputError(
            "A public key's file can't be read",
            where=path.name,
            todo=f"It is JSON with {', '.join(sorted(_FIELDS))}.",
        ) from None


def parse_moment(text: str | None) -> datetime | None:
    """Read a date or moment; a date is its first moment in UTC, empty is None.

    Raises:
        BadInputError: If it is neither.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(
            "A key's validity is a date or a moment", where=text[:40], todo="Write YYYY-MM-DD."
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("not a moment")
    return parse_moment(text)


def key_bytes(key: PublicKey) -> bytes:
    """Return the text of a key's file."""
    content: Mapping[str, object] = {
        "key_id": key.key_id,
        "role": key.role,
        "owner": key.owner,
        "public_key_pem": key.public_key_pem,
        "valid_from": utc_text(key.valid_from) if key.valid_from else None,
        "valid_to": utc_text(key.valid_to) if key.valid_to else None,
        "is_sandbox": key.is_sandbox,
    }
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def publish_key(folder: Path, key: PublicKey) -> PublicKey:
    """Put a key beside the packs, unless it is there; return what lies there.

    A key that was ended there stays ended; one that is given with an end is ended.

    Raises:
        BadInputError: If the id names another key, or one of another role or beginning.
    """
    if not _KEY_ID.fullmatch(key.key_id):
        raise BadInputError(
            "A key's id can't name a file",
            where=key.key_id[:80],
            todo="Use lower-case letters, digits, dots, dashes and underscores.",
        )
    path = folder / f"{key.key_id}.json"
    if path.exists():
        there = read_key(path)
        same = (there.role, there.owner, there.is_sandbox) == (key.role, key.owner, key.is_sandbox)
        if there.sha256 != key.sha256 or not same or there.valid_from != key.valid_from:
            raise BadInputError(
                "A key id names one key for ever",
                where=f"{folder.name}/{path.name}",
                todo="Give the new key an id of its own.",
            )
        if there.valid_to is not None or key.valid_to is None:
            return there
    _write(path, key)
    return key


def end_key(folder: Path, key_id: str, valid_to: datetime) -> PublicKey:
    """End a key's validity; it can only become shorter.

    Raises:
        BadInputError: If there is no such key, or it ended earlier already.
    """
    path = folder / f"{key_id}.json"
    if not _KEY_ID.fullmatch(key_id) or not path.exists():
        raise BadInputError("There is no such public key", where=key_id[:80])
    key = read_key(path)
    if key.valid_to is not None and key.valid_to < valid_to:
        raise BadInputError(
            "A key's validity can't grow", where=key_id, todo=f"It ended {utc_text(key.valid_to)}."
        )
    ended = replace(key, valid_to=valid_to)
    _write(path, ended)
    return ended


def _write(path: Path, key: PublicKey) -> None:
    write_atomically(path, key_bytes(key))
    path.chmod(0o444)
