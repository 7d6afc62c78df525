"""Countersignatures: a bank's own signature over a head, so that we can't rewrite what it has.

Belongs here: checking one, keeping it beside the packs and in the ledger. Doesn't belong here: the
bank's private key, which never comes to us.

The bank signs the exact bytes of `manifest.json` with an Ed25519 key of its own. Each manifest
names the hash before it, so one countersignature binds the whole chain up to its pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from touchproof.clock import Clock
from touchproof.durable import write_atomically
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence.keys import BANK, PublicKey, load_public, publish_key
from touchproof.evidence.verify_pack import PackCheck, check_pack

SUFFIX = ".sig"


@dataclass(frozen=True)
class CountersignReport:
    """Tell which head was countersigned, by which key, and where that lies."""

    bank_id: str
    pack_number: int
    head_sha256: str
    key_id: str
    path: str


def countersignature_fault(
    pack: PackCheck, signature: bytes | None, keys: Mapping[str, PublicKey]
) -> str | None:
    """Say what is wrong with a bank's countersignature of a pack, if anything.

    Args:
        pack: The pack.
        signature: Its bytes; None if the file isn't a plain one of 64 bytes.
        keys: Public keys by id; those of the role `bank` and this bank count.
    """
    if signature is None or len(signature) != form.SIGNATURE_BYTES:
        return f"isn't a plain file of {form.SIGNATURE_BYTES} bytes"
    own = [key for key in keys.values() if key.role == BANK and key.owner == pack.bank_id]
    if not own:
        return "can't be checked: there is no public key of the bank"
    if not any(key.verifies(signature, pack.manifest_raw) for key in own):
        return f"isn't the bank's over this {form.MANIFEST}, so the pack isn't what it signed"
    return None


def countersign(
    folder: Path, public_key: Path, signature_file: Path, keys_folder: Path, clock: Clock
) -> CountersignReport:
    """Check a bank's countersignature of a pack and keep it beside the packs.

    Args:
        folder: The pack.
        public_key: The bank's public key, PEM.
        signature_file: 64 raw bytes over the pack's `manifest.json`.
        keys_folder: Where public keys are handed over from; the bank's is added.
        clock: Gives the moment from which a new key of the bank counts.

    Raises:
        BadInputError: If a file isn't there, or isn't what it should be.
        CheckFailedError: If the pack is at fault or the signature isn't the key's over it.
    """
    pack = whole_pack(folder)
    for path in (public_key, signature_file):
        if not path.is_file() or path.stat().st_size > 65_536:
            raise BadInputError("There is no such small file", where=path.name)
    pem = public_key.read_bytes().decode(errors="replace")
    load_public(pem)
    bank = str(pack.bank_id)
    bare = PublicKey("", BANK, bank, pem, clock().replace(microsecond=0), None, pack.is_sandbox)
    key_id = f"{bank}-{bare.sha256[:8]}"
    key = PublicKey(key_id, BANK, bank, pem, bare.valid_from, None, pack.is_sandbox)
    signature = signature_file.read_bytes()
    if fault := countersignature_fault(pack, signature, {key_id: key}):
        raise CheckFailedError(f"The countersignature {fault}", where=signature_file.name)
    if not (keys_folder / f"{key_id}.json").exists():
        publish_key(keys_folder, key)
    target = folder.parent / form.COUNTERSIGNATURES / f"{folder.name}{SUFFIX}"
    keep(target, signature)
    return CountersignReport(
        bank, pack.pack_number or 0, str(pack.manifest_sha256), key_id, target.name
    )


def whole_pack(folder: Path) -> PackCheck:
    """Return the check of a pack that is whole, its signature aside.

    Raises:
        BadInputError: If the folder isn't a pack.
        CheckFailedError: If the pack is at fault.
    """
    if not folder.is_dir() or not (folder / form.MANIFEST).exists():
        raise BadInputError("That isn't a pack", where=folder.name, todo="Name its folder.")
    pack = check_pack(folder, None)
    if pack.faults or pack.manifest is None:
        raise CheckFailedError(f"The pack isn't whole: {pack.faults[0]}", where=folder.name)
    return pack


def keep(target: Path, content: bytes) -> None:
    """Write a proof that never changes: the same content again is fine, another is refused.

    Raises:
        CheckFailedError: If another one is there.
    """
    if target.exists():
        if target.read_bytes() == content:
            return
        raise CheckFailedError(
            "There is another one already, and it is never replaced",
            where=f"{target.parent.name}/{target.name}",
            todo="Move it aside by hand if it was wrong.",
        )
    write_atomically(target, content)
    target.chmod(0o444)
