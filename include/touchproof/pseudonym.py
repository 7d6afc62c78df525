"""Pseudonyms: keyed hashes by which an identifier is named outside the PII layers.

Belongs here: the hash as SQL, for dbt's connections and for whoever reads a handoff by it. Doesn't
belong here: the banks' hashes (skips/keyed_hash.py), which have keys of their own.
"""

from __future__ import annotations

import hashlib

PSEUDONYM_CHARACTERS = 32
_BLOCK = hashlib.sha256().block_size


def pseudonym_macro(key: bytes) -> str:
    """Return SQL that creates `pseudonym(text)`: the first 32 hex digits of HMAC-SHA256 (RFC 2104).

    Args:
        key: The pseudonym key.
    """
    return (
        "create or replace temporary macro pseudonym(plain) as "
        f"left({hmac_sql(key, 'plain')}, {PSEUDONYM_CHARACTERS})"
    )


def hmac_sql(key: bytes, plain: str) -> str:
    """Return SQL of the HMAC-SHA256 (RFC 2104) of a text, 64 hex digits."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = bytes(byte ^ 0x36 for byte in block).hex()
    outer = bytes(byte ^ 0x5C for byte in block).hex()
    return f"sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode({plain}))))"
