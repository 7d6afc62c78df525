"""Time stamps of heads by an authority outside (RFC 3161): request, answer, check.

Belongs here: writing the request, reading an answer without trust, keeping it. Doesn't belong here:
talking to the authority, which is the user's to choose and to call.

What is stamped is the exact text of `manifest.json`; its SHA-256 is the head hash, so the answer
proves that this head, and by it the whole chain before it, existed at that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence.countersign import keep, whole_pack
from touchproof.evidence.keys import TSA_FOLDER

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

REQUEST, ANSWER = ".tsq", ".tsr"
MAX_BYTES = 1 << 20
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True)
class TimestampReport:
    """Tell which head was put to an authority, or stamped by it and when."""

    bank_id: str
    pack_number: int
    head_sha256: str
    path: str
    stamped_at: datetime | None


def request(folder: Path) -> TimestampReport:
    """Write the request for a pack's head, once; send it as `application/timestamp-query`.

    Raises:
        BadInputError: If the folder isn't a pack.
        CheckFailedError: If the pack is at fault.
    """
    from rfc3161_client import TimestampRequestBuilder
    from rfc3161_client.base import HashAlgorithm

    pack = whole_pack(folder)
    target = folder.parent / form.TIMESTAMPS / f"{folder.name}{REQUEST}"
    if not target.exists():
        # No nonce: what counts is that the time isn't later, so an older answer is no harm.
        made = (
            TimestampRequestBuilder()
            .data(pack.manifest_raw)
            .hash_algorithm(HashAlgorithm.SHA256)
            .nonce(nonce=False)
            .cert_request(cert_request=True)
            .build()
        )
        keep(target, made.as_bytes())
    return TimestampReport(
        str(pack.bank_id), pack.pack_number or 0, str(pack.manifest_sha256), target.name, None
    )


def accept(folder: Path, answer: Path, certificate: Path, keys_folder: Path) -> TimestampReport:
    """Check an authority's answer against a pack's head and keep both beside the packs.

    Args:
        folder: The pack.
        answer: The authority's answer (`.tsr`, DER).
        certificate: PEM of the authority's certificate or of its issuer; it is trusted from now on.
        keys_folder: Where public keys are handed over from.

    Raises:
        BadInputError: If a file isn't there, or the certificate isn't one.
        CheckFailedError: If the answer isn't one over this head by that authority.
    """
    pack = whole_pack(folder)
    for path in (answer, certificate):
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise BadInputError("There is no such small file", where=path.name)
    trusted = _certificates(certificate)
    content = answer.read_bytes()
    stamped_at, fault = check_answer(content, pack.manifest_raw, trusted)
    if fault:
        raise CheckFailedError(f"The answer {fault}", where=answer.name)
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = b"".join(one.public_bytes(Encoding.PEM) for one in trusted)
    keep(keys_folder / TSA_FOLDER / f"{form.sha256(pem)[:16]}.pem", pem)
    target = folder.parent / form.TIMESTAMPS / f"{folder.name}{ANSWER}"
    keep(target, content)
    return TimestampReport(
        str(pack.bank_id), pack.pack_number or 0, str(pack.manifest_sha256), target.name, stamped_at
    )


def check_answer(
    content: bytes, manifest: bytes, trusted: Sequence[Certificate]
) -> tuple[datetime | None, str | None]:
    """Return when an answer stamped a manifest, and what is wrong with it, if anything.

    Without trusted certificates only the stamped hash is compared; the caller must say so.
    """
    from rfc3161_client import decode_timestamp_response
    from rfc3161_client.errors import VerificationError

    try:
        answer = decode_timestamp_response(content)
        imprint = answer.tst_info.message_imprint
        algorithm = imprint.hash_algorithm.dotted_string
        if algorithm != _SHA256 or imprint.message.hex() != form.sha256(manifest):
            return None, "stamps another head, so the pack isn't what was stamped"
        stamped_at = answer.tst_info.gen_time
        if trusted and not any(_is_by(answer, manifest, one) for one in trusted):
            return stamped_at, "isn't signed by a time-stamping authority that is trusted"
    except (ValueError, VerificationError):
        return None, "isn't an RFC 3161 answer that can be read"
    return stamped_at, None


def _is_by(answer: TimeStampResponse, manifest: bytes, trusted: Certificate) -> bool:
    from rfc3161_client import VerifierBuilder
    from rfc3161_client.errors import VerificationError

    try:
        verifier = VerifierBuilder().add_root_certificate(trusted).build()
        return verifier.verify_message(answer, manifest)
    except (ValueError, VerificationError):
        return False


def trusted_certificates(keys_folder: Path) -> list[Certificate]:
    """Return the certificates of authorities that a folder of public keys trusts.

    Raises:
        BadInputError: If a file isn't a certificate.
    """
    folder = keys_folder / TSA_FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return []
    return [one for path in sorted(folder.glob("*.pem")) for one in _certificates(path)]


def _certificates(path: Path) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates

    if path.is_symlink() or path.stat().st_size > MAX_BYTES:
        raise BadInputError("A certificate is a small plain file", where=path.name)
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise BadInputError("That isn't a certificate in PEM", where=path.name) from None
