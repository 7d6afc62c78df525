"""The private key that signs packs: where it comes from, and who may use which.

Belongs here: the production key out of the settings (which Airflow's connection fills), a pretend
world's own key. Doesn't belong here: public keys and checking (keys.py).

The world `main` signs with a real key only; every other world signs with a key that it makes for
itself, even if a real one is configured, so that no real key ever vouches for pretend claims.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from touchproof.errors import CheckFailedError, ConfigurationError
from touchproof.evidence.keys import ISSUER, PublicKey, parse_moment
from touchproof.evidence.pack_format import utc_text
from touchproof.settings import Settings

_SANDBOX_PREFIX = "sandbox-"
_SANDBOX_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_WHERE = "connection touchproof_evidence_key"


@dataclass(frozen=True)
class Signer:
    """Sign manifests with one key; the private half isn't shown."""

    public: PublicKey
    _private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.public.key_id})"

    def sign(self, message: bytes) -> bytes:
        """Return 64 raw bytes of Ed25519 over a message; the same message gives the same bytes."""
        return self._private.sign(message)

    def require_valid_at(self, moment: datetime) -> None:
        """Refuse to sign outside the key's validity.

        Raises:
            CheckFailedError: If the key doesn't count at that moment.
        """
        if not self.public.is_valid_at(moment):
            raise CheckFailedError(
                f"The signing key isn't valid at {utc_text(moment)}, only {self.public.validity}",
                where=self.public.key_id,
                todo="Put the key that is valid now into the connection.",
            )


def signer_of(settings: Settings) -> Signer:
    """Return the signer of a world.

    Raises:
        ConfigurationError: If the production world has no usable key.
    """
    if not settings.is_production:
        return _sandbox_signer(settings.paths.sandbox_evidence_key)
    if settings.evidence_private_key is None or not settings.evidence_key_id:
        raise ConfigurationError(
            "The world main issues no pack without a signing key",
            where=_WHERE,
            todo="Give the key's id as login and the Ed25519 private key (PEM) as password.",
        )
    if settings.evidence_key_id.startswith(_SANDBOX_PREFIX):
        raise ConfigurationError("A sandbox key can't sign for the world main", where=_WHERE)
    pem = settings.evidence_private_key.get_secret_value().replace("\\n", "\n")
    return signer(
        settings.evidence_key_id,
        _private_key(pem),
        parse_moment(settings.evidence_key_valid_from),
        parse_moment(settings.evidence_key_valid_to),
    )


def signer(
    key_id: str,
    private: Ed25519PrivateKey,
    valid_from: datetime | None,
    valid_to: datetime | None,
    *,
    is_sandbox: bool = False,
) -> Signer:
    """Return the signer of a private key."""
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public = PublicKey(key_id, ISSUER, "", pem.decode(), valid_from, valid_to, is_sandbox)
    return Signer(public, private)


def _private_key(pem: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Nothing of the text may reach a log: it may be the key, miswritten.
        raise ConfigurationError(
            "The signing key isn't an unencrypted Ed25519 private key in PEM", where=_WHERE
        ) from None
    return key


def _sandbox_signer(file: Path) -> Signer:
    """Return a pretend world's signer, making its key at first use."""
    if not file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        _write_private(file, pem)
    private = _private_key(file.read_text())
    made = signer("", private, _SANDBOX_VALID_FROM, None, is_sandbox=True)
    key_id = f"{_SANDBOX_PREFIX}{made.public.sha256[:8]}"
    return signer(key_id, private, _SANDBOX_VALID_FROM, None, is_sandbox=True)


def _write_private(file: Path, pem: bytes) -> None:
    """Write a key's file whole, readable by its owner alone; who comes second keeps the first's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
